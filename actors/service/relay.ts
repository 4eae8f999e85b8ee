/** Holds the events of an accepted connection until its actor exists. @module */
import type { NetworkError } from "../../protocol/errors.ts";
import type { ConnectionEvents, ConnectionFacts } from "../ports.ts";

/** What happened on a connection, as data. */
export type ConnectionEvent =
  | { readonly kind: "open"; readonly facts: ConnectionFacts }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "drain" }
  | { readonly kind: "closed"; readonly error: NetworkError | undefined };

/** A listener must take a connection at once, yet actors start later: this stands between. */
export class ConnectionRelay implements ConnectionEvents {
  #early: ConnectionEvent[] | undefined = [];
  #sink: (event: ConnectionEvent) => void = (event) => this.#early?.push(event);

  /** Passes on everything that has happened, and from now on what happens. */
  attach(sink: (event: ConnectionEvent) => void): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#sink = sink;
    for (const event of early) sink(event);
  }

  onOpen(facts: ConnectionFacts): void {
    this.#sink({ kind: "open", facts });
  }

  onData(bytes: Uint8Array): void {
    this.#sink({ kind: "data", bytes });
  }

  onEnd(): void {
    this.#sink({ kind: "end" });
  }

  onDrain(): void {
    this.#sink({ kind: "drain" });
  }

  onClosed(error: NetworkError | undefined): void {
    this.#sink({ kind: "closed", error });
  }
}
