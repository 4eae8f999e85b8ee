/** Makes actor systems on the real clock, random source and event loop. @module */
import { setImmediate } from "node:timers";
import type { CrashReport } from "../actors/kernel/crash_report.ts";
import { ActorSystem } from "../actors/kernel/system.ts";
import { systemClock } from "./clock.ts";
import { systemRandom } from "./random.ts";

/** Options of {@link createSystem}. */
export interface SystemOptions {
  /** Told about every crash of an actor. */
  readonly onCrash?: (report: CrashReport) => void;
  /** Takes secrets out of the texts of crash reports. */
  readonly redact?: (text: string) => string;
  /** Messages handled before I/O has its chance; default 256. */
  readonly maxTurn?: number;
}

/** Every so many yields are deep ones. */
const DEEP_EVERY = 4;

/**
 * How the loop lets I/O proceed. `setImmediate` is cheap (2.6 µs) but keeps the runtime busy, and a busy runtime polls its
 * sockets only once in about 60 rounds (measured in Deno 2.9.6: 81 socket round trips a second beside a spinning loop;
 * `MessageChannel` 2; `setTimeout(0)` sleeps 2 ms). Waiting for work of another thread lets the runtime park, which polls
 * everything (4,261 round trips, 22 µs): the shortest such work that needs no permission is a digest of one byte.
 */
function makeYield(): (turn: () => void) => void {
  const oneByte = new Uint8Array(1);
  let count = 0;
  return (turn) => {
    if (++count % DEEP_EVERY !== 0) setImmediate(turn);
    else crypto.subtle.digest("SHA-256", oneByte).then(() => turn());
  };
}

/** An empty actor system of this process. */
export function createSystem(options: SystemOptions = {}): ActorSystem {
  const ports = {
    clock: systemClock,
    random: systemRandom,
    yieldToIo: makeYield(),
    ...(options.onCrash === undefined ? {} : { onCrash: options.onCrash }),
    ...(options.redact === undefined ? {} : { redact: options.redact }),
  };
  return new ActorSystem(ports, options.maxTurn === undefined ? {} : { maxTurn: options.maxTurn });
}
