/**
 * What the protocol layer needs from outside: security contexts. NTLM and SPNEGO are implemented inside the
 * layer; Kerberos (GSSAPI) and CredSSP (a TLS engine) join behind the same interface from `runtime/security`.
 * @module
 */
import type { DroverError } from "./errors.ts";

/** Outcome of one step of an authentication dialogue. */
export type SecurityStep =
  /** Send `token` and wait for the peer's answer. */
  | { readonly kind: "continue"; readonly token: Uint8Array }
  /** Established. `token`, where present, must still reach the peer. */
  | { readonly kind: "done"; readonly token?: Uint8Array }
  /** The dialogue failed; the context is dead. `token`, where present, tells the peer why. */
  | { readonly kind: "failed"; readonly error: DroverError; readonly token?: Uint8Array };

/**
 * One side of an authentication dialogue, bound to one connection.
 *
 * `step` is an effect: `done` is called exactly once, at once or later (a KDC may be asked on the way). `seal` and
 * `unseal` work only after `done`, in order, and throw `ProtocolError` when a message fails verification.
 */
export interface SecurityContext {
  /** Whether the dialogue ended well. */
  readonly established: boolean;
  /** Who the peer is, on the accepting side, once established: as the client named itself (`DOMAIN\user` or `user`). */
  readonly principal: string | undefined;
  /** The mechanism that was agreed on, once known. */
  readonly mechanism: "NTLM" | "Kerberos" | "CredSSP" | undefined;
  /** Why it is not the mechanism that was preferred, on the initiating side; absent: it is. */
  readonly fallback?: string | undefined;
  /** Milliseconds from its establishment until it ends, as a ticket does; absent: it lasts as long as its connection. */
  readonly lifetimeMs?: number | undefined;
  /** The error that a step under way will end in when nobody answers it, whom it asks beside the peer; absent: it asks nobody. */
  readonly pending?: DroverError | undefined;
  /** Takes the peer's token (`undefined` for an initiator's first step). */
  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void;
  /** Signs and encrypts one message: the bytes after the part headers of `multipart/encrypted` (length, token, ciphertext). */
  seal(plaintext: Uint8Array): Uint8Array;
  /** Verifies and decrypts one message in the form that {@link SecurityContext.seal} makes. */
  unseal(sealed: Uint8Array): Uint8Array;
  /** Wipes key material. Idempotent. */
  dispose(): void;
}

/**
 * One side of a TLS connection without a socket: bytes in, bytes out, at once. CredSSP has one inside of HTTP. All but `dispose` throw
 * `ProtocolError` (`TlsFailed`) when the peer breaks TLS; then nothing more can be done with it.
 */
export interface TlsSession {
  /** Takes bytes of the peer's handshake (empty: begins), gives back ours. `done`: encrypted data may follow. */
  handshake(input: Uint8Array): { readonly output: Uint8Array; readonly done: boolean };
  /** SubjectPublicKeyInfo of the server's certificate (DER): the peer's of a client, its own of a server. Once done. */
  readonly serverKey: Uint8Array;
  /** Bytes that the negotiated suite puts behind a record's ciphertext. Once done. */
  readonly trailerLength: number;
  /** Encrypts; one record for each 16 KB. */
  encrypt(plaintext: Uint8Array): Uint8Array;
  /** Decrypts whole records. */
  decrypt(records: Uint8Array): Uint8Array;
  /** Wipes the keys. Idempotent. */
  dispose(): void;
}
