/** Loading libssl, and the one check of its results. @module */
import { OpensslError, OpensslUnavailable } from "./errors.ts";
import { type OpensslFunctions, opensslSymbols } from "./symbols.ts";

/** Where OpenSSL 3 stands on Linux. */
const defaultPath = "libssl.so.3";

const advice =
  "install OpenSSL 3 (Debian and Ubuntu: libssl3, Fedora: openssl-libs), or say with DROVER_OPENSSL_LIBRARY " +
  "where it is";

/** openssl/err.h: ERR_REASON_MASK. */
const reasonMask = 0x7fffffn;

const loaded = new Map<string, OpensslLibrary>();

/** The library, loaded once for each path. */
export class OpensslLibrary {
  /** The functions. */
  readonly functions: OpensslFunctions;

  private constructor(functions: OpensslFunctions) {
    this.functions = functions;
  }

  /**
   * Loads the library at `path`; default: where the system's loader finds OpenSSL 3.
   *
   * @throws OpensslUnavailable when it cannot be loaded
   */
  static load(path: string | undefined): OpensslLibrary {
    const file = path ?? defaultPath;
    const known = loaded.get(file);
    if (known !== undefined) return known;
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
      throw new OpensslUnavailable("the process may not load native libraries; run it with --allow-ffi");
    }
    if (path === undefined && Deno.build.os !== "linux") {
      throw new OpensslUnavailable(
        `no library is known for ${Deno.build.os}; DROVER_OPENSSL_LIBRARY can name libssl of OpenSSL 3`,
      );
    }
    let library: OpensslLibrary;
    try {
      library = new OpensslLibrary(Deno.dlopen(file, opensslSymbols).symbols);
    } catch (cause) {
      throw new OpensslUnavailable(`${file} cannot be loaded; ${advice}`, { cause });
    }
    loaded.set(file, library);
    return library;
  }

  /** The result of a call that gives a pointer. Throws {@link OpensslError} for NULL. */
  pointer(call: string, result: Deno.PointerValue): NonNullable<Deno.PointerValue> {
    if (result === null) throw this.error(call);
    return result;
  }

  /** Checks a call that gives 1 for success. Throws {@link OpensslError}. */
  check(call: string, result: number | bigint): void {
    if (Number(result) !== 1) throw this.error(call);
  }

  /** The error that the library has noted last; forgets all that it has noted. */
  error(call: string): OpensslError {
    const { ERR_peek_last_error, ERR_clear_error, ERR_reason_error_string } = this.functions;
    const code = ERR_peek_last_error();
    ERR_clear_error();
    const reason = code === 0n ? null : ERR_reason_error_string(code);
    return new OpensslError(
      call,
      reason === null ? "no reason is given" : textAt(reason),
      Number(code & reasonMask),
    );
  }
}

/** The C string at a pointer. */
export function textAt(pointer: NonNullable<Deno.PointerValue>): string {
  return Deno.UnsafePointerView.getCString(pointer);
}
