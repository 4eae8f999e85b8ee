/** Arguments of a developer's task: wrong ones end it with its usage, instead of a stack trace or a run without end. @module */
import { parseArgs, type ParseArgsConfig } from "node:util";

/** `parseArgs`; exit code 2 with `usage` where that throws. */
export function taskArguments<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refuse(usage, error.message.split(". ")[0]!);
  }
}

/** The number that an option holds; exit code 2 with `usage` when it is none, or below `least`. */
export function taskNumber(usage: string, option: string, text: string, least: number): number {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) && value >= least
    ? value
    : refuse(usage, `--${option} is ${JSON.stringify(text)}; expected a number from ${least}`);
}

function refuse(usage: string, state: string): never {
  console.error(`${state}\nusage: ${usage}`);
  Deno.exit(2);
}
