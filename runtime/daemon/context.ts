/** What the routes stand on. @module */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Store } from "../store/api.ts";
import type { StoredToken } from "../store/types.ts";
import type { AccessMeter } from "./access/limits.ts";
import type { TokenBook } from "./access/token_book.ts";
import type { Facts } from "./facts.ts";
import type { HostBook } from "./host_book.ts";
import type { JobCache } from "./job_cache.ts";
import type { JobLogs } from "./live/job_log.ts";
import type { PartSource } from "./live/part_source.ts";
import type { SocketEvents } from "./live/socket.ts";
import { Problem } from "./problems.ts";
import type { Operation } from "./operation/operation.ts";
import type { JobRunner } from "./runner.ts";
import type { ScheduleKeeper } from "./schedules/keeper.ts";
import type { LiveSettings } from "./settings.ts";

/** Everything that a daemon consists of, for its routes. */
export interface DaemonParts {
  readonly store: Store;
  readonly runner: JobRunner;
  readonly schedules: ScheduleKeeper;
  readonly book: HostBook;
  readonly facts: Facts;
  readonly meter: AccessMeter;
  readonly settings: LiveSettings;
  readonly tokens: TokenBook;
  readonly jobs: JobCache;
  readonly logs: JobLogs;
  /** Host names that lead here, in lower case. */
  readonly names: ReadonlySet<string>;
  /** Ends when the daemon stops: streams end with it. */
  readonly stopping: AbortSignal;
  /** Milliseconds without an event after which a stream says that it lives. */
  readonly heartbeatMs: number;
  /** Milliseconds after which a stream whose client takes nothing is given up. */
  readonly stuckMs: number;
  /** What it tells of itself. */
  readonly operation: Operation;
  /** Takes hosts that were added or removed. */
  readonly reloadAdditions: () => void;
  /** Told about errors that nobody foresaw. */
  readonly onError: (error: unknown) => void;
}

/** What hono keeps for each request. */
export interface ApiEnv {
  Bindings: {
    /** Address of the caller. */
    readonly from: string;
    /** Cuts the connection. */
    readonly drop: () => void;
    /** Makes the body of the answer, once; where it is `null` the server takes it from the source. */
    readonly parts: (source: PartSource) => ReadableStream<Uint8Array<ArrayBuffer>> | null;
    /** Makes a WebSocket of the request, and says what becomes of it. */
    readonly upgrade: (request: Request, protocol: string | undefined, events: SocketEvents) => Response;
  };
  Variables: {
    /** The token that it came with. */
    readonly caller: StoredToken;
    /** SHA-256 of its body, where it has one. */
    readonly bodyDigest: string;
  };
}

/** Answers a request that came from an address. */
export type Handler = (request: Request, caller: ApiEnv["Bindings"]) => Response | Promise<Response>;

/** The app that routes are added to. */
export type Api = OpenAPIHono<ApiEnv>;

/** The context of a request. */
export type ApiContext = Context<ApiEnv>;

/** Keeps who did what. A change that cannot be written down is told as an error, although it happened. */
export async function audit(
  parts: DaemonParts,
  context: ApiContext,
  action: string,
  target: string,
  detail: Readonly<Record<string, unknown>> = {},
  outcome = "ok",
): Promise<void> {
  await parts.store.write.audit.add({
    at: Date.now(),
    who: context.get("caller").name,
    from: context.env.from,
    action,
    target,
    outcome,
    detail,
  });
}

/** A stream's end: the client's or the daemon's, whichever comes first. */
export function untilEither(one: AbortSignal, other: AbortSignal): AbortSignal {
  return AbortSignal.any([one, other]);
}

/** No such job, for whoever may not see it as well. */
export function jobUnknown(): Problem {
  return new Problem(404, "JobUnknown", "there is no such job");
}
