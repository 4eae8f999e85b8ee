/** The command line `drover`. @module */
import { Command, CommanderError } from "commander";
import { utf8 } from "../../protocol/bytes.ts";
import { DroverError } from "../../protocol/errors.ts";
import { callsUnderWay } from "../security/kerberos/mod.ts";
import { version } from "../version.ts";
import { accountCommand } from "./account.ts";
import { backupCommand } from "./backup.ts";
import { completionCommand } from "./completion.ts";
import { daemonCommand } from "./daemon.ts";
import { execCommand } from "./exec.ts";
import { hostCommand } from "./host.ts";
import { inspectCommand } from "./inspect.ts";
import { jobCommand } from "./job.ts";
import { writerSink } from "./output/sink.ts";
import { sanitize } from "./output/sanitize.ts";
import { pingCommand } from "./ping.ts";
import { scheduleCommand } from "./schedule.ts";
import { serviceCommand } from "./service.ts";
import { sweepCommand } from "./sweep.ts";
import { tokenCommand } from "./token.ts";

/** Exit code for wrong usage. */
const wrongUsage = 2;

/** Builds the command line. */
export function droverCommand(): Command {
  const program = new Command("drover")
    .description("Run things on many Windows (and other) machines through WinRM, and serve WinRM yourself.")
    .version(version)
    .showHelpAfterError("(add --help for the options)")
    .configureHelp({ helpWidth: 80 })
    .addHelpText(
      "after",
      `
Examples:
  drover exec -i hosts.yml -- hostname
  drover service --listen http://127.0.0.1:5985 --user demo --password-env PW
  drover ping web01
  drover inspect`,
    );
  const commands = [
    execCommand(),
    serviceCommand(),
    accountCommand(),
    daemonCommand(),
    jobCommand(),
    scheduleCommand(),
    hostCommand(),
    tokenCommand(),
    backupCommand(),
    pingCommand(),
    inspectCommand(),
    sweepCommand(),
    completionCommand(() => program),
  ];
  for (const command of commands) {
    for (const one of withSubcommands(command)) {
      one.exitOverride().showHelpAfterError("(add --help for the options)")
        // One option with a long name must not end the wrapping of all.
        .configureHelp({ minWidthToWrap: 25 });
    }
    program.addCommand(command);
  }
  return program;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => withSubcommands(child as Command))];
}

/** Parses and runs; sets the exit code. Errors are shown as one line, without a stack. */
export async function runCommandLine(command: Command, args: readonly string[]): Promise<void> {
  // Help that is piped into a reader which leaves early (`| head`) ends quietly.
  const out = writerSink(Deno.stdout);
  const err = writerSink(Deno.stderr);
  for (const one of withSubcommands(command)) {
    one.configureOutput({ writeOut: (text) => out(utf8(text)), writeErr: (text) => err(utf8(text)) });
  }
  try {
    await command.exitOverride().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) Deno.exitCode = error.exitCode === 0 ? 0 : wrongUsage;
    else if (error instanceof DroverError) {
      console.error(sanitize(`drover: ${error.message}`));
      Deno.exitCode = error.blame === "caller" ? wrongUsage : 1;
    } else throw error;
  }
}

if (import.meta.main) {
  await runCommandLine(droverCommand(), Deno.args);
  // A KDC that is silent would keep the process up for a minute behind its last word.
  if (callsUnderWay()) Deno.exit();
}
