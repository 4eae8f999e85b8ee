/** How late the event loop is: a timer that is due each half second, and comes when the loop gets to it. @module */

const everyMs = 500;

/** Calls `late` with the seconds by which each turn came too late, until the function given back is called. */
export function watchLoop(late: (seconds: number) => void): () => void {
  let due = performance.now() + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    late(Math.max(0, now - due) / 1_000);
    due = now + everyMs;
  }, everyMs);
  Deno.unrefTimer(timer as unknown as number);
  return () => clearInterval(timer);
}
