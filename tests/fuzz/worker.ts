/** Runs one target in a worker, so that a run that hangs can be told from outside. @module */
import { Finding, fuzz } from "./engine.ts";
import { targets } from "./targets.ts";

/** What the worker is asked for. */
export interface Work {
  readonly name: string;
  readonly seed: number;
  readonly execs: number;
  readonly milliseconds: number;
  /** Where the worker says how far it is: number of inputs, length of the present one, its bytes. */
  readonly progress: SharedArrayBuffer;
}

/** Bytes in front of the present input in {@link Work.progress}. */
export const progressHead = 8;

const scope = self as unknown as Worker;
scope.onmessage = ({ data }: MessageEvent<Work>) => {
  const { name, seed, execs, milliseconds, progress } = data;
  const counters = new Int32Array(progress, 0, 2);
  const present = new Uint8Array(progress, progressHead);
  const planned = targets.find(({ target }) => target.name === name);
  if (planned === undefined) throw new Error(`no target ${name}`);
  try {
    const figures = fuzz(planned.target, seed, { execs, milliseconds }, (input) => {
      present.set(input);
      Atomics.store(counters, 1, input.length);
      Atomics.add(counters, 0, 1);
    });
    scope.postMessage({ figures });
  } catch (error) {
    scope.postMessage({ finding: error instanceof Finding ? error.message : String(error) });
  }
};
