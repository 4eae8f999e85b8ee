/** From what the platform throws to {@link NetworkError} with stable codes. @module */
import { NetworkError } from "../../protocol/errors.ts";

/** Codes of the operating system and of resolvers, as `error.code`. */
const byErrno: Readonly<Record<string, readonly [code: string, text: string]>> = {
  ECONNREFUSED: ["ConnectRefused", "nothing listens there (connection refused)"],
  ETIMEDOUT: ["ConnectTimeout", "the peer did not answer in time"],
  EHOSTUNREACH: ["HostUnreachable", "no route to the host"],
  ENETUNREACH: ["HostUnreachable", "the network is unreachable"],
  EHOSTDOWN: ["HostUnreachable", "the host is down"],
  ENETDOWN: ["HostUnreachable", "the network is down"],
  ENOTFOUND: ["HostNotFound", "no such host name"],
  EAI_NONAME: ["HostNotFound", "no such host name"],
  EAI_AGAIN: ["NameServiceUnavailable", "the name service does not answer"],
  EMFILE: ["TooManyOpenFiles", "this process may open no more files (ulimit -n)"],
  ENFILE: ["TooManyOpenFiles", "this system may open no more files"],
  ECONNRESET: ["ConnectionReset", "the peer reset the connection"],
  ECONNABORTED: ["ConnectionReset", "the connection was aborted"],
  EPIPE: ["ConnectionReset", "the peer takes no more"],
  EADDRINUSE: ["AddressInUse", "the address is in use by another program"],
  EADDRNOTAVAIL: ["AddressNotAvailable", "this machine has no such address"],
};

/** Names of Deno's error classes, for errors without a code. */
const byName: Readonly<Record<string, string>> = {
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  ConnectionAborted: "ECONNABORTED",
  BrokenPipe: "EPIPE",
  NetworkUnreachable: "ENETUNREACH",
  HostUnreachable: "EHOSTUNREACH",
  TimedOut: "ETIMEDOUT",
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  UnexpectedEof: "ECONNRESET",
};

function property(error: unknown, key: "code" | "name" | "message"): string {
  const value = typeof error === "object" && error !== null
    ? (error as Record<string, unknown>)[key]
    : undefined;
  return typeof value === "string" ? value : "";
}

/** The typed form of `error`, which happened in `action`; `fallback` is the code where nothing is recognised. */
export function networkError(error: unknown, action: string, fallback = "ConnectionClosed"): NetworkError {
  if (error instanceof NetworkError) return error;
  const message = property(error, "message");
  const lookup = /failed to lookup address|no such host|name or service not known/i.test(message);
  const passing = /temporary failure in name resolution|try again/i.test(message);
  const errno = lookup ? passing ? "EAI_AGAIN" : "ENOTFOUND" : property(error, "code");
  const known = byErrno[errno] ?? byErrno[byName[property(error, "name")] ?? ""];
  if (known !== undefined) return new NetworkError(known[0], `${action}: ${known[1]}`, { cause: error });
  return new NetworkError(fallback, `${action}: ${message || String(error)}`, { cause: error });
}

/** `host:port`, with brackets around an IPv6 literal. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
