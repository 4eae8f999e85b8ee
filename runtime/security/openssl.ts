/** Where OpenSSL comes from. @module */
import { OpensslLibrary, OpensslUnavailable } from "../../ffi/openssl/mod.ts";
import { UsageError } from "../../protocol/errors.ts";

/**
 * The library; `DROVER_OPENSSL_LIBRARY` says where it is, if it is not where the system looks. `action`: what it is for.
 *
 * @throws UsageError `OpensslMissing`
 */
export function opensslLibrary(action: string): OpensslLibrary {
  try {
    return OpensslLibrary.load(Deno.env.get("DROVER_OPENSSL_LIBRARY"));
  } catch (error) {
    if (!(error instanceof OpensslUnavailable)) throw error;
    throw new UsageError("OpensslMissing", `${action}: ${error.message}`, { cause: error });
  }
}
