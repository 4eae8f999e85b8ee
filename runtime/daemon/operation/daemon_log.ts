/** The log of `drover daemon`: set up before there is a daemon, ended after it. @module */
import type { Logger } from "@logtape/logtape";
import { type Redact, redactorOf } from "../../../actors/kernel/redaction.ts";
import type { HostBook } from "../host_book.ts";
import { LogOutput } from "./log_output.ts";
import { droppedLine, type LogFormat, logOf, parseLevels, startLogs } from "./logs.ts";

/** Milliseconds that the last lines have to be written. */
const flushMs = 1_000;

/** See the module. */
export interface DaemonLog extends AsyncDisposable {
  readonly daemon: Logger;
  readonly store: Logger;
  /** Passwords that the book knows stand in no line from now on. */
  redactSecretsOf(book: HostBook): void;
}

/**
 * Starts it. `levels`: as given to `--log-level`.
 *
 * @throws UsageError `LogLevelUnknown`
 */
export async function daemonLog(format: LogFormat, levels: readonly string[]): Promise<DaemonLog> {
  const output = new LogOutput((bytes) => Deno.stderr.write(bytes), (count) => droppedLine(format, count));
  let redact: Redact = (text) => text;
  await startLogs({
    format,
    levels: parseLevels(levels),
    redact: (text) => redact(text),
    write: (line) => output.line(line),
  });
  return {
    daemon: logOf("daemon"),
    store: logOf("store"),
    redactSecretsOf(book) {
      redact = redactorOfBook(book);
    },
    [Symbol.asyncDispose]: () => output.flush(flushMs),
  };
}

/** Takes out what the book knows. Its secrets are looked up again only when it has changed. */
export function redactorOfBook(book: HostBook): Redact {
  let of: unknown;
  let asked: number | undefined;
  let redact: Redact = (text) => text;
  return (text) => {
    if (of !== book.inventory || asked !== book.asked) {
      of = book.inventory;
      asked = book.asked;
      redact = redactorOf(book.secrets());
    }
    return redact(text);
  };
}
