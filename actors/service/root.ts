/** The top of one service: its dispatcher (with the shells below it) and its listeners. @module */
import type { Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import { ServiceAccess } from "./access.ts";
import { dispatcher } from "./dispatcher.ts";
import { type ConnectionCount, listenerActor } from "./listener.ts";
import type { ServiceOptions } from "./options.ts";
import { Strangers } from "./strangers.ts";

/**
 * A service as an actor to start; many can live in one system. Children are stopped in reverse start order: first the
 * listeners with their connections, then the dispatcher with the shells, whose processes are killed.
 */
export function serviceRoot(options: ServiceOptions & { readonly name?: string }): ChildSpec<never> {
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    label: "service",
    shutdownMs: 20_000,
    supervision: {
      strategy: "oneForOne",
      maxRestarts: 10,
      windowMs: 60_000,
      backoffMs: 100,
      maxBackoffMs: 10_000,
    },
    start: (context) => new ServiceRoot(options, context),
  };
}

class ServiceRoot implements Behaviour<never> {
  constructor(options: ServiceOptions, context: Context<never>) {
    const access = new ServiceAccess(options.settings.RootSDDL);
    const requests = context.spawn(dispatcher(options, access));
    const count: ConnectionCount = { open: 0, strangers: new Strangers(), refused: new Strangers() };
    options.listeners.forEach((address, index) =>
      context.spawn(listenerActor({ service: options, index, address, access, dispatcher: requests, count }))
    );
  }

  handle(): void {}
}
