/**
 * The circuit breaker of one host: whether connections to it are worth a try now. Pure data: every change makes a new state out of the
 * old one, and time and random are arguments.
 *
 * - `closed`: everything is tried. After {@link breakerThreshold} failures in a row it opens.
 * - `open`: work fails at once until the back-off is over; it doubles each time, from 5 seconds to 5 minutes, half of it random.
 * - `halfOpen`: one try is under way. Success closes it, failure opens it for longer.
 * @module
 */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { RandomSource } from "../ports.ts";
import { jittered } from "./jitter.ts";

/** The state of a circuit. */
export interface Circuit {
  readonly kind: "closed" | "open" | "halfOpen";
  /** Failures in a row. */
  readonly failures: number;
  /** How often it has opened since it was closed. */
  readonly openings: number;
  /** Monotonic milliseconds until which an open circuit refuses work. */
  readonly until: number;
  /** The last failure, and when the next try may be, for people. */
  readonly why: { readonly message: string; readonly wallUntil: number } | undefined;
}

/** Failures in a row that open a circuit. */
export const breakerThreshold = 5;

const firstBackoffMs = 5_000;
const longestBackoffMs = 300_000;

/** A circuit of which nothing bad is known. */
export const closedCircuit: Circuit = { kind: "closed", failures: 0, openings: 0, until: 0, why: undefined };

/** Time, as a breaker needs it. */
export interface BreakerTime {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Milliseconds since 1970. */
  readonly wallNow: number;
}

/** The state in which work that comes at `now` finds the circuit: an open one whose time is over lets it through as a probe. */
export function approached(circuit: Circuit, now: number): Circuit {
  return circuit.kind === "open" && now >= circuit.until ? { ...circuit, kind: "halfOpen" } : circuit;
}

/**
 * The state after a try has failed. `retries`: further tries that one piece of work has; with all of them it does not open the circuit
 * of a host that has never failed before. Tries that were made although it is open do not change it: clean-up must not prolong it.
 */
export function failed(
  circuit: Circuit,
  error: DroverError,
  retries: number,
  { now, wallNow }: BreakerTime,
  random: RandomSource,
): Circuit {
  if (circuit.kind === "open") return circuit;
  const failures = circuit.failures + 1;
  if (circuit.kind === "closed" && failures < Math.max(breakerThreshold, retries + 2)) {
    return { ...circuit, failures };
  }
  const ms = jittered(Math.min(longestBackoffMs, firstBackoffMs * 2 ** circuit.openings), random);
  return {
    kind: "open",
    failures,
    openings: Math.min(circuit.openings + 1, 16),
    until: now + ms,
    why: { message: error.message, wallUntil: wallNow + ms },
  };
}

/** The error of work that an open circuit refuses: nothing of it was sent. */
export function circuitOpen({ failures, why }: Circuit): NetworkError {
  const until = new Date(why?.wallUntil ?? 0).toISOString();
  return new NetworkError(
    "CircuitOpen",
    `connect: not tried before ${until}, for the last ${failures} tries have failed: ${why?.message}`,
  );
}

/** Short text for inspection; empty while it is closed. */
export function describeCircuit({ kind, failures, why }: Circuit): string {
  if (kind === "closed") return "";
  const until = kind === "open" ? ` until ${new Date(why?.wallUntil ?? 0).toISOString()}` : "";
  return `circuit ${kind === "open" ? "open" : "half-open"}${until} after ${failures} failures`;
}

/**
 * The same for programs, none while it is closed. `circuitUntil`: milliseconds since 1970, 0 when it is half-open; `circuitsOpen` and
 * `circuitsHalfOpen` are 1 so that their sum counts them.
 */
export function circuitFigures({ kind, failures, why }: Circuit): Readonly<Record<string, number>> {
  if (kind === "closed") return {};
  return kind === "open"
    ? { circuitFailures: failures, circuitUntil: why?.wallUntil ?? 0, circuitsOpen: 1 }
    : { circuitFailures: failures, circuitUntil: 0, circuitsHalfOpen: 1 };
}
