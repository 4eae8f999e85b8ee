/** Output of one host by byte range. @module */
import type { OutputStream } from "../../actors/ports.ts";
import type { EventTable } from "./events.ts";
import type { JobHostTable } from "./job_hosts.ts";
import type { JobTable } from "./jobs.ts";
import { type ChainLink, findLink } from "./output_chain.ts";
import type { OutputRange } from "./types.ts";

/** Bytes that are read at once, at most. */
const maxBytes = 4 * 1024 * 1024;

/** Up to `length` bytes of a stream from `offset`; `undefined`: no such job or host. */
export function outputRange(
  { jobs, jobHosts, events }: { jobs: JobTable; jobHosts: JobHostTable; events: EventTable },
  job: string,
  index: number,
  stream: OutputStream,
  offset: number,
  length: number,
): OutputRange | undefined {
  const nr = jobs.number(job);
  const row = nr === undefined ? undefined : jobHosts.row(nr, index);
  if (row === undefined) return undefined;
  const total = row[`${stream}_bytes`];
  const from = Math.min(Math.max(Math.trunc(offset) || 0, 0), total);
  const to = Math.min(from + Math.min(Math.max(Math.trunc(length) || 0, 0), maxBytes), total);
  const data = new Uint8Array(to - from);
  const linkOf = (seq: number): ChainLink => events.link(seq);
  // From the event with the last byte back to the one with the first.
  for (let seq = to > from ? findLink(row[`${stream}_tail`], to - 1, linkOf) : 0; seq !== 0;) {
    const link = linkOf(seq);
    const bytes = events.data(seq);
    const start = Math.max(from - link.offset, 0);
    data.set(bytes.subarray(start, to - link.offset), link.offset + start - from);
    seq = link.offset <= from ? 0 : link.prev;
  }
  return { data, offset: from, total };
}
