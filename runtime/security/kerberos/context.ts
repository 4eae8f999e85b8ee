/** What both sides of a Kerberos dialogue share: steps that end later, and sealed messages (RFC 4121). @module */
import { GssContext, GssError, type GssLibrary, indefinite, RoutineError } from "../../../ffi/gssapi/mod.ts";
import { kerberosMessage, type Mechanism } from "../../../protocol/auth/mod.ts";
import { type DroverError, NetworkError, ProtocolError, UsageError } from "../../../protocol/errors.ts";
import type { SecurityStep } from "../../../protocol/ports.ts";
import { systemClock } from "../../clock.ts";
import { isClockSkew, kerberosError } from "./errors.ts";
import type { Sooner } from "../sooner.ts";
import { turns } from "../turns.ts";

/** Milliseconds after which a step is given up: less than a client waits for a logon, so that a silent KDC is named as such. */
const patienceMs = 10_000;

/** A step that has not failed. */
export type Progress = Exclude<SecurityStep, { kind: "failed" }>;

/** One side of a dialogue. */
export abstract class KerberosContext implements Mechanism {
  readonly mechanism = "Kerberos";
  readonly alwaysSigns = false;
  /** The library's context. */
  protected get gss(): GssContext {
    if (this.#state === "dead") throw disposedMeanwhile();
    return this.#gss ??= new GssContext(this.#library);
  }
  readonly #library: GssLibrary;
  /** Made with the first step. */
  #gss: GssContext | undefined;
  #state: "open" | "stepping" | "established" | "dead" = "open";
  #broken = false;
  #lifetimeMs: number | undefined;

  /** Begins a dialogue. */
  constructor(library: GssLibrary) {
    this.#library = library;
  }

  abstract readonly principal: string | undefined;

  /** Says what is being done, for errors. */
  protected abstract readonly action: string;

  /** Takes one token; throws when the dialogue fails. */
  protected abstract take(token: Uint8Array | undefined): Sooner<Progress>;

  get established(): boolean {
    return this.#state === "established";
  }

  get lifetimeMs(): number | undefined {
    return this.established ? this.#lifetimeMs : undefined;
  }

  get pending(): DroverError | undefined {
    return this.#state === "stepping" ? silentKdc(this.action, "in time") : undefined;
  }

  /** Takes what the library says of the ticket's time. */
  protected lastsFor(seconds: number): void {
    this.#lifetimeMs = seconds === indefinite ? undefined : seconds * 1000;
  }

  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    if (this.#state !== "open") {
      const error = new UsageError("ContextOver", `step dialogue: it is ${this.#state}`);
      return done({ kind: "failed", error });
    }
    this.#state = "stepping";
    turns.run(() => this.#step(token, done));
  }

  #step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    if (this.#state === "dead") return done({ kind: "failed", error: disposedMeanwhile() });
    let progress: Sooner<Progress>;
    try {
      progress = this.take(token);
    } catch (error) {
      return this.#end(this.#failure(error), done);
    }
    if (progress instanceof Promise) this.#await(progress, done);
    else this.#end(progress, done);
  }

  /** For steps on other threads, and for those that wait for one. */
  #await(progress: Promise<Progress>, done: (outcome: SecurityStep) => void): void {
    let over = false;
    const end = (outcome: SecurityStep) => {
      if (over) return;
      over = true;
      cancel();
      this.#end(outcome, done);
    };
    const cancel = systemClock.schedule(
      patienceMs,
      () => end({ kind: "failed", error: silentKdc(this.action, `within ${patienceMs / 1000} seconds`) }),
    );
    progress.then(end, (error) => end(this.#failure(error)));
  }

  /** The peer is told of clocks alone: all else would say of keys and accounts what is not for whoever asks. */
  #failure(cause: unknown): SecurityStep {
    const error = kerberosError(cause, this.action);
    const token = isClockSkew(error) && cause instanceof GssError ? cause.told : undefined;
    return { kind: "failed", error, ...(token === undefined ? {} : { token }) };
  }

  #end(outcome: SecurityStep, done: (outcome: SecurityStep) => void): void {
    const disposed = this.#state === "dead";
    if (outcome.kind === "failed") this.dispose();
    else if (!disposed) this.#state = outcome.kind === "done" ? "established" : "open";
    done(disposed ? { kind: "failed", error: disposedMeanwhile() } : outcome);
  }

  seal(plaintext: Uint8Array): Uint8Array {
    this.#assertSealing("seal message");
    try {
      return this.gss.wrap(plaintext);
    } catch (error) {
      throw kerberosError(error, "seal message");
    }
  }

  unseal(sealed: Uint8Array): Uint8Array {
    this.#assertSealing("unseal message");
    if (this.#broken) {
      throw new ProtocolError("SealBroken", "unseal message: an earlier message failed verification");
    }
    try {
      return this.gss.unwrap(kerberosMessage(sealed));
    } catch (error) {
      this.#broken = true;
      throw sealError(error);
    }
  }

  signList(list: Uint8Array): Uint8Array {
    return this.gss.sign(list);
  }

  verifyList(list: Uint8Array, mic: Uint8Array): void {
    try {
      this.gss.verify(list, mic);
    } catch (error) {
      throw sealError(error);
    }
  }

  dispose(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#gss?.[Symbol.dispose]();
  }

  #assertSealing(action: string): void {
    if (this.#state !== "established") {
      throw new UsageError("NotSealing", `${action}: the dialogue is ${this.#state}`);
    }
  }
}

function sealError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const text = error instanceof GssError ? error.text : "it cannot be verified";
  const malformed = error instanceof GssError && error.routine === RoutineError.defectiveToken;
  return new ProtocolError(malformed ? "SealMalformed" : "SealBroken", `unseal message: ${text}`, {
    cause: error,
  });
}

function silentKdc(action: string, when: string): NetworkError {
  return new NetworkError("KdcTimeout", `${action}: no KDC answered ${when}`);
}

function disposedMeanwhile(): UsageError {
  return new UsageError("ContextDisposed", "step dialogue: it was disposed of meanwhile");
}
