/** The default output: prefixed lines as they arrive, live progress on a terminal, a table at the end. @module */

import { createColors } from "picocolors";
import type { Reporter, ResultEvent, RunEvent, RunSummary, Status } from "./events.ts";
import { statuses } from "./events.ts";
import { LinePrefixer } from "./line_prefixer.ts";
import { LiveLine, type TerminalSize } from "./live_line.ts";
import { sanitizeLine } from "./sanitize.ts";
import type { Sink } from "./sink.ts";
import { paintStatus, showDuration, summaryTable } from "./summary_table.ts";

/** How a run is shown. */
export interface HumanOptions {
  readonly sink: Sink;
  /** Names of all hosts of the run. */
  readonly hosts: readonly string[];
  /** The terminal's size, asked anew for each frame; `undefined` = not a terminal: no control codes at all. */
  readonly terminal: (() => TerminalSize) | undefined;
  /** Colours: only on a terminal, and not with NO_COLOR. */
  readonly colors: boolean;
  /** Does not neutralise control sequences from remote output. */
  readonly raw: boolean;
  /** Lists every host in the table. */
  readonly verbose: boolean;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Milliseconds between frames of the live line, default 100; 0 = a frame at every event, no timer. */
  readonly refreshMs?: number;
}

const encoder = new TextEncoder();
const plainWidth = 80;
/** Output that waits for the next frame, bytes. */
const maxHeld = 65_536;

/** Shows a run to a person. */
export class HumanReporter implements Reporter {
  readonly #colors;
  readonly #lines: LinePrefixer;
  readonly #live: LiveLine | undefined;
  readonly #started: number;
  readonly #results = new Map<string, ResultEvent>();
  readonly #working = new Set<string>();
  readonly #refreshMs: number;
  #held: Uint8Array[] = [];
  #heldLength = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #drawn = -Infinity;

  constructor(readonly options: HumanOptions) {
    const colors = createColors(options.colors);
    this.#colors = colors;
    this.#lines = new LinePrefixer({
      hosts: options.hosts,
      raw: options.raw,
      paint: (prefix, stream) => stream === "stdout" ? colors.cyan(prefix) : colors.yellow(prefix),
    });
    this.#started = options.now();
    this.#refreshMs = options.refreshMs ?? 100;
    if (options.terminal === undefined) return;
    this.#live = new LiveLine(options.sink, options.terminal);
    if (this.#refreshMs === 0) return;
    this.#timer = setInterval(() => this.#draw(), this.#refreshMs);
    // A run that ends without finish() must not be kept alive by its progress.
    Deno.unrefTimer(this.#timer);
  }

  event(event: RunEvent): void {
    if (event.type === "output") this.#write(this.#lines.push(event.host, event.stream, event.data));
    else if (event.type === "progress") this.#working.add(event.host);
    else if (event.type === "gap") {
      this.#write(this.#lines.flush(event.host));
      this.notice(sanitizeLine(`drover: ${event.host}: output may be missing here: ${event.reason}`));
    } else {
      this.#working.delete(event.host);
      this.#results.set(event.host, event);
      this.#write(this.#lines.flush(event.host));
      if (event.error !== undefined) this.#write(encoder.encode(this.#errorLine(event, event.error)));
    }
    if (this.#live !== undefined && this.options.now() - this.#drawn >= this.#refreshMs) this.#draw();
  }

  notice(text: string): void {
    if (this.#live === undefined) return console.error(text);
    // Written beside the live line, it would be taken away with the next frame.
    this.#write(encoder.encode(`${text}\n`));
    this.#draw();
  }

  finish(summary: RunSummary | undefined): void {
    clearInterval(this.#timer);
    this.#write(this.#lines.flushAll());
    this.#live?.clear();
    this.#release();
    if (summary === undefined) return;
    const size = this.options.terminal?.();
    // In the order of the inventory, whatever the order in which they ended.
    const ordered = this.options.hosts.map((host) => this.#results.get(host)).filter((result) =>
      result !== undefined
    );
    const table = summaryTable(ordered, summary, {
      width: Math.max(60, Math.min(size?.columns ?? plainWidth, 160)),
      colors: this.options.colors,
      verbose: this.options.verbose,
    });
    this.options.sink(encoder.encode(`\n${table}`));
  }

  /** The whole error: the table has room for its beginning only. */
  #errorLine(event: ResultEvent, error: { code: string; message: string }): string {
    const status = paintStatus(this.#colors, event.status, event.status);
    return `${sanitizeLine(event.host)}: ${status}: ${sanitizeLine(`${error.code}: ${error.message}`)}\n`;
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#live === undefined) return this.options.sink(bytes);
    this.#held.push(bytes);
    this.#heldLength += bytes.length;
    if (this.#heldLength >= maxHeld) this.#draw();
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    for (const bytes of held) this.options.sink(bytes);
  }

  #draw(): void {
    const live = this.#live;
    if (live === undefined) return;
    this.#drawn = this.options.now();
    if (this.#held.length > 0) {
      live.clear();
      this.#release();
    }
    live.show(this.#frame(this.options.terminal?.().columns ?? plainWidth));
  }

  /** One line, never wider than the terminal. */
  #frame(columns: number): string {
    const total = this.options.hosts.length;
    const done = this.#results.size;
    const counts = new Map<Status, number>();
    for (const { status } of this.#results.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
    const cells = 16;
    const filled = total === 0 ? cells : Math.round((done / total) * cells);
    const bar = `${this.#colors.green("█".repeat(filled))}${this.#colors.dim("░".repeat(cells - filled))}`;
    const pieces: { text: string; painted: string }[] = [];
    const add = (text: string, painted = text) => pieces.push({ text, painted });
    add(`${done}/${total} hosts`);
    add(showDuration(this.options.now() - this.#started));
    if (this.#working.size > 0) add(`${this.#working.size} working`);
    for (const status of statuses) {
      const count = counts.get(status);
      if (count !== undefined) {
        add(`${count} ${status}`, paintStatus(this.#colors, status, `${count} ${status}`));
      }
    }
    let width = cells;
    let line = bar;
    for (const piece of pieces) {
      width += piece.text.length + 2;
      if (width >= columns) break;
      line += `  ${piece.painted}`;
    }
    return line;
  }
}
