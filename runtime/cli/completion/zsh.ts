/** Completion for zsh: with what each command and option is for. @module */
import type { CommandNode } from "./nodes.ts";

/** The script. It can be sourced, or be a file `_drover` in a folder of `fpath`. */
export function zshCompletion(nodes: readonly CommandNode[]): string {
  return `#compdef drover
# Completion of drover for zsh; made by: drover completion zsh
__drover_at() {
  subcommands=() flags=() valued=() files=() kind= choices=()
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
  local -a subcommands flags valued files choices
  local kind at="" open="" word i
  __drover_at ""
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ -n $open ]]; then open=""; continue; fi
    if [[ $word == "--" ]]; then return 1; fi
    if [[ $word == -* ]]; then
      if (( \${valued[(Ie)$word]} )); then open="$word"; fi
    elif (( \${subcommands[(I)\${(b)word}:*]} )); then
      at="\${at:+$at }$word"
      __drover_at "$at"
    fi
  done
  word="\${words[CURRENT]}"
  if [[ -z $open && $word == --*=* ]]; then
    open="\${word%%=*}"
    compset -P 1 '*='
  fi
  if [[ -n $open ]]; then
    if (( \${files[(Ie)$open]} )); then
      _files
    else
      choices=()
      __drover_choices "$at $open"
      compadd -a choices
    fi
  elif [[ $word == -* ]]; then
    _describe -t options option flags
  elif (( \${#subcommands} )); then
    _describe -t commands command subcommands
  elif [[ $kind == file ]]; then
    _files
  elif [[ $kind == choice ]]; then
    compadd -a choices
  fi
}

if [[ \${funcstack[1]} == _drover ]]; then _drover "$@"; else compdef _drover drover; fi`;
}

function place({ path, commands, options, words, choices }: CommandNode): string {
  const flags = (kinds: readonly string[]) =>
    options.filter(({ value }) => value !== undefined && kinds.includes(value)).flatMap(({ flags }) => flags);
  const lists: [string, readonly string[]][] = [
    ["subcommands", commands.map(({ name, about }) => described(name, about))],
    ["flags", options.flatMap(({ flags, about }) => flags.map((flag) => described(flag, about)))],
    ["valued", flags(["file", "choice", "text"]).map(quoted)],
    ["files", flags(["file"]).map(quoted)],
    ["choices", choices.map(quoted)],
  ];
  const set = lists.filter(([, items]) => items.length > 0).map(([name, items]) =>
    `${name}=(${items.join(" ")})`
  );
  return `    ${quoted(path)}) ${set.join(" ")} kind=${words} ;;`;
}

function choices({ path, options }: CommandNode): string[] {
  return options.filter(({ choices }) => choices.length > 0).map(({ flags, choices }) =>
    `    ${flags.map((flag) => quoted(`${path} ${flag}`)).join(" | ")}) choices=(${
      choices.map(quoted).join(" ")
    }) ;;`
  );
}

/** A colon divides what is completed from what it is for. */
function described(word: string, about: string): string {
  return quoted(`${word.replaceAll(":", "\\:")}:${about}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
