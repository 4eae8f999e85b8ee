/** `drover completion`: scripts by which shells complete its commands and options, made from the commands themselves. @module */
import { Argument, Command } from "commander";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { commandNodes } from "./completion/nodes.ts";
import { zshCompletion } from "./completion/zsh.ts";

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** The command. `program`: the whole command line, once it is built. */
export function completionCommand(program: () => Command): Command {
  return new Command("completion")
    .summary("print a completion script for a shell")
    .description("Print a script that completes commands and options in a shell.")
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(Object.keys(writers)))
    .addHelpText(
      "after",
      `
Examples:
  source <(drover completion bash)       # in ~/.bashrc, or zsh in ~/.zshrc
  drover completion fish > ~/.config/fish/completions/drover.fish`,
    )
    .action((shell: keyof typeof writers) => console.log(writers[shell](commandNodes(program()))));
}
