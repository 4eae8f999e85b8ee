/**
 * A small coverage-guided fuzzer: it mutates inputs, runs a target, and keeps each input that reached a state which none
 * before it reached. A state is what the target says of its run in few words (kinds of events, codes of errors): a stand-in
 * for coverage that needs no instrumentation. Everything follows from the seed.
 * @module
 */
import { mutateBytes } from "./mutate.ts";
import { Random } from "./random.ts";

/** What is fuzzed, and how one input is judged. */
export interface Target {
  /** Name on the command line. */
  readonly name: string;
  /** Well-formed inputs, written by us, to begin with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Pieces that mean something to the reader. */
  readonly tokens: readonly Uint8Array[];
  /** Mutations that keep the form; some inputs are mutated as bytes all the same. */
  readonly mutate?: (random: Random, input: Uint8Array) => Uint8Array;
  /** Runs one input and names the state that it reached. Throws when a law is broken. */
  readonly run: (input: Uint8Array, random: Random) => string;
}

/** When a run ends. */
export interface Budget {
  readonly execs: number;
  /** Default: no limit. */
  readonly milliseconds?: number;
}

/** What a run found. */
export interface Figures {
  readonly name: string;
  readonly execs: number;
  readonly perSecond: number;
  /** Distinct states. */
  readonly states: number;
  /** Inputs kept because they reached a new state. */
  readonly kept: number;
  /** States reached for the first time in the second half of the run: near zero when more time would find no more. */
  readonly late: number;
}

/** An input that broke a law. */
export class Finding extends Error {
  constructor(readonly target: string, readonly exec: number, readonly input: Uint8Array, cause: unknown) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`${target}: input ${exec} breaks a law: ${what}\n  input: ${JSON.stringify(latin1(input))}`, {
      cause,
    });
  }
}

const maxKept = 4_000;
const maxInput = 16_384;

/** Runs `target`. Throws {@link Finding} for the first input that breaks a law. `before` sees each input before its run. */
export function fuzz(
  target: Target,
  seed: number,
  budget: Budget,
  before?: (input: Uint8Array) => void,
): Figures {
  const random = new Random(seed);
  const corpus = target.seeds().map((input) => input.slice());
  const begun = corpus.length;
  const states = new Map<string, number>();
  const started = performance.now();
  const end = started + (budget.milliseconds ?? Infinity);
  let execs = 0;
  for (; execs < budget.execs; execs++) {
    // The clock is asked seldom: asking costs as much as a short run.
    if (execs % 64 === 0 && performance.now() > end) break;
    const input = execs < begun ? corpus[execs]! : nextInput(target, random, corpus, begun);
    before?.(input);
    let state: string;
    try {
      state = target.run(input, random);
    } catch (error) {
      throw new Finding(target.name, execs, input, error);
    }
    if (states.has(state)) continue;
    states.set(state, execs);
    if (execs >= begun && corpus.length - begun < maxKept) corpus.push(input.slice());
  }
  const seconds = (performance.now() - started) / 1_000;
  let late = 0;
  for (const first of states.values()) if (first > execs / 2) late++;
  return {
    name: target.name,
    execs,
    perSecond: Math.round(execs / seconds),
    states: states.size,
    kept: corpus.length - begun,
    late,
  };
}

function nextInput(
  target: Target,
  random: Random,
  corpus: readonly Uint8Array[],
  begun: number,
): Uint8Array {
  // The seeds stay half of what is mutated: discoveries are mostly broken already and lead less deep.
  const from = random.below(2) === 0 ? corpus[random.below(begun)]! : random.pick(corpus);
  const other = () => random.pick(corpus);
  const mutated = target.mutate !== undefined && random.below(5) > 0
    ? target.mutate(random, from)
    : mutateBytes(random, from, target.tokens, other);
  return mutated.length > maxInput ? mutated.subarray(0, maxInput) : mutated;
}

/** One line of figures, as `tests/run.ts` collects them. */
export function show(figures: Figures): string {
  return `FUZZ name=${figures.name} execs=${figures.execs} execs_per_s=${figures.perSecond} ` +
    `states=${figures.states} kept=${figures.kept} late=${figures.late}`;
}

/** Each byte as one character. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
