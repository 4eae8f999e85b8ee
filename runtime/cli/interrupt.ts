/** Ctrl-C: the first cancels in order, a later one ends at once. @module */

/** Under `deno task` one key press arrives twice; within this time it counts once. */
const sameKeyPressMs = 1_000;

/** Calls `onInterrupt` at the first SIGINT or SIGTERM; a second one, more than a second later, exits with code 130. */
export function interruptible(onInterrupt: () => void): Disposable {
  let first: number | undefined;
  const handler = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      onInterrupt();
    } else if (now - first > sameKeyPressMs) Deno.exit(130);
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, handler);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, handler);
    },
  };
}
