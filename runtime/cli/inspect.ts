/** `drover inspect`: what other processes of Drover are doing now. @module */
import { Command, InvalidArgumentError } from "commander";
import { DroverError, UsageError } from "../../protocol/errors.ts";
import { type InspectionSocket, inspectionSockets, inspectProcess } from "../inspection/client.ts";
import type { ProcessSnapshot } from "../inspection/protocol.ts";
import { interruptible } from "./interrupt.ts";
import { seconds } from "./options.ts";
import { actorsThatFit, inspectionView, type ViewSize } from "./output/inspection_view.ts";
import { LiveLine } from "./output/live_line.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { writerSink } from "./output/sink.ts";

interface InspectFlags {
  readonly path?: string;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly interval: number;
  readonly limit?: number;
}

const plainColumns = 80;
/** Longest `--limit`. */
const maxLimit = 1_000;

/** The command. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .summary("show what a running drover is doing")
    .description(
      "Show the actors of a running `drover exec`, `drover service` or `drover daemon` of yours, live: state, " +
        "messages in the mailbox and its bound, age of the oldest, restarts, current work. Nothing can be " +
        "changed by it.",
    )
    .argument("[pid]", "process; may be omitted when there is only one", processId)
    .option("--path <actor>", "only the actors below this one, e.g. /fleet")
    .option("--once", "one picture, no live view")
    .option("--json", "one JSON object a line instead of text")
    .option("--interval <seconds>", "between pictures", seconds, 1)
    .option("--limit <number>", "lines at most, 1 to 1000 (default: as many as fit, else 200)", limit)
    .addHelpText(
      "after",
      `
Examples:
  drover inspect
  drover inspect 4711 --path /fleet
  drover inspect 4711 --once --json | jq .system.totals`,
    )
    .action(async (pid: number | undefined, flags: InspectFlags) => {
      Deno.exitCode = await inspect(pid, flags);
    });
}

async function inspect(pid: number | undefined, flags: InspectFlags): Promise<number> {
  if (Deno.build.os === "windows") {
    throw new UsageError("InspectionUnavailable", "inspect: it is not available on Windows");
  }
  const socket = await choose(pid, flags);
  if (socket === undefined) return 0;
  const terminal = Deno.stdout.isTerminal();
  let ended = false;
  const stopped = Promise.withResolvers<void>();
  const stop = () => {
    ended = true;
    stopped.resolve();
  };
  using _interrupt = interruptible(stop);
  const sink = writerSink(Deno.stdout, stop);
  const once = flags.once === true || (!terminal && flags.json !== true);
  const live = once || flags.json === true ? undefined : new LiveLine(sink, () => Deno.consoleSize());
  const show = (text: string) => live === undefined ? write(sink, text) : live.show(text);
  for (let first = true; !ended; first = false) {
    const size = viewSize(live !== undefined);
    const picture = await inspectProcess(socket, request(flags, size));
    if (picture === undefined) {
      if (first) throw noSuchProcess(socket.pid);
      console.error(`drover: process ${socket.pid} has ended`);
      return 0;
    }
    show(flags.json === true ? JSON.stringify(picture) : inspectionView(picture, size));
    if (once) return 0;
    await pause(flags.interval * 1_000, stopped.promise);
  }
  return 0;
}

function request(flags: InspectFlags, size: ViewSize): { path?: string; limit?: number } {
  const fitting = size.rows === undefined ? undefined : Math.min(maxLimit, actorsThatFit(size.rows, 1));
  const most = flags.limit ?? (flags.json === true ? undefined : fitting);
  return {
    ...(flags.path === undefined ? {} : { path: flags.path }),
    ...(most === undefined ? {} : { limit: most }),
  };
}

/** The process that was named, or the only one. Of several a list is shown, which is an error where one picture was asked for. */
async function choose(pid: number | undefined, flags: InspectFlags): Promise<InspectionSocket | undefined> {
  const sockets = inspectionSockets();
  if (pid !== undefined) {
    const found = sockets.find((socket) => socket.pid === pid);
    if (found === undefined) throw noSuchProcess(pid);
    return found;
  }
  const all = (await Promise.all(sockets.map(look))).filter((one) => one !== undefined);
  const [only] = all;
  if (only === undefined) {
    throw new UsageError(
      "NoProcess",
      "inspect: no running drover of this user can be inspected",
    );
  }
  if (all.length === 1) return only.socket;
  if (flags.json === true || flags.once === true) {
    const list = all.map(({ socket, text }) => `${socket.pid} (${sanitizeLine(text)})`).join(", ");
    throw new UsageError("ProcessAmbiguous", `inspect: name one of the processes ${list}`);
  }
  for (const { socket, text } of all) {
    console.log(sanitizeLine(`${String(socket.pid).padStart(8)}  ${text}`));
  }
  console.log("\nName one of them: drover inspect PID");
  return undefined;
}

interface Candidate {
  readonly socket: InspectionSocket;
  readonly text: string;
}

/** What a process says about itself; `undefined` when it is gone. */
async function look(socket: InspectionSocket): Promise<Candidate | undefined> {
  try {
    const picture = await inspectProcess(socket, { limit: 1 });
    return picture === undefined ? undefined : { socket, text: about(picture) };
  } catch (error) {
    if (error instanceof DroverError) return { socket, text: `(${error.message})` };
    throw error;
  }
}

function about(picture: ProcessSnapshot): string {
  return `${picture.program}: ${picture.about}, ${picture.system.totals.actors} actors`;
}

function noSuchProcess(pid: number): UsageError {
  return new UsageError(
    "NoProcess",
    `inspect: process ${pid} is no running drover of this user that can be inspected`,
  );
}

function viewSize(live: boolean): ViewSize {
  if (!Deno.stdout.isTerminal()) return { columns: plainColumns };
  const { columns, rows } = Deno.consoleSize();
  return live ? { columns, rows: rows - 1 } : { columns };
}

function write(sink: (bytes: Uint8Array) => void, text: string): void {
  sink(new TextEncoder().encode(`${text}\n`));
}

async function pause(ms: number, stopped: Promise<void>): Promise<void> {
  let timer: number | undefined;
  const over = new Promise<void>((resolve) => timer = setTimeout(resolve, ms) as unknown as number);
  await Promise.race([over, stopped]);
  clearTimeout(timer);
}

function processId(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError("expected a process id");
  return Number(text);
}

function limit(text: string): number {
  const value = Number(text);
  if (!/^\d{1,4}$/.test(text) || value < 1 || value > maxLimit) {
    throw new InvalidArgumentError(`expected a number from 1 to ${maxLimit}`);
  }
  return value;
}
