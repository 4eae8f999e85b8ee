/** Remote output as lines with the host's name in front. @module */

import { Buffer } from "node:buffer";
import { sanitize, showBytes } from "./sanitize.ts";
import { completeLength, OutputDecoder } from "./text_decoder.ts";

/** Longest line in one piece, bytes; a longer one is shown in pieces of this size, each with its prefix. */
export const maxLineLength = 65_536;
/** Widest host column; longer names stand out of it. */
const maxHostWidth = 32;
const lineFeed = 0x0a;
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
  readonly prefix: string;
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
      // All whole lines within the limit are shown in one go: line by line would cost ten times as much.
      const window = Math.min(from + maxLineLength - pending.length, chunk.length);
      const end = window > from ? chunk.lastIndexOf(lineFeed, window - 1) + 1 : 0;
      if (end > from) out.push(this.#show(pending, chunk.subarray(from, end), true));
      else if (chunk[window] === lineFeed) {
        // The line is as long as the limit allows, and ends there.
        out.push(this.#show(pending, chunk.subarray(from, window + 1), true));
        from = window + 1;
        continue;
      } else if (window < chunk.length) {
        out.push(this.#piece(pending, chunk.subarray(from, window)));
        from = window;
        continue;
      } else {
        // A copy: the chunk may be a view of a buffer that is used again.
        pending.chunks.push(chunk.slice(from));
        pending.length += chunk.length - from;
        break;
      }
      from = end;
    }
    return join(out);
  }

  /** Lines of a host that never saw their end. */
  flush(host: string): Uint8Array {
    const out: Uint8Array[] = [];
    for (const pending of this.#pending.get(host)?.values() ?? []) {
      if (pending.length > 0) out.push(this.#show(pending, Uint8Array.of(lineFeed), true));
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
      const prefix = `${this.options.paint(text, stream)} `;
      // Raw bytes travel as Latin-1 text, one character a byte; so must the prefix.
      const carried = this.options.raw ? Buffer.from(prefix, "utf8").toString("latin1") : prefix;
      pending = { prefix: carried, chunks: [], length: 0 };
      streams.set(stream, pending);
    }
    return pending;
  }

  /** Fills the line up to its limit and shows it; a character that the limit cuts goes into the next piece. */
  #piece(pending: Pending, bytes: Uint8Array): Uint8Array {
    const whole = join([...pending.chunks, bytes]);
    const end = completeLength(whole);
    pending.chunks.length = 0;
    const shown = this.#show(pending, whole.subarray(0, end), false);
    if (end < whole.length) pending.chunks.push(whole.slice(end));
    pending.length = whole.length - end;
    return shown;
  }

  /** What was pending and `bytes`, each line with its prefix; `ended` = the last byte is a line feed. */
  #show(pending: Pending, bytes: Uint8Array, ended: boolean): Uint8Array {
    const block = join([...pending.chunks, bytes]);
    pending.chunks.length = 0;
    pending.length = 0;
    const { raw } = this.options;
    const text = raw ? Buffer.from(block).toString("latin1") : harmless(block);
    const lines = (ended ? text.slice(0, -1) : text).replaceAll("\n", `\n${pending.prefix}`);
    const shown = `${pending.prefix}${lines}\n`;
    return raw ? Buffer.from(shown, "latin1") : encoder.encode(shown);
  }
}

function harmless(bytes: Uint8Array): string {
  const decoder = new OutputDecoder();
  const parts = [...decoder.push(bytes), ...decoder.flush()];
  return sanitize(parts.map((part) => "data" in part ? part.data : showBytes(part.bytes)).join(""));
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
