/** How much there is in a JSON text, before anything is made of it: checks of millions of wrong values take seconds and gigabytes. @module */

/** Values of one body, beside those in strings; retries name up to 65,536 hosts. */
const maxValues = 70_000;
/** Values within values. */
const maxDepth = 64;

/** What is too much in a text that may be JSON; `undefined`: nothing. Whether it is JSON is not asked here. */
export function excessOf(text: string): "values" | "depth" | undefined {
  let values = 1;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at);
        break;
      case ",":
        if (++values > maxValues) return "values";
        break;
      case "[":
      case "{":
        if (++depth > maxDepth) return "depth";
        break;
      case "]":
      case "}":
        depth--;
    }
  }
  return undefined;
}

/** Where the string that begins at `at` ends. */
function endOfString(text: string, at: number): number {
  for (;;) {
    const quote = text.indexOf('"', at + 1);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote;
  }
}
