/**
 * A small lexer for TypeScript, just deep enough to see imports and identifiers without being fooled by comments,
 * strings, templates and regular expressions.
 * @module
 */

/** One import or re-export of a file. */
export interface ImportSite {
  /** The specifier as written; `undefined` for a dynamic import of something that is not a plain string. */
  readonly specifier: string | undefined;
  /** Text between `import`/`export` and `from`, or `""` for side-effect and dynamic imports. */
  readonly clause: string;
  /** 1-based line of the specifier. */
  readonly line: number;
}

/** A source whose comments, string contents and regular expressions are blanked, positions and line breaks kept. */
export interface ScannedSource {
  /** The blanked text: quotes stay, what they hold is spaces. Code inside `${…}` stays code. */
  readonly code: string;
  /** Everything that was a comment, the rest blanked. */
  readonly comments: string;
  /** Contents of the plain string literals, by position of the opening quote. */
  readonly strings: ReadonlyMap<number, string>;
}

/** After one of these tokens (or at the start) a slash begins a regular expression, after any other a division. */
const BEFORE_REGEX =
  /^(?:|[=(,:;!&|?{[+\-*%^~<>]|return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/;

/** Blanks whatever is not code. */
export function scan(source: string): ScannedSource {
  const code = [...blank(source)];
  const comments = [...blank(source)];
  const strings = new Map<number, string>();
  /** Depth of braces at which each open `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  let significant = "";
  let at = 0;

  function keep(target: string[], from: number, to: number): void {
    for (let i = from; i < to; i++) target[i] = source[i]!;
  }
  /** Reads the text of a template from `from` on, up to its end or the next `${`. */
  function template(from: number): number {
    let i = from;
    while (i < source.length && source[i] !== "`") {
      if (source[i] === "\\") i++;
      else if (source[i] === "$" && source[i + 1] === "{") {
        templates.push(depth++);
        significant = "{";
        return i + 2;
      }
      i++;
    }
    significant = "`";
    return i + 1;
  }

  while (at < source.length) {
    const char = source[at]!;
    const two = source.slice(at, at + 2);
    if (two === "//" || two === "/*") {
      const close = two === "//" ? source.indexOf("\n", at) : source.indexOf("*/", at + 2) + 2;
      const end = close < at + 2 ? source.length : close;
      keep(comments, at, end);
      at = end;
    } else if (char === '"' || char === "'") {
      let end = at + 1;
      while (end < source.length && source[end] !== char && source[end] !== "\n") {
        end += source[end] === "\\" ? 2 : 1;
      }
      strings.set(at, source.slice(at + 1, end));
      code[at] = char;
      if (end < source.length) code[end] = source[end]!;
      significant = char;
      at = end + 1;
    } else if (char === "`") {
      code[at] = char;
      at = template(at + 1);
    } else if (char === "}" && templates.at(-1) === depth - 1) {
      templates.pop();
      depth--;
      at = template(at + 1);
    } else if (char === "/" && BEFORE_REGEX.test(significant)) {
      let end = at + 1;
      let inClass = false;
      while (end < source.length && source[end] !== "\n" && (inClass || source[end] !== "/")) {
        if (source[end] === "\\") end++;
        else if (source[end] === "[") inClass = true;
        else if (source[end] === "]") inClass = false;
        end++;
      }
      significant = "/";
      at = end + 1;
    } else {
      code[at] = char;
      if (char === "{") depth++;
      if (char === "}") depth--;
      if (/[\w$]/.test(char)) {
        // A whole word is one token, with the dot before it: `x.of` is a name, `of` a keyword.
        significant = /[\w$.]/.test(source[at - 1] ?? "") ? significant + char : char;
      } else if (!/\s/.test(char)) significant = char;
      at++;
    }
  }
  return { code: code.join(""), comments: comments.join(""), strings };
}

function blank(text: string): string {
  return text.replace(/[^\n]/gu, (char) => " ".repeat(char.length));
}

/** Line, from 1, of a position. */
export function lineOf(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < position; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** All imports and re-exports of a source, types and dynamic ones too. */
export function importsOf(scanned: ScannedSource): ImportSite[] {
  const { code, strings } = scanned;
  const found: ImportSite[] = [];
  const add = (quote: number, clause: string) =>
    found.push({ specifier: strings.get(quote), clause: clause.trim(), line: lineOf(code, quote) });
  // import … from "x" · export … from "x" · import "x"
  for (const match of code.matchAll(/(?<![.\w$])(?:import|export)\b([^"'`;()=]*?)(?:\bfrom\s*)?(["'])/g)) {
    const clause = match[1]!;
    const from = /\bfrom\s*["']$/.test(match[0]);
    if (!from && (match[0].startsWith("export") || clause.trim() !== "")) continue;
    add(match.index + match[0].length - 1, clause);
  }
  // import("x"), import(`x`), import(x), as an expression or inside a type
  for (const match of code.matchAll(/(?<![.\w$])import\s*\(\s*/g)) add(match.index + match[0].length, "");
  return found;
}
