/** Contexts of OpenSSL, shared by connections with the same settings. @module */
import { createHash } from "node:crypto";
import type { TlsClientOptions, TlsIdentity } from "../../actors/ports.ts";
import {
  OpensslContext,
  OpensslError,
  type OpensslLibrary,
  OpensslTrustStore,
} from "../../ffi/openssl/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { opensslLibrary } from "../security/openssl.ts";
import { systemRoots } from "./tls_roots.ts";
import type { Trust } from "./tls_trust.ts";

/** Settings that are kept ready; a fleet has one for all hosts, or one for each kind of host. */
const keptContexts = 64;
/** Lists of roots that are kept ready; each takes some milliseconds to read. */
const keptStores = 8;
/** All that OpenSSL has but suites without authentication or encryption. */
const legacyCiphers = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0";

const contexts = new Map<string, OpensslContext>();
const stores = new Map<string, OpensslTrustStore>();

/**
 * The context for clients with these options.
 *
 * @throws UsageError `OpensslMissing`, `CertificateInvalid`
 */
export function clientContext(options: TlsClientOptions, trust: Trust): OpensslContext {
  const { identity, legacy = false } = options;
  return kept(
    contexts,
    keptContexts,
    [legacy, trust.chain, trust.ca ?? null, ...identityKey(identity)],
    () => {
      const library = opensslLibrary("use TLS engine openssl");
      const store = trust.chain ? trustStore(library, trust.ca) : undefined;
      return usable("use client certificate", () =>
        new OpensslContext(library, {
          role: "client",
          minVersion: legacy ? "TLSv1" : "TLSv1.2",
          maxVersion: "TLSv1.3",
          lateCertificate: true,
          insecureRenegotiation: legacy,
          ...(legacy ? { ciphers: legacyCiphers } : {}),
          ...(store === undefined ? {} : { trust: store }),
          ...(identity === undefined
            ? {}
            : "pfx" in identity
            ? { pkcs12: identity.pfx, passphrase: identity.passphrase }
            : { certificate: identity.certificate, key: identity.key }),
        }));
    },
  );
}

function trustStore(library: OpensslLibrary, ca: string | undefined): OpensslTrustStore {
  return kept(stores, keptStores, [ca ?? null], () => {
    const store = new OpensslTrustStore(library);
    for (const root of systemRoots()) {
      try {
        store.add(root);
      } catch (error) {
        // One that this library cannot read is trusted by nobody here; the others are.
        if (!(error instanceof OpensslError)) throw error;
      }
    }
    if (ca !== undefined) usable("read certificate authorities", () => store.add(ca));
    return store;
  });
}

function usable<T>(action: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof OpensslError)) throw error;
    throw new UsageError("CertificateInvalid", `${action}: ${error.text}`, { cause: error });
  }
}

function identityKey(identity: TlsIdentity | undefined): string[] {
  if (identity === undefined) return [];
  return "pfx" in identity
    ? ["pfx", identity.pfx.toHex(), identity.passphrase]
    : ["pem", identity.certificate, identity.key];
}

/** What was made for `key` before, or is made now; the one that was not asked for the longest goes. */
function kept<T extends Disposable>(all: Map<string, T>, most: number, key: unknown[], make: () => T): T {
  // Not the key itself: there are secrets in it.
  const id = createHash("sha256").update(JSON.stringify(key)).digest("hex");
  const made = all.get(id) ?? make();
  all.delete(id);
  all.set(id, made);
  if (all.size > most) {
    const [oldest, value] = all.entries().next().value!;
    all.delete(oldest);
    value[Symbol.dispose]();
  }
  return made;
}
