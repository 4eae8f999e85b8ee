/** Events of all jobs by WebSocket. @module */
import { z } from "@hono/zod-openapi";
import type { StoredEvent, StoredEventType } from "../../../actors/daemon/job_types.ts";
import { needs, tokenProtocol } from "../access/guard.ts";
import { isLimited } from "../access/tokens.ts";
import { type Api, type DaemonParts, untilEither } from "../context.ts";
import { type EventSocket, sendEvents } from "../live/socket.ts";
import { Problem } from "../problems.ts";

/** Which events; lists are separated by commas. */
const querySchema = z.object({
  after: z.string().regex(/^\d{1,15}$/).optional(),
  job: z.uuid().optional(),
  hosts: z.string().min(1).max(8_192).optional(),
  types: z.string().regex(/^(?:job|progress|output|gap|result)(?:,(?:job|progress|output|gap|result)){0,4}$/)
    .optional(),
});

/** Name by which a client asks for events, beside the protocol that carries its token. */
const eventsProtocol = "drover.events";

/** Adds the route. OpenAPI cannot describe WebSockets, so it is none of its routes. */
export function addSocketRoute(app: Api, parts: DaemonParts): void {
  app.get("/v1/events", needs("read"), (context) => {
    const { raw } = context.req;
    if (raw.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      throw new Problem(426, "UpgradeNeeded", "events of all jobs come by WebSocket", {
        headers: { "Upgrade": "websocket" },
      });
    }
    const query = querySchema.safeParse(context.req.query());
    if (!query.success) throw new Problem(422, "RequestInvalid", "the query is not valid");
    const caller = context.get("caller");
    const leave = parts.meter.enter(caller.id, "streams");
    const offered = (raw.headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((text) => text.trim());
    const named = offered.includes(eventsProtocol)
      ? eventsProtocol
      : offered.find((text) => text.startsWith(tokenProtocol));
    const gone = new AbortController();
    const { after, job, hosts, types } = query.data;
    let unwatch = () => {};
    const opened = (socket: EventSocket) => {
      unwatch = parts.tokens.lasting(caller, () => {
        gone.abort();
        socket.close(1008, "the token is no more");
      });
      sendEvents(
        socket,
        parts.store,
        {
          // Without a cursor from now on. Whoever names a place that is still to come gets what comes.
          after: Math.min(Number(after ?? Infinity), parts.store.head),
          ...(job === undefined ? {} : { job }),
          ...(hosts === undefined ? {} : { hosts: hosts.split(",") }),
          ...(types === undefined ? {} : { types: types.split(",") as StoredEventType[] }),
        },
        ownJobs(parts, isLimited(caller) ? caller.name : undefined),
        parts,
        untilEither(gone.signal, parts.stopping),
      ).catch((error) => {
        if (!gone.signal.aborted) parts.onError(error);
      }).finally(() => {
        if (!gone.signal.aborted) socket.close(1001, "the daemon stops");
      });
    };
    const closed = () => {
      unwatch();
      gone.abort();
      leave();
    };
    try {
      return context.env.upgrade(raw, named, { opened, closed });
    } catch {
      // It says Upgrade, and lacks what else makes one (RFC 6455, section 4.2.1).
      closed();
      throw new Problem(400, "RequestMalformed", "the request is no opening handshake of a WebSocket");
    }
  });
}

/** A token that is limited to some hosts sees events of its own jobs only. */
function ownJobs(parts: DaemonParts, owner: string | undefined): (event: StoredEvent) => boolean {
  if (owner === undefined) return () => true;
  let last: { readonly job: string; readonly own: boolean } | undefined;
  return ({ job }) => {
    if (last?.job !== job) last = { job, own: parts.store.read.jobs.get(job)?.createdBy === owner };
    return last.own;
  };
}
