/** `--json`: one object a line. @module */

import type { Reporter, RunEvent, RunSummary } from "./events.ts";
import type { Sink } from "./sink.ts";
import { OutputDecoder, type OutputPart, toBase64 } from "./text_decoder.ts";

const encoder = new TextEncoder();

/**
 * Writes `{"type":"output","host","stream","data"}` (`"base64"` instead of `"data"` for bytes that are not UTF-8),
 * `{"type":"gap","host","stream","reason"}` where output of a daemon's job may be missing,
 * `{"type":"result","host","status","exitCode","durationMs","error","logon"}` and at last `{"type":"summary","total","durationMs",…}`
 * with one count per status. What there is none of (`exitCode`, `error`) is `null`; `logon` (`{"mechanism","fallback"}`) is only
 * there where it is known. Progress is left out.
 */
export class JsonReporter implements Reporter {
  readonly #decoders = new Map<string, { stdout?: OutputDecoder; stderr?: OutputDecoder }>();

  constructor(readonly sink: Sink) {}

  event(event: RunEvent): void {
    if (event.type === "output") {
      let streams = this.#decoders.get(event.host);
      if (streams === undefined) this.#decoders.set(event.host, streams = {});
      const decoder = streams[event.stream] ??= new OutputDecoder();
      this.#output(event.host, event.stream, decoder.push(event.data));
    } else if (event.type === "gap") {
      const { type, host, stream = null, reason } = event;
      this.#flush(host);
      this.#write({ type, host, stream, reason });
    } else if (event.type === "result") {
      this.#flush(event.host);
      this.#write({
        type: "result",
        host: event.host,
        status: event.status,
        exitCode: event.exitCode ?? null,
        durationMs: Math.round(event.durationMs),
        error: event.error === undefined ? null : { code: event.error.code, message: event.error.message },
        ...(event.logon === undefined ? {} : { logon: event.logon }),
      });
    }
  }

  /** Programs learn it from the results. */
  notice(): void {}

  finish(summary: RunSummary | undefined): void {
    for (const host of [...this.#decoders.keys()]) this.#flush(host);
    if (summary === undefined) return;
    const { total, durationMs, counts } = summary;
    this.#write({ type: "summary", total, durationMs: Math.round(durationMs), ...counts });
  }

  #flush(host: string): void {
    const streams = this.#decoders.get(host);
    this.#decoders.delete(host);
    for (const stream of ["stdout", "stderr"] as const) {
      this.#output(host, stream, streams?.[stream]?.flush() ?? []);
    }
  }

  #output(host: string, stream: "stdout" | "stderr", parts: readonly OutputPart[]): void {
    for (const part of parts) {
      const content = "data" in part ? { data: part.data } : { base64: toBase64(part.bytes) };
      this.#write({ type: "output", host, stream, ...content });
    }
  }

  #write(object: Record<string, unknown>): void {
    this.sink(encoder.encode(`${JSON.stringify(object)}\n`));
  }
}
