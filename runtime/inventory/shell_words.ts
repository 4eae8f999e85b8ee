/** Splits a line of an INI inventory into words as Ansible does: POSIX shell quoting, `#` begins a comment. @module */

/** The words, or what is wrong with the line. */
export type ShellWords =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "error"; readonly state: string };

/**
 * Splits `line`. As in Python's shlex with comments on, a `#` outside quotes ends the line even inside a word:
 * `password=a#b` is `a`, which is what Ansible makes of it.
 */
export function splitShellWords(line: string): ShellWords {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (quote !== undefined) {
      const next = line.charAt(at + 1);
      if (char === quote) quote = undefined;
      else if (char === "\\" && quote === '"') {
        // Inside double quotes a backslash escapes only the quote and itself.
        if (next === "") return { kind: "error", state: "nothing follows the backslash" };
        if (next !== '"' && next !== "\\") word = `${word ?? ""}\\`;
        word = (word ?? "") + next;
        at++;
      } else word = (word ?? "") + char;
    } else if (char === "#") break;
    else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\") {
      if (at + 1 >= line.length) return { kind: "error", state: "nothing follows the backslash" };
      word = (word ?? "") + line.charAt(++at);
    } else if (char === " " || char === "\t" || char === "\r" || char === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== undefined) return { kind: "error", state: "a quotation mark is not closed" };
  if (word !== undefined) words.push(word);
  return { kind: "words", words };
}
