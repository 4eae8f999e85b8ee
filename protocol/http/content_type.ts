/** Content-Type (RFC 9110 8.3). @module */
import { TextScanner } from "./text_scanner.ts";

/** More parameters than this are refused. */
const maxParameters = 32;

/** A media type with its parameters. */
export interface ContentType {
  /** `type/subtype` in lower case. */
  readonly type: string;
  /** Parameters with names in lower case, escapes undone. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The value that was parsed last: peers send the same one with every message. */
let last: { readonly value: string; readonly parsed: ContentType } | undefined;

/**
 * Parses a media type. Besides the standard's tokens and quoted strings, an unquoted value may hold spaces and
 * slashes up to the next `;`, as real clients send. Throws `HttpError`.
 */
export function parseContentType(value: string): ContentType {
  if (last?.value !== value) last = { value, parsed: parse(value) };
  return last.parsed;
}

function parse(value: string): ContentType {
  const scanner = new TextScanner(value, "content type");
  scanner.skipSpace();
  const main = scanner.token();
  if (!scanner.skip("/")) throw scanner.error("there is no subtype");
  const type = `${main}/${scanner.token()}`.toLowerCase();
  const parameters = new Map<string, string>();
  for (;;) {
    scanner.skipSpace();
    if (scanner.done) return { type, parameters };
    if (!scanner.skip(";")) throw scanner.error("no semicolon stands before a parameter");
    scanner.skipSpace();
    if (scanner.done || scanner.next === ";") continue;
    const name = scanner.token().toLowerCase();
    if (!scanner.skip("=")) throw scanner.error("a parameter has no value");
    const quoted = scanner.next === '"';
    const parameter = quoted ? scanner.quoted() : scanner.until(';"');
    if (parameter === "" && !quoted) throw scanner.error("a parameter has no value");
    if (parameters.has(name)) throw scanner.error("a parameter stands twice");
    if (parameters.size === maxParameters) {
      throw scanner.error(`there are more than ${maxParameters} parameters`);
    }
    parameters.set(name, parameter);
  }
}
