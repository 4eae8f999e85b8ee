/** Remote output as lines with the host's name in front. @module */

import { sanitize, showBytes } from "./sanitize.ts";
import { completeLength, OutputDecoder } from "./text_decoder.ts";

/** Longest line in one piece, bytes; a longer one is shown in pieces of this size, each with its prefix. */
export const maxLineLength = 65_536;
/** Widest host column; longer names stand out of it. */
const maxHostWidth = 32;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const encoder = new TextEncoder();

/** How lines look. */
export interface PrefixOptions {
  /** Hosts of the run: the column is as wide as the longest name. */
  readonly hosts: readonly string[];
  /** Writes remote bytes through as they are. */
  readonly raw: boolean;
  /** Decorates a prefix; gives it back as it is when there are no colours. */
  readonly paint: (prefix: string, stream: "stdout" | "stderr") => string;
}

/** A line that waits for its end. */
interface Pending {
  readonly prefix: Uint8Array;
  readonly chunks: Uint8Array[];
  length: number;
}

/**
 * Makes `web01 | text` of stdout and `web01 ! text` of stderr. Lines are kept apart per host and stream; what is returned
 * always ends in a line feed.
 */
export class LinePrefixer {
  readonly #width: number;
  readonly #pending = new Map<string, Map<string, Pending>>();

  constructor(readonly options: PrefixOptions) {
    const widest = options.hosts.reduce((width, host) => Math.max(width, host.length), 0);
    this.#width = Math.min(widest, maxHostWidth);
  }

  /** The lines that a chunk completes. */
  push(host: string, stream: "stdout" | "stderr", chunk: Uint8Array): Uint8Array {
    const pending = this.#line(host, stream);
    const out: Uint8Array[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(lineFeed, from);
      const stop = end < 0 ? chunk.length : end;
      this.#append(pending, chunk.subarray(from, stop), out);
      if (end >= 0) this.#emit(pending, join(pending.chunks), out);
      from = stop + 1;
    }
    return join(out);
  }

  /** Lines of a host that never saw their end. */
  flush(host: string): Uint8Array {
    const out: Uint8Array[] = [];
    for (const pending of this.#pending.get(host)?.values() ?? []) {
      if (pending.length > 0) this.#emit(pending, join(pending.chunks), out);
    }
    this.#pending.delete(host);
    return join(out);
  }

  /** {@link LinePrefixer.flush} for every host. */
  flushAll(): Uint8Array {
    return join([...this.#pending.keys()].map((host) => this.flush(host)));
  }

  #line(host: string, stream: "stdout" | "stderr"): Pending {
    let streams = this.#pending.get(host);
    if (streams === undefined) this.#pending.set(host, streams = new Map());
    let pending = streams.get(stream);
    if (pending === undefined) {
      const text = `${sanitize(host).padEnd(this.#width)} ${stream === "stdout" ? "|" : "!"}`;
      pending = { prefix: encoder.encode(`${this.options.paint(text, stream)} `), chunks: [], length: 0 };
      streams.set(stream, pending);
    }
    return pending;
  }

  #append(pending: Pending, bytes: Uint8Array, out: Uint8Array[]): void {
    let rest = bytes;
    while (pending.length + rest.length > maxLineLength) {
      const room = maxLineLength - pending.length;
      const whole = join([...pending.chunks, rest.subarray(0, room)]);
      // A piece ends where a character does.
      const end = completeLength(whole);
      rest = rest.subarray(room);
      this.#emit(pending, whole.subarray(0, end), out);
      if (end < whole.length) {
        pending.chunks.push(whole.slice(end));
        pending.length = whole.length - end;
      }
    }
    if (rest.length === 0) return;
    // A copy: the chunk may be a view of a buffer that is used again.
    pending.chunks.push(rest.slice());
    pending.length += rest.length;
  }

  #emit(pending: Pending, line: Uint8Array, out: Uint8Array[]): void {
    const text = line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
    out.push(pending.prefix, this.options.raw ? text : harmless(text), Uint8Array.of(lineFeed));
    pending.chunks.length = 0;
    pending.length = 0;
  }
}

function harmless(line: Uint8Array): Uint8Array {
  const decoder = new OutputDecoder();
  const parts = [...decoder.push(line), ...decoder.flush()];
  return encoder.encode(
    parts.map((part) => "data" in part ? sanitize(part.data) : showBytes(part.bytes)).join(""),
  );
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
