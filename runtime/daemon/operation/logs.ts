/**
 * The daemon's log: lines on standard error, as text for people or as JSON. Whoever has something to say asks for
 * `logOf(CATEGORY)`; without {@link startLogs} nothing is written anywhere.
 * @module
 */
import {
  configure,
  getLogger,
  isLogLevel,
  type Logger,
  type LogLevel,
  type LogRecord,
} from "@logtape/logtape";
import type { Redact } from "../../../actors/kernel/redaction.ts";
import { DroverError, UsageError } from "../../../protocol/errors.ts";
import { sanitizeLine } from "../../cli/output/sanitize.ts";

/** What lines are about. */
export const logCategories = ["daemon", "api", "jobs", "hosts", "store", "security"] as const;

/** One of them. */
export type LogCategory = typeof logCategories[number];

/** How lines look. */
export type LogFormat = "pretty" | "json";

/** Levels from which lines are written: of every category, unless it has one of its own. */
export interface LogLevels {
  readonly all: LogLevel;
  readonly own: ReadonlyMap<LogCategory, LogLevel>;
}

/** How to log. */
export interface LogOptions {
  readonly format: LogFormat;
  readonly levels: LogLevels;
  /** Takes secrets out of a text. */
  readonly redact: Redact;
  /** Takes a line, with its line break. */
  readonly write: (line: string) => void;
}

/** Longest text of one value. */
const longest = 4_000;

/** The form of the API's tokens: one that came in by mistake, in a path for instance, is not written down. */
const apiToken = /drv_[A-Za-z0-9_-]{8,}/g;

/** The logger of a category; cheap to call and to use while nothing is configured. */
export function logOf(category: LogCategory): Logger {
  return getLogger(["drover", category]);
}

/** Writes lines from now on. Of the whole process: there is one log. */
export async function startLogs({ format, levels, redact, write }: LogOptions): Promise<void> {
  const form = format === "json" ? jsonLine : prettyLine;
  const clean = (text: string) => redact(text).replace(apiToken, "[redacted]");
  await configure({
    reset: true,
    sinks: { lines: (record) => write(form(record, clean)) },
    loggers: [
      ...logCategories.map((category) => ({
        category: ["drover", category],
        sinks: ["lines"],
        lowestLevel: levels.own.get(category) ?? levels.all,
      })),
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "warning" },
    ],
  });
}

/** The line that says how many could not be written. */
export function droppedLine(format: LogFormat, count: number): string {
  const message = `${count} lines were dropped: nobody read the log in time`;
  const time = new Date().toISOString();
  return format === "json"
    ? `${JSON.stringify({ time, level: "warning", category: "daemon", message })}\n`
    : `${time} warning daemon: ${message}\n`;
}

/**
 * Levels of `--log-level`: `warning`, `api=debug`.
 *
 * @throws UsageError `LogLevelUnknown`
 */
export function parseLevels(texts: readonly string[]): LogLevels {
  let all: LogLevel = "info";
  const own = new Map<LogCategory, LogLevel>();
  for (const text of texts) {
    const [, category, name] = /^(?:([^=]*)=)?(.*)$/.exec(text)!;
    const level = name === "warn" ? "warning" : name!;
    if (!isLogLevel(level) || (category !== undefined && !isCategory(category))) {
      throw new UsageError(
        "LogLevelUnknown",
        `read --log-level: ${
          JSON.stringify(text)
        } is not [CATEGORY=]LEVEL with a level of trace, debug, info, warning, ` +
          `error, fatal and a category of ${logCategories.join(", ")}`,
      );
    }
    if (category === undefined) all = level;
    else own.set(category as LogCategory, level);
  }
  return { all, own };
}

function isCategory(text: string): text is LogCategory {
  return (logCategories as readonly string[]).includes(text);
}

function prettyLine(record: LogRecord, clean: Redact): string {
  const { level, category, timestamp } = record;
  const shown = new Set(namesIn(record.rawMessage));
  const more = Object.entries(record.properties).flatMap(([name, value]) =>
    shown.has(name) || value === undefined ? [] : ` ${name}=${valueText(value, clean)}`
  );
  const head = `${new Date(timestamp).toISOString()} ${level.padEnd(7)} ${category.at(-1) ?? ""}:`;
  // Whoever reads it sees what is there: no control character, and nothing that turns the direction, reaches the terminal.
  return `${sanitizeLine(`${head} ${messageText(record, clean)}${more.join("")}`)}\n`;
}

function jsonLine(record: LogRecord, clean: Redact): string {
  const head = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    category: record.category.at(-1) ?? "",
    message: messageText(record, clean),
  };
  const properties = Object.entries(record.properties).map(([name, value]) => [
    name,
    plainValue(value, clean),
  ]);
  // First in order, and never overwritten.
  const line = { ...head, ...Object.fromEntries(properties), ...head };
  return `${JSON.stringify(line)}\n`;
}

function messageText({ message }: LogRecord, clean: Redact): string {
  return message.map((part, at) => at % 2 === 0 ? clean(String(part)) : valueText(part, clean)).join("");
}

function valueText(value: unknown, clean: Redact): string {
  const plain = plainValue(value, clean);
  return typeof plain === "string" ? plain : JSON.stringify(plain) ?? "";
}

/** Numbers and the like as they are, everything else as a text without secrets. */
function plainValue(value: unknown, clean: Redact): string | number | boolean | null | undefined {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  const text = typeof value === "string"
    ? value
    : value instanceof DroverError
    ? `${value.code}: ${value.message}`
    : value instanceof Error
    ? String(value)
    : typeof value === "bigint"
    ? String(value)
    : JSON.stringify(value);
  // Cut after the cleaning: half a secret would not be found.
  return clean(text).slice(0, longest);
}

function namesIn(template: LogRecord["rawMessage"]): string[] {
  return typeof template === "string" ? [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name!) : [];
}
