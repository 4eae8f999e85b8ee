/** The table at the end of a run. @module */

import Table from "cli-table3";
import { createColors } from "picocolors";
import { type ResultEvent, type RunSummary, type Status, statuses } from "./events.ts";
import { sanitizeLine } from "./sanitize.ts";

/** How the summary looks. */
export interface TableOptions {
  /** Columns that it may take. */
  readonly width: number;
  readonly colors: boolean;
  /** Lists every host, however many succeeded, and what it was logged on to with. */
  readonly verbose: boolean;
}

/** Up to this many hosts all are rows; beyond it, so many that succeeded and all others. */
export const maxRows = 40;
const maxHostWidth = 28;
/** The library's time grows with the square of the rows (10,000 of them: 5 s), so a long table is made of several. */
const rowsPerTable = 50;

type Colors = ReturnType<typeof createColors>;

/** The colour of a status. */
export function paintStatus(colors: Colors, status: Status, text: string): string {
  if (status === "succeeded") return colors.green(text);
  return status === "cancelled" || status === "unknown" ? colors.yellow(text) : colors.red(text);
}

/** `850 ms`, `12.3 s`, `4 m 05 s`. */
export function showDuration(durationMs: number): string {
  const ms = Math.max(0, Math.round(durationMs));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
}

/** The table and the line of counts, each line ended. Hosts that did not succeed come first. */
export function summaryTable(
  results: readonly ResultEvent[],
  summary: RunSummary,
  options: TableOptions,
): string {
  const colors = createColors(options.colors);
  const rank = (result: ResultEvent) => result.status === "succeeded" ? 1 : 0;
  const ordered = results.length > maxRows ? [...results].sort((a, b) => rank(a) - rank(b)) : results;
  const others = results.filter((result) => result.status !== "succeeded").length;
  const limit = options.verbose || results.length <= maxRows ? results.length : Math.max(maxRows, others);
  const shown = ordered.slice(0, limit);
  let text = shown.length === 0 ? "" : `${table(shown, options, colors)}\n`;
  if (limit < results.length) text += `  … and ${results.length - limit} more succeeded\n`;
  return `${text}\n${countLine(summary, colors)}\n`;
}

/** `20 hosts: 18 succeeded, 2 failed in 1.3 s`. */
export function countLine(summary: RunSummary, colors: Colors): string {
  const counts = statuses.filter((status) => summary.counts[status] > 0)
    .map((status) => paintStatus(colors, status, `${summary.counts[status]} ${status}`));
  const hosts = `${summary.total} ${summary.total === 1 ? "host" : "hosts"}`;
  return `${hosts}: ${counts.length > 0 ? counts.join(", ") : "nothing done"} in ${
    showDuration(summary.durationMs)
  }`;
}

function table(results: readonly ResultEvent[], options: TableOptions, colors: Colors): string {
  const rows = results.map((result) => ({
    host: sanitizeLine(result.host),
    status: result.status,
    exit: result.exitCode === undefined ? "-" : String(result.exitCode),
    time: showDuration(result.durationMs),
    logon: options.verbose ? result.logon?.mechanism ?? "" : "",
    error: result.error === undefined ? "" : sanitizeLine(`${result.error.code}: ${result.error.message}`),
  }));
  const logons = rows.some((row) => row.logon !== "");
  const widest = (key: "host" | "status" | "exit" | "time" | "logon", title: string) =>
    rows.reduce((width, row) => Math.max(width, row[key].length), title.length) + 2;
  const widths = [
    Math.min(widest("host", "HOST"), maxHostWidth + 2),
    widest("status", "STATUS"),
    widest("exit", "EXIT"),
    widest("time", "TIME"),
    ...(logons ? [widest("logon", "LOGON")] : []),
  ];
  const left = options.width - widths.reduce((sum, width) => sum + width, 0) - 1;
  const errors = rows.some((row) => row.error !== "");
  const none = { "top": "", "top-mid": "", "top-left": "", "top-right": "", "bottom": "", "bottom-mid": "" };
  const sides = {
    "bottom-left": "",
    "bottom-right": "",
    "left": "",
    "left-mid": "",
    "mid": "",
    "mid-mid": "",
  };
  const layout = {
    colWidths: [...widths, ...(errors ? [Math.max(left, 12)] : [])],
    colAligns: ["left", "left", "right", "right", "left", "left"],
    chars: { ...none, ...sides, "right": "", "right-mid": "", "middle": "" },
    style: { "padding-left": 0, "padding-right": 2, head: [], border: [], compact: true },
  } satisfies Table.TableConstructorOptions;
  const head = ["HOST", "STATUS", "EXIT", "TIME", ...(logons ? ["LOGON"] : []), ...(errors ? ["ERROR"] : [])];
  const parts: string[] = [];
  for (let at = 0; at < rows.length; at += rowsPerTable) {
    const part = new Table({ ...layout, head: at === 0 ? head.map((title) => colors.bold(title)) : [] });
    for (const row of rows.slice(at, at + rowsPerTable)) {
      const cells = [row.host, paintStatus(colors, row.status, row.status), row.exit, row.time];
      part.push([...cells, ...(logons ? [row.logon] : []), ...(errors ? [row.error] : [])]);
    }
    parts.push(part.toString());
  }
  return parts.join("\n").split("\n").map((line) => line.trimEnd()).join("\n");
}
