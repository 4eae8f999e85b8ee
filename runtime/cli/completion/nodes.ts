/** What can stand on the command line, as data. @module */
import type { Command } from "commander";

/** What a value is. */
export type ValueKind = "file" | "choice" | "text";

/** An option. */
export interface OptionNode {
  /** `--long`, `-s`. */
  readonly flags: readonly string[];
  readonly about: string;
  /** Absent: it takes none. */
  readonly value?: ValueKind;
  /** Of a `choice`. */
  readonly choices: readonly string[];
}

/** A command with what may follow it. */
export interface CommandNode {
  /** Names from the program on, which is not in it: `host add`; empty: the program. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly OptionNode[];
  /** What its own words are: names of files, some of `choices`, or what nobody can know. */
  readonly words: ValueKind;
  readonly choices: readonly string[];
}

/** The program and all commands below it. */
export function commandNodes(program: Command, path = ""): CommandNode[] {
  const commands = program.commands as readonly Command[];
  const words = program.registeredArguments;
  const choices = words.flatMap(({ argChoices }) => argChoices ?? []);
  const node: CommandNode = {
    path,
    commands: commands.map((command) => ({ name: command.name(), about: about(command) })),
    options: [
      ...program.options.filter(({ hidden }) => !hidden).map((option): OptionNode => ({
        flags: [option.long, option.short].filter((flag) => flag !== undefined),
        about: line(option.description),
        ...(option.required || option.optional ? { value: valueKind(option.flags, option.argChoices) } : {}),
        choices: option.argChoices ?? [],
      })),
      { flags: ["--help", "-h"], about: "show the options", choices: [] },
    ],
    words: choices.length > 0 ? "choice" : words.some((word) => word.name() === "file") ? "file" : "text",
    choices,
  };
  return [
    node,
    ...commands.flatMap((command) => commandNodes(command, `${path} ${command.name()}`.trim())),
  ];
}

function valueKind(flags: string, choices: readonly string[] | undefined): ValueKind {
  return choices !== undefined ? "choice" : /[<[](?:file|folder)[>\]]/.test(flags) ? "file" : "text";
}

function about(command: Command): string {
  return line(command.summary() || command.description());
}

/** The first sentence, short enough for a list. */
function line(text: string): string {
  const first = text.split(/(?<!\be\.g)[.;] |\.$/)[0]!.replaceAll(/\s+/g, " ").trim();
  return first.length <= 60 ? first : `${first.slice(0, 59)}…`;
}
