/**
 * Effects of a daemon, each a moment at which it can die: at the Nth of a kind it is killed, and nothing that comes after in the same
 * handler happens. What arrives is no effect: to die before it is handled is to die after the effect before it.
 * @module
 */
import type { ConnectionEvents, Connector, ConnectTarget } from "../../actors/ports.ts";

/** All kinds of effects. `store X`: the record was given to the store; `kept X`: it is on disk, and nobody was told. */
export const effectKinds = [
  "job created",
  "job recovered",
  "wish answered",
  "store state",
  "store progress",
  "store intent",
  "store output",
  "store gap",
  "store result",
  "kept state",
  "kept progress",
  "kept intent",
  "kept output",
  "kept gap",
  "kept result",
  "connect",
  "write of a logon",
  "write of Create",
  "write of Command",
  "write of Send",
  "write of Receive",
  "write of Signal",
  "write of Delete",
  "write of Enumerate",
  "write of Pull",
  "write of Get",
  "end of a connection",
] as const;

/** Kind of an effect. */
export type EffectKind = typeof effectKinds[number];

/** A life that dies at an effect; when the effect does not come so often, the life goes on. */
export interface CrashPlan {
  readonly kind: EffectKind;
  /** Counted from 1, in this life. */
  readonly nth: number;
  /** Milliseconds until the next life. */
  readonly backMs: number;
}

/** Counts effects. */
export class CrashPoints {
  readonly #plans: readonly CrashPlan[];
  readonly #crash: (plan: CrashPlan) => void;
  #life = -1;
  #left = 0;

  /** `plans`: by life. */
  constructor(plans: readonly CrashPlan[], crash: (plan: CrashPlan) => void) {
    this.#plans = plans;
    this.#crash = crash;
  }

  /** A life begins. */
  begin(): void {
    this.#life++;
    this.#left = this.#plans[this.#life]?.nth ?? 0;
  }

  /** Something was done. */
  happened(kind: EffectKind): void {
    const plan = this.#plans[this.#life];
    if (plan?.kind !== kind || --this.#left !== 0) return;
    this.#crash(plan);
  }
}

/** `connector`, of which nobody who is dead has anything. `written`: the kind of request that the last write was, if it was one. */
export function mortal(
  connector: Connector,
  dead: () => boolean,
  written: () => string | undefined,
  happened: (kind: EffectKind) => void,
): Connector {
  const nothing = { write: () => true, resume: () => {}, end: () => {}, abort: () => {} };
  return {
    connect(target: ConnectTarget, events: ConnectionEvents) {
      if (dead()) return nothing;
      const connection = connector.connect(target, events);
      happened("connect");
      return {
        write(bytes) {
          if (dead()) return true;
          const more = connection.write(bytes);
          happened(`write of ${written() ?? "a logon"}` as EffectKind);
          return more;
        },
        resume: () => dead() || connection.resume(),
        end() {
          if (dead()) return;
          connection.end();
          happened("end of a connection");
        },
        abort() {
          if (dead()) return;
          connection.abort();
          happened("end of a connection");
        },
      };
    },
  };
}
