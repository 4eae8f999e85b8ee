/** Work that many may ask for and that is done seldom: they share what was made a moment ago. @module */

/** Least milliseconds for which a result serves everybody. */
const leastMs = 250;
/** After a result, so many times its own time passes before the next: it takes a twentieth of the process' time at most. */
const pauseFactor = 19;

/** `make`, but at most one at a time and not too often; `now`: milliseconds that never go back. */
export function paced<T>(make: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { readonly result: Promise<T>; until: number } | undefined;
  return () => {
    if (last !== undefined && now() < last.until) return last.result;
    const begun = now();
    const made = { result: make(), until: Infinity };
    last = made;
    const done = () => made.until = now() + Math.max(leastMs, (now() - begun) * pauseFactor);
    made.result.then(done, () => made.until = 0);
    return made.result;
  };
}
