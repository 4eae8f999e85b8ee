/** The inner TLS of CredSSP: OpenSSL by FFI behind the protocol's port. @module */
import { X509Certificate } from "node:crypto";
import { OpensslConnection, OpensslContext, OpensslError } from "../../ffi/openssl/mod.ts";
import { publicKeyInfoOf } from "../../protocol/auth/x509.ts";
import { ProtocolError, UsageError } from "../../protocol/errors.ts";
import type { TlsSession } from "../../protocol/ports.ts";
import { opensslLibrary } from "./openssl.ts";

/** Makes sessions of one role. */
export interface TlsSessions {
  /** A session that has said nothing yet. */
  create(): TlsSession;
}

/** TLS 1.2 alone: with 1.3 the client would speak last in the handshake and first behind it, which peers do not expect. */
const versions = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
/** Suites whose trailer has a fixed length, which CredSSP tells with each message. */
const ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM";

let clients: TlsSessions | undefined;

/**
 * Sessions of clients. A server's certificate is checked by nobody here: CredSSP itself proves its key.
 *
 * @throws UsageError `OpensslMissing`
 */
export function clientTlsSessions(): TlsSessions {
  if (clients !== undefined) return clients;
  const context = new OpensslContext(opensslLibrary("use CredSSP"), { role: "client", ...versions, ciphers });
  return clients = { create: () => new OpensslSession(context, undefined) };
}

/** Throws UsageError `OpensslMissing` where there is no OpenSSL. */
export function assertOpenssl(): void {
  opensslLibrary("use CredSSP");
}

/**
 * Sessions of a server with this certificate (PEM).
 *
 * @throws UsageError `OpensslMissing`, `CertificateInvalid`
 */
export function serverTlsSessions(certificate: string, key: string): TlsSessions {
  let context: OpensslContext;
  try {
    context = new OpensslContext(opensslLibrary("use CredSSP"), {
      role: "server",
      ...versions,
      ciphers,
      certificate,
      key,
    });
  } catch (error) {
    if (!(error instanceof OpensslError)) throw error;
    throw new UsageError("CertificateInvalid", `use certificate for CredSSP: ${error.text}`, {
      cause: error,
    });
  }
  const publicKey = publicKeyInfoOf(new Uint8Array(new X509Certificate(certificate).raw));
  return { create: () => new OpensslSession(context, publicKey) };
}

class OpensslSession implements TlsSession {
  readonly #connection: OpensslConnection;
  readonly #ownKey: Uint8Array | undefined;
  #serverKey: Uint8Array | undefined;

  constructor(context: OpensslContext, ownKey: Uint8Array | undefined) {
    this.#connection = new OpensslConnection(context);
    this.#ownKey = ownKey;
  }

  handshake(input: Uint8Array): { readonly output: Uint8Array; readonly done: boolean } {
    return typed("do TLS handshake", () => this.#connection.handshake(input));
  }

  get serverKey(): Uint8Array {
    return this.#serverKey ??= this.#ownKey ?? this.#peerKey();
  }

  get trailerLength(): number {
    return /CCM8|CCM_8/.test(this.#connection.cipher) ? 8 : 16;
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    return typed("encrypt", () => this.#connection.encrypt(plaintext));
  }

  decrypt(records: Uint8Array): Uint8Array {
    return typed("decrypt", () => this.#connection.decrypt(records));
  }

  dispose(): void {
    this.#connection[Symbol.dispose]();
  }

  #peerKey(): Uint8Array {
    const der = this.#connection.peerCertificate;
    if (der === undefined) {
      throw new ProtocolError("TlsFailed", "do TLS handshake: the server has no certificate");
    }
    return publicKeyInfoOf(der);
  }
}

function typed<T>(action: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof OpensslError)) throw error;
    throw new ProtocolError("TlsFailed", `${action} in CredSSP: ${error.text}`, { cause: error });
  }
}
