/** Remote output made harmless for a terminal. @module */

/**
 * C0 (but tab and line feed), DEL and C1; direction marks, overrides and isolates; invisible operators, soft hyphen, zero
 * width space, byte order mark, line and paragraph separators, annotations, tags; single surrogates. The zero width joiners
 * stay: emoji and several scripts are written with them.
 */
const dangerous =
  /[^\P{Cc}\t\n]|[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

/**
 * The text with every dangerous character written out, e.g. `\x1b` or `\u{202e}`. A carriage return before a line feed is
 * dropped.
 */
export function sanitize(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(dangerous, visible);
}

/** {@link sanitize} for one line of a report: tabs and line breaks become spaces. */
export function sanitizeLine(text: string): string {
  return sanitize(text).replace(/[\t\n]+/g, " ");
}

/** Bytes that are no text, written out: `\xff`. */
export function showBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += hex(byte);
  return text;
}

function visible(char: string): string {
  if (char === "\r") return "\\r";
  const code = char.codePointAt(0) ?? 0;
  return code <= 0xff ? hex(code) : `\\u{${code.toString(16)}}`;
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
