/** What a process of Drover is doing, as text that fits a terminal. @module */
import Table from "cli-table3";
import type { ActorLine } from "../../../actors/kernel/snapshot.ts";
import type { ProcessSnapshot } from "../../inspection/protocol.ts";
import { sanitizeLine } from "./sanitize.ts";
import { showDuration } from "./summary_table.ts";

/** The room that there is. */
export interface ViewSize {
  /** Characters of a line. */
  readonly columns: number;
  /** Lines; without it there are as many as it takes. */
  readonly rows?: number;
}

/** Columns but the first and the last; the gap behind each is one. */
const stateWidth = 8;
const mailWidth = 8;
const oldestWidth = 7;
const restartsWidth = 3;
const narrowest = 60;
/** Lines that one line of the head may become. */
const headRows = 3;

/** Lines of the view that are not actors: heads and the line of what was left out. */
const headLines = 4;

/** Actors that fit into `rows` lines beside `notable` others. */
export function actorsThatFit(rows: number, notable: number): number {
  return Math.max(1, rows - headLines - notable - 1);
}

/** The view, lines without a final line end. Everything that the process told is made harmless for a terminal. */
export function inspectionView(picture: ProcessSnapshot, size: ViewSize): string {
  const columns = Math.max(narrowest, size.columns);
  const { system } = picture;
  const heads = [
    `drover ${picture.program} ${picture.pid}: ${picture.about}`,
    `up ${showDuration(picture.uptimeMs)}, ${megabytes(picture.memory)}, ${totals(picture)}`,
    ...picture.notable.map((line) => `${nameOf(line.path)}: ${line.doing ?? line.state}`),
  ].flatMap((line) => wrapped(sanitizeLine(line), columns));
  const lines = treeLines(system.path, system.actors);
  const room = size.rows === undefined ? Infinity : Math.max(1, size.rows - heads.length - 2);
  const shown = lines.length <= room ? lines : [
    ...lines.slice(0, room - 1),
    { name: `… ${lines.length - room + 1} more lines`, line: undefined },
  ];
  return [...heads, "", table(shown, columns)].join("\n");
}

function totals({ system }: ProcessSnapshot): string {
  const { actors, messages, waiters, oldestMs, restarts } = system.totals;
  const states = Object.entries(system.totals.states).filter(([state]) => state !== "running")
    .map(([state, count]) => `${count} ${state}`);
  const parts = [
    `${plural(actors, "actor")}${states.length === 0 ? "" : ` (${states.join(", ")})`}`,
    plural(messages, "message") + (messages === 0 ? "" : `, oldest ${age(oldestMs)}`),
    ...(waiters === 0 ? [] : [`${waiters} waiting for room`]),
    plural(restarts, "restart"),
  ];
  return parts.join(", ");
}

interface TreeLine {
  readonly name: string;
  /** Absent: a note about what has no line. */
  readonly line: ActorLine | undefined;
}

/** The tree, indented, with a note below each actor that has others below it without a line. */
function treeLines(top: string, actors: readonly ActorLine[]): TreeLine[] {
  const lines: TreeLine[] = [];
  const open: { readonly path: string; hidden: number }[] = [];
  const closeUntil = (isOpen: (path: string) => boolean) => {
    for (let last = open.at(-1); last !== undefined && !isOpen(last.path); last = open.at(-1)) {
      open.pop();
      if (last.hidden > 0) {
        lines.push({ name: `${indent(open.length + 1)}… ${last.hidden} more`, line: undefined });
      }
    }
  };
  // The root says nothing that the head does not say.
  const indent = (depth: number) => "  ".repeat(Math.max(0, top === "/" ? depth - 1 : depth));
  for (const line of actors) {
    const { path } = line;
    closeUntil((above) => isBelow(path, above));
    const parent = open.at(-1);
    // What is hidden below this one is told below this one.
    if (parent !== undefined) parent.hidden -= line.hidden;
    const name = parent === undefined ? path : path.slice(parent.path === "/" ? 1 : parent.path.length + 1);
    if (path !== "/") lines.push({ name: indent(open.length) + name, line });
    open.push({ path, hidden: line.hidden });
  }
  closeUntil(() => false);
  return lines;
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above === "/" ? "/" : `${above}/`) && path !== above;
}

function table(lines: readonly TreeLine[], columns: number): string {
  const fixed = stateWidth + mailWidth + oldestWidth + restartsWidth + 5;
  const nameWidth = Math.max(20, Math.min(40, Math.floor((columns - fixed) / 2)));
  const doingWidth = columns - fixed - nameWidth;
  const none = [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
  ];
  const sides = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"];
  const one = new Table({
    head: ["ACTOR", "STATE", "MAIL", "OLDEST", "RST", "DOING"],
    colWidths: [nameWidth, stateWidth, mailWidth, oldestWidth, restartsWidth, doingWidth].map((width) =>
      width + 1
    ),
    colAligns: ["left", "left", "right", "right", "right", "left"],
    chars: Object.fromEntries([...none, ...sides].map((name) => [name, ""])),
    style: { "padding-left": 0, "padding-right": 1, head: [], border: [], compact: true },
  });
  for (const { name, line } of lines) {
    one.push(
      line === undefined ? [sanitizeLine(name), "", "", "", "", ""] : [
        sanitizeLine(name),
        sanitizeLine(line.state),
        `${count(line.mailbox + line.waiters)}/${count(line.capacity)}`,
        line.mailbox === 0 ? "-" : age(line.oldestMs),
        count(line.restarts),
        sanitizeLine(doing(line)),
      ],
    );
  }
  return one.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}

function doing(line: ActorLine): string {
  const figures = Object.entries(line.figures ?? {}).map(([name, value]) => `${name} ${value}`);
  return [line.doing ?? "", ...figures].filter((part) => part !== "").join(", ");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** `950`, `12k`, `3M`: three characters, so that columns stay narrow. */
function count(value: number): string {
  if (value < 1_000) return String(value);
  return value < 1_000_000 ? `${Math.floor(value / 1_000)}k` : `${Math.floor(value / 1_000_000)}M`;
}

/** `850ms`, `12.3s`, `4m05s`, `3h`. */
function age(ms: number): string {
  return ms < 3_600_000 ? showDuration(ms).replaceAll(" ", "") : `${Math.floor(ms / 3_600_000)}h`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`;
}

function plural(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}

/** A text in at most {@link headRows} lines, broken at spaces where there are some. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > columns && lines.length < headRows - 1) {
    const space = rest.lastIndexOf(" ", columns);
    const end = space > columns / 2 ? space : columns;
    lines.push(rest.slice(0, end));
    rest = `  ${rest.slice(end).trimStart()}`;
  }
  return [...lines, rest.length <= columns ? rest : `${rest.slice(0, columns - 1)}…`];
}
