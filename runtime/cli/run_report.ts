/** Shows a run from its first event to its summary, and says the exit code. @module */
import { interruptible } from "./interrupt.ts";
import { tellThrough } from "./notices.ts";
import { countStatuses, type Reporter, type ResultEvent, type RunEvent } from "./output/events.ts";
import { HumanReporter } from "./output/human_reporter.ts";
import { JsonReporter } from "./output/json_reporter.ts";
import { writerSink } from "./output/sink.ts";

/** How to show it. */
export interface ReportOptions {
  /** Names of all hosts. */
  readonly hosts: readonly string[];
  /** `performance.now()` at the start. */
  readonly started: number;
  /** Called at Ctrl-C, and when nobody reads our output any more. */
  readonly cancel: () => void;
  /** One JSON object a line. */
  readonly json?: boolean;
  /** Control sequences of remote output are not neutralised. */
  readonly raw?: boolean;
  /** Every host is listed in the summary. */
  readonly verbose?: boolean;
  /** What is said at Ctrl-C where the run goes on without whoever looks; default: that it is being cancelled. */
  readonly interrupted?: string;
  /** Milliseconds that the run took, where somebody else has measured it; default: since `started`. */
  readonly took?: () => number | undefined;
}

/** Shows all events of `run`, and cancels it at Ctrl-C; 0 when every host succeeded, else 1. */
export async function showRun(run: AsyncIterable<RunEvent>, options: ReportOptions): Promise<number> {
  const reporter = makeReporter(options);
  let unseen = false;
  using _interrupt = interruptible(() => {
    unseen = options.interrupted !== undefined;
    reporter.notice(
      options.interrupted ?? "drover: cancelling; commands are signalled and shells deleted",
    );
    options.cancel();
  });
  const results: ResultEvent[] = [];
  {
    // JSON has nothing that draws, and nothing to say them with.
    using _notices = options.json === true ? undefined : tellThrough((text) => reporter.notice(text));
    for await (const event of run) {
      reporter.event(event);
      if (event.type === "result") results.push(event);
    }
  }
  const counts = countStatuses(results);
  const durationMs = options.took?.() ?? performance.now() - options.started;
  reporter.finish(
    unseen && results.length < options.hosts.length
      ? undefined
      : { total: results.length, durationMs, counts },
  );
  return counts.succeeded === options.hosts.length ? 0 : 1;
}

function makeReporter(options: ReportOptions): Reporter {
  const sink = writerSink(Deno.stdout, options.cancel);
  if (options.json === true) return new JsonReporter(sink);
  const terminal = Deno.stdout.isTerminal();
  return new HumanReporter({
    sink,
    hosts: options.hosts,
    terminal: terminal ? () => Deno.consoleSize() : undefined,
    colors: terminal && Deno.env.get("NO_COLOR") === undefined,
    raw: options.raw ?? false,
    verbose: options.verbose ?? false,
    now: () => performance.now(),
  });
}
