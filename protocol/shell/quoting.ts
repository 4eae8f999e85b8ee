/**
 * Command lines for the remote shell: one word goes as it is, several are quoted so that the program gets exactly those
 * arguments.
 *
 * On Windows two readers are satisfied at once. The program splits its command line by the rules of CommandLineToArgvW and
 * the C runtime (quotation marks group, backslashes count only before one); before it, `cmd /c` acts on its own
 * metacharacters. Every metacharacter, the quotation marks too, gets a caret in front: cmd then never enters its quoted
 * state, so that no two rules mix, and takes the carets off again.
 *
 * A percent sign expands on a `cmd /c` line only as part of `%NAME%` with NAME a variable that exists. cmd looks for it
 * before it takes carets off: in `^%NAME^%` the name that it looks for is `NAME^`, which ordinary variables are not called,
 * and what does not exist is left as it stands. `%NAME:old=new%` and `%NAME:~1%` end the name at the colon, so that on a
 * line with percent signs colons get their caret too.
 *
 * What no quoting can do: arguments of batch files and of cmd's own commands (`echo`, `set`) are read once more, by other
 * rules; with delayed expansion switched on for the whole machine, `!NAME!` expands.
 * @module
 */

import { UsageError } from "../errors.ts";

/** Whose shell reads the command line. */
export type QuotingTarget = "windows" | "posix";

/**
 * The command line for `words`: a single word untouched (it is the user's own command line), several quoted for `target`.
 * @throws UsageError QuoteImpossible
 */
export function commandLine(words: readonly string[], target: QuotingTarget): string {
  const [first] = words;
  if (words.length === 1 && first !== undefined) return first;
  return target === "windows" ? quoteWindows(words) : quotePosix(words);
}

const metacharacters = /[()%!^"<>&|]/g;
const metacharactersAndColon = /[()%!^"<>&|:]/g;

/**
 * Quotes a program and its arguments for `cmd /c LINE`.
 * @throws UsageError QuoteImpossible: no words, a NUL or line break anywhere, or a program name that is empty, has a
 * quotation mark, or has both a percent sign and a character that only quotation marks protect (space, comma, …)
 */
export function quoteWindows(words: readonly string[]): string {
  const [program, ...rest] = words;
  if (program === undefined || program === "") throw impossible("there is no program to run");
  for (const word of words) {
    if (/[\0\r\n]/.test(word)) throw impossible("a Windows command line cannot hold a NUL or a line break");
  }
  const special = words.some((word) => word.includes("%")) ? metacharactersAndColon : metacharacters;
  const quotedArguments = rest.map((word) => quoteArgument(word).replace(special, "^$&"));
  return [quoteProgram(program, special), ...quotedArguments].join(" ");
}

/**
 * cmd itself finds where the program's name ends, so that a name with spaces needs real quotation marks. A line that
 * begins with one falls under a rule of `/c` that may strip it; an @ before it (do not echo) avoids that rule.
 */
function quoteProgram(program: string, special: RegExp): string {
  if (program.includes('"')) throw impossible("the name of a Windows program cannot hold a quotation mark");
  if (!/[\s,;=/]|^[@:]/.test(program)) return program.replace(special, "^$&");
  if (program.includes("%")) {
    throw impossible(
      "the name of a Windows program cannot hold both a percent sign and a space, comma, semicolon, =, / or @",
    );
  }
  return `@"${program}"`;
}

/** One argument by the rules of CommandLineToArgvW. */
function quoteArgument(word: string): string {
  if (word !== "" && !/[ \t\v"]/.test(word)) return word;
  // Backslashes before a quotation mark are doubled, the mark itself gets one; so do those before the closing mark.
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}

/**
 * Quotes words for a POSIX shell: single quotes, inside which nothing is special.
 * @throws UsageError QuoteImpossible: no words, or a NUL
 */
export function quotePosix(words: readonly string[]): string {
  if (words.length === 0) throw impossible("there is no program to run");
  return words.map((word, at) => {
    if (word.includes("\0")) throw impossible("a POSIX command line cannot hold a NUL");
    // The first word is quoted when it could be an assignment; `=` elsewhere is harmless.
    const bare = at === 0 ? /^[\w@%+:,./-]+$/ : /^[\w@%+=:,./-]+$/;
    return bare.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
  }).join(" ");
}

function impossible(state: string): UsageError {
  return new UsageError("QuoteImpossible", `quote command: ${state}`);
}
