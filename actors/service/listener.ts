/** One listening socket and the connections that it accepted. @module */
import { NetworkError } from "../../protocol/errors.ts";
import type { ActorRef, Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import type { Connection, ListenAddress, ListenerHandle } from "../ports.ts";
import { connectionActor } from "./connection.ts";
import type { DispatcherMessage } from "./dispatcher.ts";
import type { ServiceAccess } from "./access.ts";
import type { ServiceOptions } from "./options.ts";
import { ConnectionRelay } from "./relay.ts";
import type { Strangers } from "./strangers.ts";

/** Messages of a listener. */
export type ListenerMessage =
  | { readonly kind: "listening"; readonly host: string; readonly port: number }
  | { readonly kind: "accepted"; readonly connection: Connection; readonly relay: ConnectionRelay }
  | { readonly kind: "closed"; readonly error: NetworkError | undefined };

/** Connections of all listeners of one service: each listener counts its own in and out. */
export interface ConnectionCount {
  open: number;
  /** Those that nobody has logged on with. */
  readonly strangers: Strangers;
  /** Those beyond the limit, which are only told so. */
  readonly refused: Strangers;
}

/** What a listener is made with. */
export interface ListenerOptions {
  readonly service: ServiceOptions;
  /** Which of the service's listeners this is, for its events. */
  readonly index: number;
  readonly address: ListenAddress;
  readonly access: ServiceAccess;
  readonly dispatcher: ActorRef<DispatcherMessage>;
  readonly count: ConnectionCount;
}

/** A listener as a child to start; it is started again when its socket breaks, not when it cannot be bound. */
export function listenerActor(options: ListenerOptions): ChildSpec<ListenerMessage> {
  return {
    name: `listener-${options.index}`,
    restart: "transient",
    start: (context) => new Listener(options, context),
  };
}

class Listener implements Behaviour<ListenerMessage> {
  readonly #options: ListenerOptions;
  /** Accepted, and not yet an actor. */
  readonly #unclaimed = new Set<Connection>();
  readonly #connections = new Set<number>();
  #handle: ListenerHandle | undefined;
  #listening = false;
  #over = false;

  constructor(options: ListenerOptions, context: Context<ListenerMessage>) {
    this.#options = options;
    context.effect((post) => {
      this.#handle = options.service.listenerHost.listen(options.address, {
        onListening: ({ host, port }) => post({ kind: "listening", host, port }),
        onConnection: (accept) => {
          const relay = new ConnectionRelay();
          const connection = accept(relay);
          if (this.#over) return connection.abort();
          this.#unclaimed.add(connection);
          post({ kind: "accepted", connection, relay });
        },
        onClosed: (error) => post({ kind: "closed", error }),
      });
    });
  }

  describe(): string {
    return `${this.#connections.size} connections`;
  }

  handle(message: ListenerMessage, context: Context<ListenerMessage>): void {
    const { service, index } = this.#options;
    switch (message.kind) {
      case "listening": {
        this.#listening = true;
        const { host, port } = message;
        return context.effect(() => service.onEvent?.({ kind: "listening", index, host, port }));
      }
      case "accepted":
        return this.#accepted(message.connection, message.relay, context);
      case "closed": {
        const { error } = message;
        context.effect(() => service.onEvent?.({ kind: "listenerClosed", index, error }));
        if (this.#listening && error !== undefined) throw error;
        return context.stop();
      }
    }
  }

  childEnded(child: ActorRef<never>): void {
    this.#forget(child.id);
    if (this.#connections.delete(child.id)) this.#options.count.open--;
  }

  stopped(_reason: unknown, context: Context<ListenerMessage>): void {
    this.#over = true;
    this.#options.count.open -= this.#connections.size;
    for (const id of this.#connections) this.#forget(id);
    this.#connections.clear();
    context.effect(() => {
      this.#handle?.close();
      for (const connection of this.#unclaimed) connection.abort();
      this.#unclaimed.clear();
    });
  }

  #forget(id: number): void {
    this.#options.count.strangers.forget(id);
    this.#options.count.refused.forget(id);
  }

  #accepted(connection: Connection, relay: ConnectionRelay, context: Context<ListenerMessage>): void {
    const { service, access, dispatcher, count } = this.#options;
    const most = service.settings.MaxConnections;
    this.#unclaimed.delete(connection);
    const { strangers } = count;
    const full = count.open - count.refused.size >= most;
    const leaver = full ? strangers.takeOldest(context.now()) : undefined;
    const told = count.open >= 2 * most ? count.refused.takeOldest(context.now()) : undefined;
    for (const ref of [leaver, told]) if (ref !== undefined) context.send(ref, { kind: "makeRoom" });
    // Connections beyond the limit are told so, but not without limit.
    if (count.open >= 2 * most && leaver === undefined && told === undefined) {
      return context.effect(() => connection.abort());
    }
    const refused = full && leaver === undefined;
    count.open++;
    const child = context.spawn(
      connectionActor({ service, access, dispatcher, connection, relay, refused, strangers }),
    );
    this.#connections.add(child.id);
    (refused ? count.refused : strangers).add(child, context.now());
  }
}
