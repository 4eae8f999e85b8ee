/** Memory of this process after its garbage was collected; needs `--v8-flags=--expose-gc`. @module */

/** Bytes. */
export interface Memory {
  /** Resident, after libc was asked to give back what it keeps of freed memory (where it is glibc). */
  readonly rss: number;
  /** Resident before that. */
  readonly untrimmed: number;
  /** Used in the JavaScript heap. */
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
  const { rss: untrimmed } = Deno.memoryUsage();
  trim();
  const { rss, heapUsed } = Deno.memoryUsage();
  return { rss, untrimmed, heap: heapUsed };
}

function trim(): void {
  try {
    const libc = Deno.dlopen("libc.so.6", { malloc_trim: { parameters: ["usize"], result: "i32" } });
    libc.symbols.malloc_trim(0n);
    libc.close();
  } catch {
    // Another libc: both figures are the same.
  }
}
