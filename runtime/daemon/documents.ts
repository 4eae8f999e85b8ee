/** From what the store keeps to what the API shows: times become ISO 8601, bytes become text or base64. @module */
import type { Job, JobHostResult, StoredEvent } from "../../actors/daemon/job_types.ts";
import type { JobDocument } from "./schemas/job.ts";

/** A job. */
export function jobDocument(job: Job): JobDocument {
  const { command } = job.request;
  return {
    ...job,
    request: {
      ...job.request,
      command: typeof command === "string" ? command : [...command],
    } as JobDocument["request"],
    counts: { ...job.counts },
    // Events of a store of the first version have no word about it.
    scheduledBy: job.scheduledBy ?? null,
    createdAt: iso(job.createdAt),
    startedAt: isoOrNull(job.startedAt),
    endedAt: isoOrNull(job.endedAt),
  };
}

/** A host of a job. */
export function jobHostDocument(host: JobHostResult) {
  return { ...host, startedAt: isoOrNull(host.startedAt), endedAt: isoOrNull(host.endedAt) };
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An event. Each piece of output stands for exactly its bytes: what is no text by itself is base64. */
export function eventDocument(event: StoredEvent): Record<string, unknown> {
  const at = iso(event.at);
  if (event.type === "job") return { ...event, at, document: jobDocument(event.document) };
  if (event.type !== "output") return { ...event, at };
  const { data, ...rest } = event;
  return { ...rest, at, ...textOrBase64(data) };
}

function textOrBase64(bytes: Uint8Array): { data: string } | { base64: string } {
  try {
    return { data: strict.decode(bytes) };
  } catch {
    return { base64: bytes.toBase64() };
  }
}

/** A time. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time, where there is one. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
