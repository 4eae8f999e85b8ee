/** The real network behind the actors' ports. @module */
import type { Connector, ListenerHost } from "../../actors/ports.ts";
import { connectTcp, listenTcp } from "./tcp.ts";
import { connectTls, listenTls } from "./tls.ts";

/** Connections over real sockets: plain TCP, or TLS where the target asks for it. */
export function createConnector(): Connector {
  return {
    connect: (target, events) =>
      target.tls === undefined ? connectTcp(target, events) : connectTls(target, events),
  };
}

/** Listeners on real sockets: plain TCP, or TLS where the address has a certificate. */
export function createListenerHost(): ListenerHost {
  return {
    listen: (address, events) =>
      address.tls === undefined
        ? listenTcp(address, events)
        : listenTls({ ...address, tls: address.tls }, events),
  };
}
