/**
 * Many followers of one job over raw TCP, for suite `api`. Each byte of each stream is compared with what the stream that was first to
 * have it got, and in that one the seqs have to follow each other: so all streams have all events in order. The argument is a
 * {@link StreamJob}; prints a line when all streams have begun, and {@link StreamFigures} when all have ended with the job.
 * @module
 */
import { Buffer } from "node:buffer";

/** What to follow. */
export interface StreamJob {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly streams: number;
}

/** What came of it. */
export interface StreamFigures {
  /** Events that each stream got. */
  readonly events: number;
  /** Bytes of all streams. */
  readonly bytes: number;
}

const job = JSON.parse(Deno.args[0]!) as StreamJob;
const request = new TextEncoder().encode(
  `GET ${job.path} HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nAuthorization: Bearer ${job.token}\r\n\r\n`,
);

/** What the furthest stream has got. */
let known = Buffer.alloc(64 * 1024 * 1024);
let knownBytes = 0;

function take(position: number, bytes: Uint8Array): number {
  const compared = Math.min(bytes.length, knownBytes - position);
  if (known.compare(bytes, 0, compared, position, position + compared) !== 0) {
    throw new Error(`a stream differs from the others at ${position}`);
  }
  const news = bytes.subarray(compared);
  if (knownBytes + news.length > known.length) known = Buffer.concat([known, Buffer.alloc(known.length)]);
  known.set(news, knownBytes);
  knownBytes += news.length;
  return position + bytes.length;
}

async function follow(begun: () => void): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: job.port });
  await connection.write(request);
  const buffer = new Uint8Array(64 * 1024);
  let head = "";
  let position = 0;
  /** Bytes of the chunk that are to come, with the line end behind it; 0: a size comes. */
  let left = 0;
  let size = "";
  for (;;) {
    const read = await connection.read(buffer);
    if (read === null) throw new Error("a stream was cut");
    let at = 0;
    if (head === "") {
      head = new TextDecoder("latin1").decode(buffer.subarray(0, read)).split("\r\n\r\n", 1)[0] + "\r\n\r\n";
      if (!head.startsWith("HTTP/1.1 200 ") || head.length > read) throw new Error(`unexpected answer: ${head}`);
      at = head.length;
      begun();
    }
    while (at < read) {
      if (left === 0) {
        const byte = buffer[at++]!;
        if (byte === 0x0a) {
          const length = parseInt(size, 16);
          size = "";
          if (length === 0) {
            ends.push(position);
            return;
          }
          left = length + 2;
        } else if (byte !== 0x0d) size += String.fromCharCode(byte);
        continue;
      }
      const end = Math.min(read, at + left);
      const payload = Math.max(0, Math.min(end - at, left - 2));
      if (payload > 0) position = take(position, buffer.subarray(at, at + payload));
      left -= end - at;
      at = end;
    }
  }
}

/** Where streams ended. */
const ends: number[] = [];

const begun: Promise<void>[] = [];
const streams = Array.from({ length: job.streams }, () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  begun.push(promise);
  return follow(resolve);
});
await Promise.race([Promise.all(begun), Promise.all(streams)]);
console.log("begun");
await Promise.all(streams);
if (ends.some((end) => end !== knownBytes)) throw new Error("a stream ended before the others");
let events = 0;
let last = 0;
for (let at = 0; at < knownBytes;) {
  const end = known.indexOf("\n\n", at) + 2;
  const seq = Number(/^id: (\d+)\n/.exec(known.toString("latin1", at, Math.min(end, at + 40)))?.[1]);
  if (last !== 0 && seq !== last + 1) throw new Error(`seq ${seq} follows ${last}`);
  last = seq;
  events++;
  at = end;
}
const figures: StreamFigures = { events, bytes: knownBytes * job.streams };
console.log(JSON.stringify(figures));
