/** Both sides of a logon, with set clocks and random bytes, for tests of protocol/auth and what stands on it. @module */
import assert from "node:assert/strict";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { Secret } from "../../protocol/secret.ts";
import { ntHash, type NtlmAcceptorOptions, type NtlmInitiatorOptions } from "../../protocol/auth/mod.ts";

/** 2023-11-14. */
export const time = 1_700_000_000_000;

/** A reproducible source of bytes. */
export function seededBytes(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
}

/** Options of a logon as DOM\alice. */
export function initiatorOptions(changes: Partial<NtlmInitiatorOptions> = {}): NtlmInitiatorOptions {
  return {
    credential: { username: "alice", domain: "DOM", password: new Secret("Passw0rd!") },
    targetName: "HTTP/web01",
    random: seededBytes(1),
    now: () => time,
    ...changes,
  };
}

/** Options of a service that knows DOM\alice. */
export function acceptorOptions(changes: Partial<NtlmAcceptorOptions> = {}): NtlmAcceptorOptions {
  return {
    ntHash: (username, domain) =>
      username === "alice" && domain === "DOM" ? ntHash(new Secret("Passw0rd!")) : undefined,
    computerName: "WEB01",
    domainName: "DOM",
    dnsComputerName: "web01.example",
    random: seededBytes(2),
    now: () => time,
    ...changes,
  };
}

/** One step, answered at once. */
export function stepNow(context: SecurityContext, token?: Uint8Array): SecurityStep {
  const outcomes: SecurityStep[] = [];
  context.step(token, (outcome) => outcomes.push(outcome));
  assert.equal(outcomes.length, 1);
  return outcomes[0]!;
}

/** The token of a step that must go on. */
export function tokenOf(outcome: SecurityStep): Uint8Array {
  if (outcome.kind === "failed") throw outcome.error;
  assert.ok(outcome.token !== undefined);
  return outcome.token;
}

/** The code of the error of a step that must have failed. */
export function failureOf(outcome: SecurityStep): string {
  assert.equal(outcome.kind, "failed");
  return outcome.kind === "failed" ? outcome.error.code : "";
}

/** Runs a dialogue to its end, each token through `wire`; throws the error of the side that failed. */
export function logOn(
  initiator: SecurityContext,
  acceptor: SecurityContext,
  wire: (token: Uint8Array, leg: number) => Uint8Array = (token) => token,
): number {
  let legs = 0;
  let outcome = stepNow(initiator);
  for (let side = acceptor;; side = side === acceptor ? initiator : acceptor) {
    if (outcome.kind === "failed") throw outcome.error;
    if (outcome.token === undefined) return legs;
    outcome = stepNow(side, wire(outcome.token, legs++));
  }
}
