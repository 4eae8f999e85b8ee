/** The ticket of one service: asked for once, however many connections there are. @module */
import type { ContextStep, GssContext, Handle, InitiatorSpec } from "../../../ffi/gssapi/mod.ts";
import { systemClock } from "../../clock.ts";
import type { Sooner } from "../sooner.ts";
import type { TicketCache } from "./ticket_cache.ts";

/** A ticket's last seconds, in which the library might ask for another. */
const marginSeconds = 60;

/** What a service is asked for. */
export type ServiceRequest = Pick<InitiatorSpec, "flags" | "bindings">;

/** See the module. */
export class ServiceTicket {
  readonly #target: Handle;
  readonly #cache: TicketCache;
  /** Monotonic milliseconds until which the ticket is surely good. */
  #goodUntil = 0;
  #asked: Promise<void> | undefined;

  /** `target`: the service's name. */
  constructor(target: Handle, cache: TicketCache) {
    this.#target = target;
    this.#cache = cache;
  }

  /**
   * The first step towards the service: one at a time until there is a ticket. `asks`: the KDC is asked for something in any case.
   */
  first(context: GssContext, request: ServiceRequest, asks: boolean): Sooner<ContextStep> {
    if (!this.#isGood) return this.#firstOfAll(context, request, asks);
    const spec = { ...request, target: this.#target };
    return asks ? this.#cache.asking(context, spec) : this.#cache.step(context, spec);
  }

  /** A later step. */
  later(context: GssContext, request: ServiceRequest, token: Uint8Array | undefined): Sooner<ContextStep> {
    return this.#cache.step(context, { ...request, target: this.#target }, token);
  }

  get #isGood(): boolean {
    return systemClock.monotonic() < this.#goodUntil;
  }

  async #firstOfAll(context: GssContext, request: ServiceRequest, asks: boolean): Promise<ContextStep> {
    while (this.#asked !== undefined) {
      await this.#asked;
      if (this.#isGood) return await this.first(context, request, asks);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked = promise;
    try {
      const outcome = await this.#cache.asking(context, { ...request, target: this.#target });
      const seconds = outcome.ticketSeconds;
      const goodForMs = (seconds - Math.min(marginSeconds, seconds / 4)) * 1000;
      this.#goodUntil = systemClock.monotonic() + goodForMs;
      return outcome;
    } finally {
      this.#asked = undefined;
      resolve();
    }
  }
}
