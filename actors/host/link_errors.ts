/** Why a link ends. @module */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { HostTarget } from "./target.ts";

/** The fleet has as many connections as it may. */
export function noPlace({ connect: { timeoutMs } }: HostTarget): NetworkError {
  return new NetworkError(
    "TooManyConnections",
    `connect: no place for a further connection became free within ${timeoutMs} ms; use a lower --throttle, or raise ` +
      "the limit of open files (ulimit -n)",
  );
}

/** The service has not answered. */
export function overdue(during: "authentication" | "exchange"): NetworkError {
  return during === "exchange"
    ? new NetworkError("ResponseTimeout", "wait for the answer: the service did not answer in time")
    : new NetworkError("AuthenticationTimeout", "authenticate: the service did not answer in time");
}

/** A server that refuses our certificate has looked at no request, and will not the next time: it is a refused logon. */
export function closedBy(error: NetworkError | undefined): DroverError {
  if (error?.code !== "TlsClientCertificate") return error ?? closedError();
  return new DeniedError(error.code, error.message, { cause: error });
}

/** The connection is gone. */
export function closedError(): NetworkError {
  return new NetworkError("ConnectionClosed", "use the connection: it is closed");
}

/** The error of a dialogue that the service does not go on with. */
export function closedDuringLogon(): NetworkError {
  return new NetworkError("ConnectionClosed", "authenticate: the service closed the connection");
}
