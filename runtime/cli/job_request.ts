/** What a job is asked for with: the options of `drover job submit` and `drover schedule set`. @module */
import { type Command, Option } from "commander";
import { UsageError } from "../../protocol/errors.ts";
import { positiveInteger, seconds } from "./options.ts";

/** What {@linkcode addRequestOptions} parses to. */
export interface RequestFlags {
  readonly hosts?: string;
  readonly throttle?: number;
  readonly timeout?: number;
  readonly waitTimeout?: number;
  readonly priority?: string;
  readonly stdin?: string;
  readonly batch?: string;
  readonly maxFailures?: number;
}

/** Adds the options. */
export function addRequestOptions(command: Command): Command {
  return command
    .option("--hosts <pattern>", "hosts of the daemon's inventory (default: all)")
    .option("--throttle <number>", "hosts at once (default: 32)", positiveInteger)
    .option("--timeout <seconds>", "per host, from its start to its result", seconds)
    .option("--wait-timeout <seconds>", "per host, until its turn comes", seconds)
    .addOption(
      new Option("--priority <level>", "beside other jobs (default: normal)").choices([
        "high",
        "normal",
        "low",
      ]),
    )
    .option("--stdin <file>", "standard input of every command; - is drover's own")
    .option("--batch <hosts>", "rolling: hosts of one batch, a number or a share like 10%")
    .option("--max-failures <number>", "rolling: failed hosts after which no batch begins", positiveInteger);
}

/**
 * The request as the API takes it.
 *
 * @throws UsageError `BatchMissing`, `FileUnreadable`
 */
export async function jobRequest(
  words: readonly string[],
  flags: RequestFlags,
): Promise<Record<string, unknown>> {
  return {
    command: words.length === 1 ? words[0] : words,
    ...(flags.hosts === undefined ? {} : { hosts: flags.hosts }),
    ...(flags.throttle === undefined ? {} : { throttle: flags.throttle }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: Math.ceil(flags.timeout * 1_000) }),
    ...(flags.waitTimeout === undefined ? {} : { waitTimeoutMs: Math.ceil(flags.waitTimeout * 1_000) }),
    ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    ...(flags.stdin === undefined ? {} : { stdin: (await readInput(flags.stdin)).toBase64() }),
    ...rolling(flags),
  };
}

function rolling({ batch, maxFailures }: RequestFlags): Record<string, unknown> {
  if (batch === undefined) {
    if (maxFailures === undefined) return {};
    throw new UsageError("BatchMissing", "ask for job: --max-failures needs --batch");
  }
  return {
    rolling: {
      batch: /^\d+$/.test(batch) ? Number(batch) : batch,
      ...(maxFailures === undefined ? {} : { maxFailures }),
    },
  };
}

async function readInput(path: string): Promise<Uint8Array> {
  try {
    if (path !== "-") return await Deno.readFile(path);
    return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  } catch (error) {
    throw new UsageError("FileUnreadable", `read --stdin: ${path} cannot be read`, { cause: error });
  }
}
