/** Runs ranges of seeds beside the main thread: takes a {@link Range}, answers its failures, then its sums. @module */
import { type Failure, type Range, runRange, type Sums } from "./summary.ts";

/** What a worker says. */
export type Answer = { readonly failure: Failure } | { readonly sums: Sums };

const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<Range>) => void;
  postMessage: (answer: Answer) => void;
};

self.onmessage = ({ data }) => {
  const sums = runRange(data, ({ seed, scenario, violations }) => {
    self.postMessage({ failure: { seed, scenario, violations } });
    return true;
  });
  self.postMessage({ sums });
};
