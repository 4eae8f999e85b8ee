/** Signing and sealing after an NTLM dialogue, with extended session security and key exchange ([MS-NLMP] 3.4). @module */
import { ProtocolError, UsageError } from "../errors.ts";
import { HmacMd5 } from "./md5.ts";
import { messageBytes } from "./message_bytes.ts";
import { directionKeys, type NtlmRole, sameSecret } from "./ntlm_crypto.ts";
import { Rc4 } from "./rc4.ts";

const signatureLength = 16;
const headerLength = 4 + signatureLength;

/** One direction of a session. */
class Direction {
  readonly #mac: HmacMd5;
  readonly #cipher: Rc4;
  // Arrays that are filled for each message: a new one costs as much as the hash of 200 bytes.
  readonly #number = new Uint8Array(4);
  readonly #checksum = new Uint8Array(16);
  readonly #checksumStart = this.#checksum.subarray(0, 8);
  #sequence: number;

  constructor(sessionKey: Uint8Array, sender: NtlmRole, first: number) {
    this.#sequence = first;
    const { signKey, sealKey } = directionKeys(sessionKey, sender);
    this.#mac = new HmacMd5(signKey);
    this.#cipher = new Rc4(sealKey);
    signKey.fill(0);
    sealKey.fill(0);
  }

  /** Enciphers or deciphers; a message's bytes come before its signature in the key stream ([MS-NLMP] 3.4.3). */
  crypt(data: Uint8Array, output?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return this.#cipher.apply(data, output);
  }

  /**
   * Writes the signature of the next message ([MS-NLMP] 3.4.4.2), its checksum enciphered because of the key exchange, into
   * `output` at `at`.
   */
  signNext(message: Uint8Array, output: Uint8Array, at: number): void {
    if (this.#sequence > 0xffff_ffff) {
      throw new ProtocolError(
        "NtlmSequenceExhausted",
        "sign message: the sequence numbers of the session are used up",
      );
    }
    const number = this.#number;
    for (let i = 0; i < 4; i++) number[i] = this.#sequence >>> 8 * i;
    this.#sequence++;
    this.#mac.digest([number, message], this.#checksum);
    this.#cipher.apply(this.#checksumStart, this.#checksumStart);
    // The version, 1 in four bytes: `output` is new, or had nothing but signatures before.
    output[at] = 1;
    output.set(this.#checksumStart, at + 4);
    output.set(number, at + 12);
  }

  rewind(): void {
    this.#cipher.rewind();
  }

  wipe(): void {
    this.#mac.wipe();
    this.#cipher.wipe();
  }
}

/** The message protection of one NTLM session, seen from one side. */
export class NtlmSession {
  readonly #outgoing: Direction;
  readonly #incoming: Direction;
  readonly #expected = new Uint8Array(signatureLength);
  /** Whether sealing was agreed on beside signing. */
  readonly canSeal: boolean;
  #broken = false;
  #wiped = false;

  /**
   * `sessionKey` is the exported session key (16 bytes); `role` says which side this is; `first` is the number of the first message,
   * which is 0 but where a test wants to come to the last one.
   */
  constructor(sessionKey: Uint8Array, role: NtlmRole, canSeal = true, first = 0) {
    this.canSeal = canSeal;
    this.#outgoing = new Direction(sessionKey, role, first);
    this.#incoming = new Direction(sessionKey, role === "client" ? "server" : "client", first);
  }

  /** The signature of `message` (GSS_GetMIC). */
  sign(message: Uint8Array): Uint8Array {
    this.#assertAlive("sign message");
    const signature = new Uint8Array(signatureLength);
    this.#outgoing.signNext(message, signature, 0);
    return signature;
  }

  /** Verifies a signature that the peer made of `message`. Throws `ProtocolError` (`SealBroken`) when it is wrong. */
  verify(message: Uint8Array, signature: Uint8Array): void {
    this.#assertAlive("verify message");
    this.#verify("verify message", message, signature);
  }

  /** Length (u32 LE, 16), signature and ciphertext of `plaintext`: what stands in a `multipart/encrypted` part. */
  seal(plaintext: Uint8Array): Uint8Array {
    this.#assertAlive("seal message");
    const sealed = messageBytes(headerLength + plaintext.length);
    sealed[0] = signatureLength;
    this.#outgoing.crypt(plaintext, sealed.subarray(headerLength));
    this.#outgoing.signNext(plaintext, sealed, 4);
    return sealed;
  }

  /**
   * Verifies and deciphers what {@link NtlmSession.seal} of the peer made. Throws `ProtocolError` (`SealMalformed`,
   * `SealBroken`); after that the session unseals nothing any more, as the key streams no longer agree.
   */
  unseal(sealed: Uint8Array): Uint8Array {
    this.#assertAlive("unseal message");
    if (sealed.length < headerLength) {
      this.#broken = true;
      throw new ProtocolError(
        "SealMalformed",
        `unseal message: ${sealed.length} bytes are shorter than a length and a signature`,
      );
    }
    const length = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0, true);
    if (length !== signatureLength) {
      this.#broken = true;
      throw new ProtocolError("SealMalformed", `unseal message: the signature's length is ${length}, not 16`);
    }
    const plaintext = messageBytes(sealed.length - headerLength);
    this.#incoming.crypt(sealed.subarray(headerLength), plaintext);
    this.#verify("unseal message", plaintext, sealed.subarray(4, headerLength));
    return plaintext;
  }

  /**
   * Rewinds the key stream of one direction, not its sequence number. Both sides do it after a mechListMIC: the first
   * message of the application uses the same key state as the MIC did ([MS-SPNG] 3.3.5.1).
   */
  rewind(direction: "outgoing" | "incoming"): void {
    (direction === "outgoing" ? this.#outgoing : this.#incoming).rewind();
  }

  /** Overwrites all keys. Idempotent. */
  wipe(): void {
    this.#wiped = true;
    this.#outgoing.wipe();
    this.#incoming.wipe();
  }

  #verify(action: string, message: Uint8Array, signature: Uint8Array): void {
    // The sequence number is part of the expected signature: a replayed, lost or reordered message fails here too.
    this.#incoming.signNext(message, this.#expected, 0);
    if (sameSecret(this.#expected, signature)) return;
    this.#broken = true;
    throw new ProtocolError(
      "SealBroken",
      `${action}: the signature does not fit the message or its place in the session`,
    );
  }

  #assertAlive(action: string): void {
    if (this.#wiped) {
      throw new UsageError("ContextDisposed", `${action}: the security context was disposed of`);
    }
    if (this.#broken) {
      throw new ProtocolError("SealBroken", `${action}: an earlier message failed verification`);
    }
  }
}
