/** Events of the store from a cursor on, page by page: what waits for a slow reader waits in the store. @module */
import type { StoredEvent, StoredEventType } from "../../../actors/daemon/job_types.ts";
import type { Store } from "../../store/api.ts";
import { knownPage } from "./known_page.ts";

/** Which events, and from where. */
export interface FeedQuery {
  /** Events with a higher seq. */
  readonly after: number;
  readonly job?: string;
  readonly hosts?: readonly string[];
  readonly types?: readonly StoredEventType[];
}

/** What a feed gives: events, or that nothing happened for a while. */
export type FeedItem =
  | { readonly kind: "events"; readonly events: readonly StoredEvent[]; readonly trimmed: boolean }
  | { readonly kind: "idle" };

/** Events of a page: a reader of many streams keeps little in memory. */
const pageEvents = 256;
/** Bytes of output of a page. */
const pageBytes = 256 * 1024;

/** Gives pages until `signal`; each is read when it is asked for. `idleMs`: how long nothing may happen before it says so. */
export async function* eventFeed(
  store: Store,
  query: FeedQuery,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<FeedItem, void, undefined> {
  let wake = () => {};
  const unsubscribe = store.subscribe(() => wake());
  const aborted = () => wake();
  signal.addEventListener("abort", aborted);
  try {
    let { after } = query;
    while (!signal.aborted) {
      const page = knownPage(store, { ...query, after, limit: pageEvents, maxBytes: pageBytes });
      after = page.next;
      if (page.events.length > 0 || page.trimmed) {
        yield { kind: "events", events: page.events, trimmed: page.trimmed };
        continue;
      }
      if (page.more) {
        // Far behind, and the filter lets nothing pass: others have their turn in between.
        await new Promise((resolve) => setTimeout(resolve, 0));
        continue;
      }
      const idle = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), idleMs);
        wake = () => {
          clearTimeout(timer);
          resolve(false);
        };
        // What is committed after the page was read calls `wake`: nothing else runs between the two.
        if (signal.aborted) wake();
      });
      wake = () => {};
      if (idle) yield { kind: "idle" };
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", aborted);
  }
}
