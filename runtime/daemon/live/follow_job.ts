/** One follower of a job: everything behind its cursor, at its own pace. @module */
import type { Store } from "../../store/api.ts";
import { knownPage } from "./known_page.ts";
import { encodeEvents, isLast, type JobLogs } from "./job_log.ts";

/** What a follower gets: bytes of the stream, or that nothing happened for a while. */
export type FollowItem = { readonly kind: "bytes"; readonly bytes: Uint8Array } | { readonly kind: "idle" };

/** Events, and bytes of output, of a page that a follower who is behind reads by itself. */
const pageEvents = 256;
const pageBytes = 256 * 1024;

/** Gives what follows until the job is done or `signal`; each part is looked for when it is asked for. */
export async function* followJob(
  store: Store,
  logs: JobLogs,
  job: string,
  after: number,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<FollowItem, void, undefined> {
  const { log, leave } = logs.follow(job);
  let wake = () => {};
  const aborted = () => wake();
  signal.addEventListener("abort", aborted);
  try {
    while (!signal.aborted) {
      if (after < log.first) {
        const page = knownPage(store, { after, job, limit: pageEvents, maxBytes: pageBytes });
        // What the store has is never less than what was in the log.
        after = page.more ? page.next : Math.max(page.next, log.first);
        if (page.events.length === 0) continue;
        yield { kind: "bytes", bytes: encodeEvents(page.events) };
        if (page.events.some(isLast)) return;
        continue;
      }
      const part = log.read(after);
      if (part !== undefined) {
        after = part.next;
        yield { kind: "bytes", bytes: part.bytes };
        if (part.over) return;
        continue;
      }
      const idle = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => {
          forget();
          resolve(true);
        }, idleMs);
        wake = () => {
          clearTimeout(timer);
          forget();
          resolve(false);
        };
        const forget = log.wait(wake);
      });
      if (idle) yield { kind: "idle" };
    }
    // What was on disk before the daemon stopped still goes out.
    for (let part = log.read(after); after >= log.first && part !== undefined; part = log.read(after)) {
      after = part.next;
      yield { kind: "bytes", bytes: part.bytes };
    }
  } finally {
    signal.removeEventListener("abort", aborted);
    leave();
  }
}

/** All events of a job that is done. */
export function* doneJob(store: Store, job: string, after: number): Generator<FollowItem, void, undefined> {
  for (;;) {
    const page = store.read.events.page({ after, job, limit: pageEvents, maxBytes: pageBytes });
    if (page.events.length > 0) yield { kind: "bytes", bytes: encodeEvents(page.events) };
    if (!page.more) return;
    after = page.next;
  }
}
