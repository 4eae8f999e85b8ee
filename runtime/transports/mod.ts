/** The real network behind the actors' ports. @module */
import type { Connector, ListenerHost, TlsEngineName } from "../../actors/ports.ts";
import { opensslEngine } from "./openssl_engine.ts";
import { connectTcp, listenTcp } from "./tcp.ts";
import { platformEngine } from "./tls.ts";
import type { TlsEngine } from "./tls_engine.ts";

const engines: Readonly<Record<TlsEngineName, TlsEngine>> = {
  platform: platformEngine,
  openssl: opensslEngine,
};

/** Connections over real sockets: plain TCP, or TLS where the target asks for it. */
export function createConnector(): Connector {
  return {
    connect: (target, events) => {
      const { tls } = target;
      return tls === undefined
        ? connectTcp(target, events)
        : engines[tls.engine ?? "platform"].connect({ ...target, tls }, events);
    },
  };
}

/** Listeners on real sockets: plain TCP, or TLS where the address has a certificate. */
export function createListenerHost(): ListenerHost {
  return {
    listen: (address, events) => {
      const { tls } = address;
      return tls === undefined
        ? listenTcp(address, events)
        : engines[tls.engine ?? "platform"].listen({ ...address, tls }, events);
    },
  };
}
