/** Events of the store, page by page. */
import assert from "node:assert/strict";
import { eventFeed } from "../../../runtime/daemon/live/event_feed.ts";
import type { Store } from "../../../runtime/store/mod.ts";

/** A store with events of one job up to `last`, and a head that is further on. */
function store(last: () => number, head: () => number) {
  let reads = 0;
  const listeners = new Set<() => void>();
  const fake = {
    get head() {
      return head();
    },
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    read: {
      events: {
        page({ after }: { after: number }) {
          reads++;
          const seq = after + 1;
          const events = seq <= last() ? [{ seq, type: "progress" }] : [];
          return { events, next: events.length > 0 ? seq : after, more: seq < last(), trimmed: false };
        },
      },
    },
  };
  return { store: fake as unknown as Store, reads: () => reads, listeners };
}

Deno.test("a follower of one job does not spin while others write, and wakes for its own", async () => {
  let last = 2;
  const made = store(() => last, () => 100);
  const stop = new AbortController();
  const feed = eventFeed(made.store, { after: 0, job: "x" }, 3_600_000, stop.signal);
  const seen: number[] = [];
  const take = async () => {
    const { value } = await feed.next();
    if (value?.kind === "events") seen.push(...value.events.map(({ seq }) => seq));
  };
  await take();
  await take();
  const third = take();
  const reads = made.reads();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(made.reads(), reads, "it sleeps");
  for (const listener of made.listeners) listener();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(made.reads(), reads + 1, "it looks once when somebody wrote");
  last = 3;
  for (const listener of made.listeners) listener();
  await third;
  assert.deepEqual(seen, [1, 2, 3]);
  const end = feed.next();
  stop.abort();
  assert.equal((await end).done, true);
  assert.equal(made.listeners.size, 0);
});
