/** Memory of this process after its garbage was collected; needs `--v8-flags=--expose-gc`. @module */

/** Bytes: resident, and used in the JavaScript heap. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

/** Collects until it has settled. */
export async function settledMemory(): Promise<Memory> {
  const { gc } = globalThis as unknown as { gc: (options: Record<string, string>) => void };
  for (let i = 0; i < 4; i++) {
    // Otherwise V8 keeps freed pages for some ten seconds, and the young generation at its largest.
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rss, heapUsed } = Deno.memoryUsage();
  return { rss, heap: heapUsed };
}
