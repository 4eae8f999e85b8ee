/** How connections open: deadlines and errors that TCP and TLS share. @module */
import type { ConnectTarget } from "../../actors/ports.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { hostPort, networkError } from "./network_errors.ts";
import type { Opening, RawSocket } from "./stream_connection.ts";

/** How long a client of a TLS listener may take for its handshake. */
export const handshakeTimeoutMs = 10_000;

/** A connection that we ask for. */
export function outgoing(
  target: ConnectTarget,
  open: (signal: AbortSignal) => Promise<RawSocket>,
  failed = networkError,
): Opening {
  const peer = hostPort(target.host, target.port);
  return {
    peer,
    timeoutMs: target.timeoutMs,
    open,
    late: () =>
      new NetworkError("ConnectTimeout", `connect to ${peer}: not established within ${target.timeoutMs} ms`),
    failed: (error) => failed(error, `connect to ${peer}`),
  };
}

/** A connection that a client opened. */
export function incoming(
  peer: string,
  open: (signal: AbortSignal) => Promise<RawSocket>,
  failed = networkError,
): Opening {
  return {
    peer,
    timeoutMs: handshakeTimeoutMs,
    open,
    late: () =>
      new NetworkError(
        "TlsHandshakeFailed",
        `accept ${peer}: the TLS handshake was not done within ${handshakeTimeoutMs} ms`,
      ),
    failed: (error) => failed(error, `accept ${peer}`),
  };
}
