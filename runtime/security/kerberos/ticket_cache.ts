/** A cache of tickets, and the credentials to use it with. @module */
import type { ContextStep, Credential, GssContext, InitiatorSpec } from "../../../ffi/gssapi/mod.ts";
import type { Sooner } from "../sooner.ts";
import { turns } from "../turns.ts";

/** Credentials of one cache: with those of another cache, as many as calls of the library run at once. To take one is two such calls. */
const mostCredentials = 6;

/** See the module. */
export class TicketCache {
  readonly #open: () => Promise<Credential>;
  /** For steps in place alone: the library locks a credential for as long as it asks a KDC with it. */
  readonly #inPlace: Credential | undefined;
  /** Credentials, for calls on other threads, that nobody uses at the moment. */
  readonly #idle: Credential[] = [];
  /** Those who look again when there may be one for them. */
  readonly #waiting: (() => void)[] = [];
  #opened = 0;

  /**
   * `first`: a credential of the cache; `open` takes more of them. `inPlace`: the library neither reads files for it nor renews its
   * tickets by itself.
   */
  constructor(first: Credential, open: () => Promise<Credential>, inPlace: boolean) {
    this.#open = open;
    if (inPlace) this.#inPlace = first;
    else this.#opened = this.#idle.push(first);
  }

  /** A step that asks no KDC, with a ticket that is there: in place, where that is possible. */
  step(
    context: GssContext,
    spec: Omit<InitiatorSpec, "credential">,
    token?: Uint8Array,
  ): Sooner<ContextStep> {
    const credential = this.#inPlace;
    if (credential === undefined) return this.asking(context, spec, token);
    return turns.take(() => context.initiate({ ...spec, credential }, token));
  }

  /** A step that may ask a KDC. */
  async asking(
    context: GssContext,
    spec: Omit<InitiatorSpec, "credential">,
    token?: Uint8Array,
  ): Promise<ContextStep> {
    const credential = await this.#take();
    try {
      return await context.initiateElsewhere({ ...spec, credential }, token);
    } finally {
      this.#idle.push(credential);
      this.#waiting.shift()?.();
    }
  }

  async #take(): Promise<Credential> {
    while (this.#idle.length === 0 && this.#opened >= mostCredentials) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    this.#opened++;
    try {
      return await this.#open();
    } catch (error) {
      this.#opened--;
      this.#waiting.shift()?.();
      throw error;
    }
  }
}
