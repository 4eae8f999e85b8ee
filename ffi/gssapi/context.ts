/** Security contexts of Kerberos: the dialogue, and the protection of messages (RFC 4121). @module */
import { continueNeeded, GssFlag, GssOid, IovType, outOfSequence } from "./constants.ts";
import { Credential } from "./credential.ts";
import { GssError } from "./errors.ts";
import { Handle } from "./handle.ts";
import type { GssLibrary } from "./library.ts";
import { Frame, type Native, oid, pointerIn, u32Of } from "./memory.ts";
import { messageMemory } from "./message_memory.ts";
import { authenticatedAttribute, displayName } from "./name.ts";
import * as registers from "./registers.ts";

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

/** Whom a context was made between. */
export interface ContextNames {
  readonly source: string;
  readonly target: string;
  readonly attribute: Uint8Array | undefined;
}

/** What a step has written. */
interface Results {
  readonly minor: Native;
  readonly output: Native;
  readonly flags: Native;
  readonly seconds: Native;
}

/** Length of the token that a sealed message begins with is told in so many bytes. */
const lengthSize = 4;

/** One context. Its calls must not overlap. */
export class GssContext implements Disposable {
  readonly #library: GssLibrary;
  readonly #handle: Handle;
  /** Measured when it is first asked for. */
  #headerLength: number | undefined;
  #flags = 0;
  #delegated: Credential | undefined;

  /** A context without a dialogue yet. */
  constructor(library: GssLibrary) {
    this.#library = library;
    this.#handle = new Handle((slot) => {
      library.functions.gss_delete_sec_context(registers.minor, slot, null);
    });
  }

  /** {@link GssFlag}s that the context has, once it stands. */
  get flags(): number {
    return this.#flags;
  }

  /** Tickets that the initiator has handed over with its logon; `undefined`: none. They go with the context. */
  get delegated(): Credential | undefined {
    return this.#delegated;
  }

  /**
   * A step of the initiator in place, for where a ticket is known to be there: the library might ask a KDC else, and everything would
   * wait for it.
   *
   * @throws GssError
   */
  initiate(
    { credential, target, flags, bindings }: InitiatorSpec,
    token: Uint8Array | undefined,
  ): ContextStep {
    const frame = bindings === undefined ? undefined : new Frame();
    const major = this.#library.functions.gss_init_sec_context(
      registers.minor,
      credential.handle.pointer,
      this.#handle.slot,
      target.pointer,
      oid(GssOid.krb5),
      flags,
      0,
      frame === undefined ? null : frame.bindings(bindings!),
      token === undefined ? null : registers.input(token),
      null,
      registers.output,
      registers.flags,
      registers.seconds,
    );
    frame?.end();
    return this.#inPlace("gss_init_sec_context", major);
  }

  /**
   * A step of the initiator on another thread. No other call may use the credential meanwhile: the library locks it for as long as it
   * takes.
   *
   * @throws GssError
   */
  async initiateElsewhere(spec: InitiatorSpec, token: Uint8Array | undefined): Promise<ContextStep> {
    const { credential, target } = spec;
    return await this.#elsewhere("gss_init_sec_context", (frame, { minor, output, flags, seconds }) => {
      frame.hold([spec, credential.handle, target]);
      return credential.handle.during(() =>
        target.during(() =>
          this.#library.async("gss_init_sec_context", frame, minor, (functions) =>
            functions.initContextAsync(
              minor,
              credential.handle.pointer,
              this.#handle.slot,
              target.pointer,
              oid(GssOid.krb5),
              spec.flags,
              0,
              spec.bindings === undefined ? null : frame.bindings(spec.bindings),
              token === undefined ? null : frame.buffer(frame.copy(token)),
              null,
              output,
              flags,
              seconds,
            ))
        )
      );
    });
  }

  /**
   * A step of the acceptor in place: reads the keytab and the replay cache.
   *
   * @throws GssError
   */
  accept({ credential, bindings }: AcceptorSpec, token: Uint8Array): ContextStep {
    const frame = bindings === undefined ? undefined : new Frame();
    const major = this.#library.functions.gss_accept_sec_context(
      registers.minor,
      this.#handle.slot,
      credential.handle.pointer,
      registers.input(token),
      frame === undefined ? null : frame.bindings(bindings!),
      null,
      null,
      registers.output,
      registers.flags,
      registers.seconds,
      registers.credential,
    );
    frame?.end();
    this.#keepDelegated(registers.credential);
    return this.#inPlace("gss_accept_sec_context", major);
  }

  /**
   * A step of the acceptor on another thread.
   *
   * @throws GssError
   */
  async acceptElsewhere(spec: AcceptorSpec, token: Uint8Array): Promise<ContextStep> {
    const { credential, bindings } = spec;
    const delegated: Native = new Uint8Array(new ArrayBuffer(8));
    try {
      return await this.#elsewhere("gss_accept_sec_context", (frame, { minor, output, flags, seconds }) => {
        frame.hold([spec, delegated]);
        return credential.handle.during(() =>
          this.#library.async(
            "gss_accept_sec_context",
            frame,
            minor,
            (functions) =>
              functions.acceptContextAsync(
                minor,
                this.#handle.slot,
                credential.handle.pointer,
                frame.buffer(frame.copy(token)),
                bindings === undefined ? null : frame.bindings(bindings),
                null,
                null,
                output,
                flags,
                seconds,
                delegated,
              ),
          )
        );
      });
    } finally {
      this.#keepDelegated(delegated);
    }
  }

  #keepDelegated(slot: Native): void {
    const credential = Credential.received(this.#library, slot);
    if (this.#handle.isDisposed) credential?.[Symbol.dispose]();
    else this.#delegated = credential;
  }

  async #elsewhere(
    call: string,
    run: (frame: Frame, results: Results) => Promise<number>,
  ): Promise<ContextStep> {
    const frame = new Frame();
    const results = {
      minor: frame.zeros(4),
      output: frame.buffer(),
      flags: frame.zeros(4),
      seconds: frame.zeros(4),
    };
    frame.hold(this);
    frame.wanted = () => !this.#handle.isDisposed;
    let major: number;
    try {
      major = await this.#handle.during(() => run(frame, results));
    } catch (error) {
      throw withToken(error, this.#library.take(results.output));
    } finally {
      frame.end();
    }
    return this.#outcome(call, major, this.#library.take(results.output), results);
  }

  #inPlace(call: string, major: number): ContextStep {
    try {
      this.#library.check(call, major, registers.minor);
    } catch (error) {
      throw withToken(error, this.#library.take(registers.output));
    }
    return this.#outcome(call, major, this.#library.take(registers.output), registers);
  }

  #outcome(call: string, major: number, token: Uint8Array, { flags, seconds }: Results): ContextStep {
    if ((major & outOfSequence) !== 0) throw new GssError(call, major, 0, "the token was replayed or is old");
    const complete = (major & continueNeeded) === 0;
    if (complete) this.#flags = u32Of(flags);
    return { token, complete, ticketSeconds: u32Of(seconds) };
  }

  /** Who the two sides are: `name@REALM`; and an attribute of the initiator's name, where it is there and signed by whom we trust. */
  names(attribute?: string): ContextNames {
    const library = this.#library;
    const { minor, names: [source, target] } = registers;
    const major = library.functions.gss_inquire_context(
      minor,
      this.#handle.pointer,
      source,
      target,
      registers.seconds,
      null,
      registers.flags,
      null,
      null,
    );
    library.check("gss_inquire_context", major, minor);
    try {
      return {
        source: displayName(library, pointerIn(source)),
        target: displayName(library, pointerIn(target)),
        attribute: attribute === undefined
          ? undefined
          : authenticatedAttribute(library, pointerIn(source), attribute),
      };
    } finally {
      library.functions.gss_release_name(minor, source);
      library.functions.gss_release_name(minor, target);
    }
  }

  /** The signature of `message`. */
  sign(message: Uint8Array): Uint8Array {
    const frame = new Frame();
    const token = frame.buffer();
    const major = this.#library.functions.gss_get_mic(
      registers.minor,
      this.#handle.pointer,
      0,
      frame.buffer(frame.copy(message)),
      token,
    );
    frame.end();
    this.#library.check("gss_get_mic", major, registers.minor);
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
      registers.minor,
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
    const headerLength = this.#measured();
    const begin = lengthSize + headerLength;
    const { bytes, address } = messageMemory(begin + plaintext.length);
    bytes[0] = headerLength;
    bytes.set(plaintext, begin);
    registers.setIov(0, IovType.header, headerLength, address + lengthSize);
    registers.setIov(1, IovType.data, plaintext.length, address + begin);
    registers.setIov(2, IovType.padding, 0, 0);
    const { minor, state } = registers;
    const major = this.#library.functions.gss_wrap_iov(
      minor,
      this.#handle.pointer,
      1,
      0,
      state,
      registers.iov,
      3,
    );
    this.#library.check("gss_wrap_iov", major, minor);
    if (registers.numberIn(state) === 0) {
      throw new GssError("gss_wrap_iov", 0, 0, "the message was not encrypted");
    }
    return bytes;
  }

  /**
   * Verifies and deciphers a token with its ciphertext behind it, rotated or not (RFC 4121 section 4.2.5).
   *
   * @throws GssError also for a message that was only signed, and for one that comes twice or out of its turn
   */
  unwrap(token: Uint8Array): Uint8Array<ArrayBuffer> {
    const { bytes, address } = messageMemory(token.length);
    bytes.set(token);
    registers.setIov(0, IovType.stream, token.length, address);
    registers.setIov(1, IovType.data, 0, 0);
    const { minor, state } = registers;
    const major = this.#library.functions.gss_unwrap_iov(
      minor,
      this.#handle.pointer,
      state,
      null,
      registers.iov,
      2,
    );
    this.#checkMessage("gss_unwrap_iov", major);
    if (registers.numberIn(state) === 0) {
      throw new GssError("gss_unwrap_iov", 0, 0, "the message is not encrypted");
    }
    const length = registers.iovLength(1);
    const begin = registers.iovAddress(1) - address;
    return length === 0 ? new Uint8Array(0) : bytes.subarray(begin, begin + length);
  }

  #checkMessage(call: string, major: number): void {
    this.#library.check(call, major, registers.minor);
    if ((major & outOfSequence) !== 0) {
      throw new GssError(call, major, 0, "the message came twice, too late or out of its turn");
    }
  }

  /** Length of the tokens of this context; 0 when its messages need padding, which WinRM has no place for. */
  #measured(): number {
    return this.#headerLength ??= this.#measure();
  }

  #measure(): number {
    if ((this.#flags & GssFlag.confidentiality) === 0) return 0;
    registers.setIov(0, IovType.header, 0, 0);
    registers.setIov(1, IovType.data, 64, 0);
    registers.setIov(2, IovType.padding, 0, 0);
    const { minor } = registers;
    const major = this.#library.functions.gss_wrap_iov_length(
      minor,
      this.#handle.pointer,
      1,
      0,
      null,
      registers.iov,
      3,
    );
    this.#library.check("gss_wrap_iov_length", major, minor);
    return registers.iovLength(2) === 0 ? registers.iovLength(0) : 0;
  }

  /** Whether {@link GssContext.wrap} works: the cipher is one of RFC 4121 (AES, Camellia), not RC4 or DES. */
  get canWrap(): boolean {
    return this.#measured() > 0;
  }

  /** Gives the context back. Idempotent. */
  [Symbol.dispose](): void {
    this.#handle[Symbol.dispose]();
    this.#delegated?.[Symbol.dispose]();
  }
}

/** A token may come with an error, too. */
function withToken(error: unknown, token: Uint8Array): unknown {
  if (error instanceof GssError && token.length > 0) error.told = token;
  return error;
}
