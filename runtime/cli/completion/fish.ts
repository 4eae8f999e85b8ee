/** Completion for fish: with what each command and option is for. @module */
import type { CommandNode, OptionNode } from "./nodes.ts";

/** The script. */
export function fishCompletion(nodes: readonly CommandNode[]): string {
  const below = nodes.flatMap(({ path, commands }) =>
    commands.map(({ name }) => quoted(`${path} ${name}`.trim()))
  );
  const valued = nodes.flatMap(({ path, options }) =>
    options.filter(({ value }) => value !== undefined).flatMap(({ flags }) =>
      flags.map((flag) => quoted(`${path} ${flag}`.trim()))
    )
  );
  return `# Completion of drover for fish; made by: drover completion fish
set -g __drover_commands ${below.join(" ")}
set -g __drover_valued ${valued.join(" ")}

function __drover_at
    set -l at
    set -l open
    set -l words (commandline -opc)
    for word in $words[2..]
        if test -n "$open"
            set open
            continue
        end
        switch $word
            case --
                echo "after --"
                return
            case '-*'
                if contains -- (string trim -- "$at $word") $__drover_valued
                    set open 1
                end
            case '*'
                if contains -- (string trim -- "$at $word") $__drover_commands
                    set at (string trim -- "$at $word")
                end
        end
    end
    echo "$at"
end

function __drover_is
    test (__drover_at) = "$argv[1]"
end

complete -c drover -f
${nodes.flatMap(place).join("\n")}`;
}

function place({ path, commands, options, words, choices }: CommandNode): string[] {
  const head = `complete -c drover -n ${quoted(`__drover_is ${quoted(path)}`)}`;
  return [
    ...commands.map(({ name, about }) => `${head} -a ${quoted(name)} -d ${quoted(about)}`),
    ...options.map((option) => `${head} ${flagsOf(option)} -d ${quoted(option.about)}`),
    ...(words === "file" ? [`${head} -F`] : []),
    ...(choices.length > 0 ? [`${head} -a ${quoted(choices.join(" "))}`] : []),
  ];
}

function flagsOf({ flags, value, choices }: OptionNode): string {
  const names = flags.map((flag) => flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`);
  const takes = value === undefined
    ? []
    : value === "file"
    ? ["-r -F"]
    : [choices.length === 0 ? "-x" : `-x -a ${quoted(choices.join(" "))}`];
  return [...names, ...takes].join(" ");
}

/** In fish a backslash is special between single quotes, too. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
