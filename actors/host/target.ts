/** Where a host is and how to talk to it. Plain data, made by `runtime/` from inventories and options. @module */
import type { DigestSession } from "../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import type { SealingScheme } from "../../protocol/sealing/mod.ts";
import type { LogonUsed } from "./logon.ts";
import type { ConnectionFacts, ConnectTarget, RandomSource } from "../ports.ts";

/** Makes one side of an authentication dialogue for one connection. */
export type InitiatorFactory = (
  facts: ConnectionFacts,
  random: RandomSource,
  wallNow: () => number,
) => SecurityContext;

/** How requests prove who we are. */
export type Authentication =
  /** Not at all: only Identify is answered (DSP0226 section 11.1). */
  | { readonly kind: "anonymous" }
  /** `Authorization` of every request; a function so that the password stays in one place. */
  | { readonly kind: "basic"; readonly authorization: () => string }
  /** Every request says that the certificate of its connection answers for it. */
  | { readonly kind: "certificate" }
  /** Every request is answered for with what the service gave the connection before. */
  | { readonly kind: "digest"; readonly session: (random: RandomSource) => DigestSession }
  /** A dialogue bound to each connection. `seal`: messages are sealed (plain HTTP); over TLS they need not be. */
  | {
    readonly kind: "negotiate";
    readonly scheme: SealingScheme;
    readonly initiator: InitiatorFactory;
    readonly seal: boolean;
  };

/** One host, as the actors see it. */
export interface HostTarget {
  /** The inventory's name: what users see. */
  readonly name: string;
  /** Key of the account's quotas on this host: host and user. */
  readonly quotaKey: string;
  /** Where to connect. */
  readonly connect: ConnectTarget;
  /** `Host` header. */
  readonly hostHeader: string;
  /** Path and query, e.g. `/wsman`. */
  readonly path: string;
  /** `a:To`, e.g. `http://web01:5985/wsman`. */
  readonly url: string;
  /** How to authenticate. */
  readonly authentication: Authentication;
  /** Milliseconds that the service may hold a request (OperationTimeout); default of callers 20,000. */
  readonly operationTimeoutMs: number;
  /** Milliseconds beyond OperationTimeout until an answer is given up (NetworkDelayms). */
  readonly networkDelayMs: number;
  /** Largest answer in bytes. */
  readonly maxEnvelopeSize: number;
  /** `w:Locale`. */
  readonly locale: string;
  /** Further tries when no connection can be opened; default 2, 0: none. */
  readonly connectRetries?: number;
  /** Told of each connection whose logon the service has taken, when its first answer is there; must be short and throw nothing. */
  readonly onLogon?: (logon: LogonUsed) => void;
}
