// @ts-check
/// <reference lib="dom" />
/** Texts: of others made harmless, and times, sizes and numbers for people. @module */

/**
 * What must not act on the page's text: control characters (but tab and line feed), direction overrides and isolates, invisible
 * characters, single surrogates. The same as the command line writes out.
 */
const dangerous =
  /[^\P{Cc}\t\n]|[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

/**
 * The text with every dangerous character written out, e.g. `\x1b` or `\u{202e}`.
 * @param {string} text
 */
export function sanitize(text) {
  return text.replaceAll("\r\n", "\n").replace(dangerous, (char) => {
    if (char === "\r") return "\\r";
    const code = char.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * {@link sanitize} for one line.
 * @param {string} text
 */
export function line(text) {
  return sanitize(text).replace(/[\t\n]+/g, " ");
}

/**
 * A command as people write it; of a list each argument that needs it in quotes.
 * @param {string | readonly string[]} command
 */
export function commandText(command) {
  if (typeof command === "string") return command;
  return command.map((word) => /^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word)).join(" ");
}

/**
 * A length of time.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/**
 * How long ago.
 * @param {string} at
 * @param {number} now
 */
export function ago(at, now) {
  const seconds = Math.round((now - Date.parse(at)) / 1_000);
  if (seconds < -5) return `in ${duration(-seconds * 1_000)}`;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h ago`;
  return new Date(at).toLocaleDateString();
}

/**
 * A size in bytes.
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = "B";
  for (const next of units) {
    if (value < 1_000) break;
    value /= 1_000;
    unit = next;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

/**
 * A number with separators.
 * @param {number} value
 */
export function count(value) {
  return value.toLocaleString("en");
}

/**
 * A number of things.
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}
