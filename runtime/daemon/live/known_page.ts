/** Pages of events that this thread has heard of. @module */
import type { Store } from "../../store/api.ts";
import type { EventPage, EventQuery } from "../../store/types.ts";

/**
 * Events up to `store.head`. The file may have later ones already, but a reader that was told of them could ask for their job and get
 * it as it was before ({@link JobCache}). Whoever waits for the store is woken for them.
 */
export function knownPage(store: Store, query: EventQuery): EventPage {
  const page = store.read.events.page(query);
  const { head } = store;
  if (page.next <= head) return page;
  return {
    ...page,
    events: page.events.filter(({ seq }) => seq <= head),
    next: Math.max(query.after, head),
    more: false,
  };
}
