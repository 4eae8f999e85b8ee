/** Security contexts of Kerberos: the dialogue, and the protection of messages (RFC 4121). @module */
import { continueNeeded, GssFlag, GssOid, IovType, outOfSequence } from "./constants.ts";
import type { Credential } from "./credential.ts";
import { GssError } from "./errors.ts";
import { Handle } from "./handle.ts";
import type { GssLibrary } from "./library.ts";
import { addressOf, Frame, type Native, u32Of } from "./memory.ts";
import { displayName, nameHandle } from "./name.ts";

/** What came of one step. */
export interface ContextStep {
  /** For the peer; empty: nothing. */
  readonly token: Uint8Array;
  /** Whether the context stands. */
  readonly complete: boolean;
  /** Seconds that the ticket is still good for; an acceptor's include the clock skew that is allowed. */
  readonly ticketSeconds: number;
}

/** How an initiator's context is made. */
export interface InitiatorSpec {
  readonly credential: Credential;
  /** Name of the service's principal. */
  readonly target: Handle;
  /** {@link GssFlag}s. */
  readonly flags: number;
  /** `application_data` of the channel bindings. */
  readonly bindings: Uint8Array | undefined;
}

/** How an acceptor's context is made. */
export interface AcceptorSpec {
  readonly credential: Credential;
  /** `application_data` of the channel bindings. */
  readonly bindings: Uint8Array | undefined;
}

/** Bytes of one gss_iov_buffer_desc { OM_uint32 type; gss_buffer_desc buffer; }. */
const iovSize = 24;
/** Length of the token that a sealed message begins with is told in so many bytes. */
const lengthSize = 4;

/** One context. Its calls must not overlap. */
export class GssContext implements Disposable {
  readonly #library: GssLibrary;
  readonly #handle: Handle;
  readonly #minor: Native = new Uint8Array(new ArrayBuffer(4));
  readonly #state: Native = new Uint8Array(new ArrayBuffer(4));
  readonly #iov: Native = new Uint8Array(new ArrayBuffer(3 * iovSize));
  readonly #iovView = new DataView(this.#iov.buffer);
  #headerLength = 0;
  #flags = 0;

  /** A context without a dialogue yet. */
  constructor(library: GssLibrary) {
    this.#library = library;
    this.#handle = new Handle((slot) => {
      library.functions.gss_delete_sec_context(new Uint8Array(4), slot, null);
    });
  }

  /** {@link GssFlag}s that the context has, once it stands. */
  get flags(): number {
    return this.#flags;
  }

  /**
   * A step of the initiator; may ask a KDC, unless it is done `inPlace`: only where a ticket is known to be there. No other call may
   * use the credential meanwhile: the library locks it for as long as it takes.
   *
   * @throws GssError
   */
  async initiate(spec: InitiatorSpec, token: Uint8Array | undefined, inPlace: boolean): Promise<ContextStep> {
    const { credential, target } = spec;
    return await this.#step("gss_init_sec_context", (frame, minor, output, flags, seconds) => {
      const call = [
        minor,
        credential.handle.pointer,
        this.#handle.slot,
        target.pointer,
        frame.oid(GssOid.krb5),
        spec.flags,
        0,
        spec.bindings === undefined ? null : frame.bindings(spec.bindings),
        token === undefined ? null : frame.buffer(frame.copy(token)),
        null,
        output,
        flags,
        seconds,
      ] as const;
      if (inPlace) {
        const major = this.#library.functions.gss_init_sec_context(...call);
        return this.#library.check("gss_init_sec_context", major, minor);
      }
      frame.hold([spec, credential.handle, target]);
      return credential.handle.during(() =>
        target.during(() =>
          this.#library.async(
            "gss_init_sec_context",
            frame,
            minor,
            (functions) => functions.initContextAsync(...call),
          )
        )
      );
    });
  }

  /**
   * A step of the acceptor; reads the keytab and the replay cache, unless those are in memory: then it may be done `inPlace`.
   *
   * @throws GssError
   */
  async accept(spec: AcceptorSpec, token: Uint8Array, inPlace: boolean): Promise<ContextStep> {
    using source = nameHandle(this.#library);
    return await this.#step("gss_accept_sec_context", (frame, minor, output, flags, seconds) => {
      const call = [
        minor,
        this.#handle.slot,
        spec.credential.handle.pointer,
        frame.buffer(frame.copy(token)),
        spec.bindings === undefined ? null : frame.bindings(spec.bindings),
        source.slot,
        null,
        output,
        flags,
        seconds,
        null,
      ] as const;
      if (inPlace) {
        const major = this.#library.functions.gss_accept_sec_context(...call);
        return this.#library.check("gss_accept_sec_context", major, minor);
      }
      frame.hold([spec, source]);
      return spec.credential.handle.during(() =>
        this.#library.async(
          "gss_accept_sec_context",
          frame,
          minor,
          (functions) => functions.acceptContextAsync(...call),
        )
      );
    });
  }

  async #step(
    call: string,
    run: (
      frame: Frame,
      minor: Native,
      output: Native,
      flags: Native,
      seconds: Native,
    ) => Promise<number> | number,
  ): Promise<ContextStep> {
    const frame = new Frame();
    const [output, flags, seconds] = [frame.buffer(), frame.zeros(4), frame.zeros(4)];
    let major: number;
    let token: Uint8Array;
    frame.hold(this);
    frame.wanted = () => !this.#handle.isDisposed;
    try {
      major = await this.#handle.during(() => run(frame, frame.zeros(4), output, flags, seconds));
    } finally {
      // A token may come with an error, too (KRB-ERROR): its memory is given back in any case.
      token = this.#library.take(output);
      frame.end();
    }
    if ((major & outOfSequence) !== 0) throw new GssError(call, major, 0, "the token was replayed or is old");
    const complete = (major & continueNeeded) === 0;
    if (complete) {
      this.#flags = u32Of(flags);
      this.#headerLength = this.#measure();
    }
    return { token, complete, ticketSeconds: u32Of(seconds) };
  }

  /** Who the two sides are: `name@REALM`. */
  names(): { readonly source: string; readonly target: string } {
    using source = nameHandle(this.#library);
    using target = nameHandle(this.#library);
    const minor = this.#minor;
    const major = this.#library.functions.gss_inquire_context(
      minor,
      this.#handle.pointer,
      source.slot,
      target.slot,
      new Uint8Array(4),
      null,
      new Uint8Array(4),
      null,
      null,
    );
    this.#library.check("gss_inquire_context", major, minor);
    return { source: displayName(this.#library, source), target: displayName(this.#library, target) };
  }

  /** The signature of `message`. */
  sign(message: Uint8Array): Uint8Array {
    const frame = new Frame();
    const token = frame.buffer();
    const major = this.#library.functions.gss_get_mic(
      this.#minor,
      this.#handle.pointer,
      0,
      frame.buffer(frame.copy(message)),
      token,
    );
    frame.end();
    this.#library.check("gss_get_mic", major, this.#minor);
    return this.#library.take(token);
  }

  /**
   * Verifies a signature that the peer made of `message`.
   *
   * @throws GssError
   */
  verify(message: Uint8Array, signature: Uint8Array): void {
    const frame = new Frame();
    const major = this.#library.functions.gss_verify_mic(
      this.#minor,
      this.#handle.pointer,
      frame.buffer(frame.copy(message)),
      frame.buffer(frame.copy(signature)),
      null,
    );
    frame.end();
    this.#checkMessage("gss_verify_mic", major);
  }

  /**
   * Seals a message as WinRM sends it ([MS-WSMV] 2.2.9.1.1.2.2): length of the token in 4 bytes, token, ciphertext.
   *
   * @throws GssError
   */
  wrap(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const headerLength = this.#headerLength;
    const begin = lengthSize + headerLength;
    const sealed = new Uint8Array(new ArrayBuffer(begin + plaintext.length));
    sealed.set(plaintext, begin);
    new DataView(sealed.buffer).setUint32(0, headerLength, true);
    const address = addressOf(sealed);
    this.#setIov(0, IovType.header, headerLength, address + BigInt(lengthSize));
    this.#setIov(1, IovType.data, plaintext.length, address + BigInt(begin));
    this.#setIov(2, IovType.padding, 0, 0n);
    const major = this.#library.functions.gss_wrap_iov(
      this.#minor,
      this.#handle.pointer,
      1,
      0,
      this.#state,
      this.#iov,
      3,
    );
    this.#library.check("gss_wrap_iov", major, this.#minor);
    if (u32Of(this.#state) === 0) throw new GssError("gss_wrap_iov", 0, 0, "the message was not encrypted");
    return sealed;
  }

  /**
   * Verifies and deciphers a token with its ciphertext behind it, rotated or not (RFC 4121 section 4.2.5).
   *
   * @throws GssError also for a message that was only signed, and for one that comes twice or out of its turn
   */
  unwrap(token: Uint8Array): Uint8Array<ArrayBuffer> {
    const stream = new Uint8Array(new ArrayBuffer(token.length));
    stream.set(token);
    const address = addressOf(stream);
    this.#setIov(0, IovType.stream, stream.length, address);
    this.#setIov(1, IovType.data, 0, 0n);
    const major = this.#library.functions.gss_unwrap_iov(
      this.#minor,
      this.#handle.pointer,
      this.#state,
      null,
      this.#iov,
      2,
    );
    this.#checkMessage("gss_unwrap_iov", major);
    if (u32Of(this.#state) === 0) throw new GssError("gss_unwrap_iov", 0, 0, "the message is not encrypted");
    const length = Number(this.#iovView.getBigUint64(iovSize + 8, true));
    const begin = Number(this.#iovView.getBigUint64(iovSize + 16, true) - address);
    return length === 0 ? new Uint8Array(0) : stream.subarray(begin, begin + length);
  }

  #checkMessage(call: string, major: number): void {
    this.#library.check(call, major, this.#minor);
    if ((major & outOfSequence) !== 0) {
      throw new GssError(call, major, 0, "the message came twice, too late or out of its turn");
    }
  }

  /** Length of the tokens of this context; of 0 when its messages need padding, which WinRM has no place for. */
  #measure(): number {
    if ((this.#flags & GssFlag.confidentiality) === 0) return 0;
    this.#setIov(0, IovType.header, 0, 0n);
    this.#setIov(1, IovType.data, 64, 0n);
    this.#setIov(2, IovType.padding, 0, 0n);
    const major = this.#library.functions.gss_wrap_iov_length(
      this.#minor,
      this.#handle.pointer,
      1,
      0,
      null,
      this.#iov,
      3,
    );
    this.#library.check("gss_wrap_iov_length", major, this.#minor);
    const padding = Number(this.#iovView.getBigUint64(2 * iovSize + 8, true));
    return padding === 0 ? Number(this.#iovView.getBigUint64(8, true)) : 0;
  }

  /** Whether {@link GssContext.wrap} works: the cipher is one of RFC 4121 (AES, Camellia), not RC4 or DES. */
  get canWrap(): boolean {
    return this.#headerLength > 0;
  }

  #setIov(index: number, type: number, length: number, address: bigint): void {
    const at = index * iovSize;
    this.#iovView.setUint32(at, type, true);
    this.#iovView.setBigUint64(at + 8, BigInt(length), true);
    this.#iovView.setBigUint64(at + 16, address, true);
  }

  /** Gives the context back. Idempotent. */
  [Symbol.dispose](): void {
    this.#handle[Symbol.dispose]();
  }
}
