/** Who speaks TLS: what every engine offers. @module */
import type {
  Connection,
  ConnectionEvents,
  ConnectTarget,
  ListenAddress,
  ListenerEvents,
  ListenerHandle,
} from "../../actors/ports.ts";

/** A target of TLS. */
export type TlsTarget = ConnectTarget & { readonly tls: NonNullable<ConnectTarget["tls"]> };

/** An address where TLS is spoken. */
export type TlsAddress = ListenAddress & { readonly tls: NonNullable<ListenAddress["tls"]> };

/** Makes connections; they keep the same promises and fail with the same codes, whichever engine makes them. */
export interface TlsEngine {
  /** Opens a connection. */
  connect(target: TlsTarget, events: ConnectionEvents): Connection;
  /** Listens. The handshakes run side by side, each with a deadline. */
  listen(address: TlsAddress, events: ListenerEvents): ListenerHandle;
}
