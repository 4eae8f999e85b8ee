/** Rows as aligned columns that fit a line. @module */
import { sanitizeLine } from "./sanitize.ts";

/** Width where there is no terminal. */
const plainWidth = 80;
/** Between columns. */
const gap = "  ";
/** A column never gets narrower than this for the sake of others. */
const least = 8;

/** Columns of the terminal, or 80. */
export function lineWidth(): number {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : plainWidth;
}

/** A head and rows, made harmless; the widest columns give way where a line would be longer than `width`. */
export function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width = lineWidth(),
): string[] {
  const cells = [head, ...rows].map((row) => row.map(sanitizeLine));
  const widths = head.map((_, at) => cells.reduce((most, row) => Math.max(most, row[at]!.length), 0));
  const room = width - gap.length * (head.length - 1);
  for (let over = sum(widths) - room; over > 0;) {
    const widest = widths.indexOf(Math.max(...widths));
    const less = Math.min(over, widths[widest]! - least);
    if (less <= 0) break;
    // Never below the next widest: that one gives way as well.
    const next = Math.max(least, ...widths.filter((_, at) => at !== widest));
    const step = Math.max(1, Math.min(less, widths[widest]! - next));
    widths[widest]! -= step;
    over -= step;
  }
  return cells.map((row) => row.map((cell, at) => fit(cell, widths[at]!)).join(gap).trimEnd());
}

function fit(cell: string, width: number): string {
  return cell.length <= width ? cell.padEnd(width) : `${cell.slice(0, width - 1)}…`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
