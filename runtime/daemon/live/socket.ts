/** Events of all jobs by WebSocket: read from the store as fast as the client takes them. @module */
import { eventDocument } from "../documents.ts";
import type { Store } from "../../store/api.ts";
import { eventFeed, type FeedQuery } from "./event_feed.ts";
import type { StoredEvent } from "../../../actors/daemon/job_types.ts";

/** A socket, as far as it is needed. */
export interface EventSocket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
}

/** What becomes of a socket: it opens, unless the client is gone, and closes in any case. */
export interface SocketEvents {
  opened(socket: EventSocket): void;
  closed(): void;
}

/** Bytes that may wait for a slow client; what is behind them waits in the store. */
const maxBuffered = 1024 * 1024;
/** Milliseconds between looks at a client that is slow. */
const lookMs = 50;

/**
 * Sends events until `signal`. One message is one event; `{"type":"heartbeat"}` says that there is none, `{"type":"trimmed"}` that
 * some behind the cursor are kept no more.
 */
export async function sendEvents(
  socket: EventSocket,
  store: Store,
  query: FeedQuery,
  passes: (event: StoredEvent) => boolean,
  { heartbeatMs, stuckMs }: { readonly heartbeatMs: number; readonly stuckMs: number },
  signal: AbortSignal,
): Promise<void> {
  for await (const item of eventFeed(store, query, heartbeatMs, signal)) {
    if (item.kind === "idle") socket.send('{"type":"heartbeat"}');
    else {
      if (item.trimmed) socket.send('{"type":"trimmed"}');
      for (const event of item.events) {
        if (passes(event)) socket.send(JSON.stringify(eventDocument(event)));
      }
    }
    if (!await taken(socket, stuckMs, signal)) {
      socket.close(1008, "too slow");
      return;
    }
  }
}

/** Waits until the client has taken most of what was sent; `false`: for `stuckMs` it took nothing. */
async function taken(socket: EventSocket, stuckMs: number, signal: AbortSignal): Promise<boolean> {
  let least = socket.bufferedAmount;
  for (let waited = 0; socket.bufferedAmount > maxBuffered && !signal.aborted;) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    waited = socket.bufferedAmount < least ? 0 : waited + lookMs;
    least = Math.min(least, socket.bufferedAmount);
    if (waited >= stuckMs) return false;
  }
  return true;
}
