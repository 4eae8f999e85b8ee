/** Why a link ends. @module */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { AuthChallenge } from "../../protocol/http/mod.ts";
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

/** The schemes that a service offers, in words. */
export function schemesOf(offers: readonly AuthChallenge[]): string {
  return offers.map((offer) => offer.scheme).join(", ") || "nothing";
}

/** The error of a 401 to credentials under `scheme`: another one than that of a scheme that is not there at all. */
export function refusedLogon(scheme: string | undefined, offers: readonly AuthChallenge[]): DeniedError {
  const known = scheme === undefined ||
    offers.some((offer) => offer.scheme.toLowerCase() === scheme.toLowerCase());
  if (known || offers.length === 0) {
    return new DeniedError(
      "Unauthorized",
      `authenticate: the service refused the credentials (HTTP 401, it offers ${schemesOf(offers)})`,
    );
  }
  return new DeniedError(
    "AuthNotOffered",
    `authenticate: the service does not offer ${scheme}, but ${
      schemesOf(offers)
    }; switch it on there, or say another --auth`,
  );
}

/** Whether a context can seal no more, but another one could. */
export function isUsedUp({ code }: DroverError): boolean {
  return code === "SecurityContextExpired" || code === "NtlmSequenceExhausted";
}
