/** Completion for bash, by its own means alone. @module */
import type { CommandNode } from "./nodes.ts";

/** The script. */
export function bashCompletion(nodes: readonly CommandNode[]): string {
  return `# Completion of drover for bash; made by: drover completion bash
__drover_at() {
  commands= options= valued= files= words= choices=
  case "$1" in
${nodes.map(place).join("\n")}
  esac
}

__drover_choices() {
  case "$1" in
${nodes.flatMap(choices).join("\n")}
  esac
}

_drover() {
  local commands options valued files words choices
  local cur="\${COMP_WORDS[COMP_CWORD]}" at="" open="" word i
  COMPREPLY=()
  __drover_at ""
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # bash splits --option=value into three words.
    if [[ $word == "=" ]]; then continue; fi
    if [[ -n $open ]]; then open=""; continue; fi
    if [[ $word == "--" ]]; then return; fi
    if [[ $word == -* ]]; then
      if [[ $valued == *" $word "* ]]; then open="$word"; fi
    elif [[ " $commands " == *" $word "* ]]; then
      at="\${at:+$at }$word"
      __drover_at "$at"
    fi
  done
  if [[ $cur == "=" ]]; then cur=""; fi
  local IFS=$'\\n'
  if [[ -n $open ]]; then
    if [[ $files == *" $open "* ]]; then
      words=file
    else
      choices="$(__drover_choices "$at $open")"
      words=choice
    fi
  elif [[ $cur == -* ]]; then
    choices="$options"
    words=choice
  elif [[ -n $commands ]]; then
    choices="$commands"
    words=choice
  fi
  case "$words" in
    file)
      compopt -o filenames 2> /dev/null
      COMPREPLY=($(compgen -f -- "$cur")) ;;
    choice) COMPREPLY=($(compgen -W "\${choices// /$'\\n'}" -- "$cur")) ;;
  esac
}

complete -F _drover drover`;
}

function place({ path, commands, options, words, choices }: CommandNode): string {
  const flags = (wanted: (option: CommandNode["options"][number]) => boolean) =>
    options.filter(wanted).flatMap(({ flags }) => flags);
  const parts = [
    ["commands", commands.map(({ name }) => name).join(" ")],
    ["options", flags(() => true).join(" ")],
    ["valued", ` ${flags(({ value }) => value !== undefined).join(" ")} `],
    ["files", ` ${flags(({ value }) => value === "file").join(" ")} `],
    ["words", words],
    ["choices", choices.join(" ")],
  ];
  return `    "${path}") ${parts.map(([name, value]) => `${name}="${value}"`).join(" ")} ;;`;
}

function choices({ path, options }: CommandNode): string[] {
  return options.filter(({ choices }) => choices.length > 0).map(({ flags, choices }) =>
    `    ${flags.map((flag) => `"${path} ${flag}"`).join(" | ")}) echo "${choices.join(" ")}" ;;`
  );
}
