/** Events of a job, across connections that break and daemons that are restarted: each once. @module */
import { NetworkError, ProtocolError } from "../../../protocol/errors.ts";
import type { HostError, HostStatus } from "../../../actors/host/mod.ts";
import { OutputBytes } from "../output_bytes.ts";
import type { DaemonConnection } from "./connection.ts";
import { type EventPlace, type JobDocument, type JobEvent, jobPath } from "./documents.ts";
import { readEventStream } from "./event_stream.ts";

/** Where to begin, and when to stop. */
export interface FollowOptions {
  /** Only events with a higher seq; default: from the beginning. */
  readonly after?: number;
  /** Stops following; the job goes on. */
  readonly signal?: AbortSignal;
}

/** Events until the job is done. */
export async function* followJob(
  connection: DaemonConnection,
  id: string,
  { after = 0, signal }: FollowOptions = {},
): AsyncGenerator<JobEvent, void, undefined> {
  const patience = connection.patience();
  let last = after;
  /** The daemon has said that the job is done: a stream that ends has given all. */
  let over = false;
  while (true) {
    let failure: unknown;
    let whole = false;
    const before = last;
    try {
      const answer = await connection.request("GET", `${jobPath(id)}/events`, {
        headers: { "Last-Event-ID": String(last) },
        signal,
      });
      for await (const { data } of readEventStream(connection.chunks(answer))) {
        patience.renew();
        const event = eventOf(data);
        if (event.seq <= last) continue;
        last = event.seq;
        yield event;
        if (event.type === "job" && event.document.state === "done") return;
      }
      whole = true;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof NetworkError) || error.code !== "ConnectionLost") throw error;
      failure = error;
    }
    if (whole) {
      // It ended without the job's end: the daemon stops, or there was nothing more behind `after`.
      const { state } = await connection.json<JobDocument>("GET", jobPath(id), { signal });
      if (over && state === "done" && last === before) return;
      over = state === "done";
      if (over) continue;
    }
    if (!await patience.wait(signal)) {
      throw new NetworkError("DaemonUnreachable", "follow job: the connection breaks again and again", {
        cause: failure,
      });
    }
  }
}

/** An event as the API writes it, as far as it is read. */
interface EventText extends EventPlace {
  readonly type: string;
  readonly host: string;
  readonly document: JobDocument;
  readonly phase: "connecting";
  readonly stream: "stdout" | "stderr" | null;
  readonly data?: string;
  readonly base64?: string;
  readonly reason: string;
  readonly status: HostStatus;
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly error: HostError | null;
}

function eventOf(text: string): JobEvent {
  let event: EventText;
  try {
    event = JSON.parse(text) as EventText;
  } catch (error) {
    throw new ProtocolError("BadAnswer", "follow job: an event is no JSON", { cause: error });
  }
  const { seq, at, job, host } = event;
  const place = { seq, at, job };
  switch (event.type) {
    case "job":
      return { ...place, type: "job", document: event.document };
    case "progress":
      return { ...place, type: "progress", host, phase: event.phase };
    case "output": {
      const bytes = event.base64 === undefined
        ? new TextEncoder().encode(event.data)
        : Uint8Array.fromBase64(event.base64);
      return { ...place, type: "output", host, stream: event.stream!, data: OutputBytes.wrap(bytes) };
    }
    case "gap":
      return { ...place, type: "gap", host, stream: event.stream ?? undefined, reason: event.reason };
    case "result":
      return {
        ...place,
        type: "result",
        host,
        status: event.status,
        exitCode: event.exitCode ?? undefined,
        durationMs: event.durationMs,
        error: event.error ?? undefined,
      };
    default:
      throw new ProtocolError("BadAnswer", `follow job: an event of the unknown type ${event.type}`);
  }
}
