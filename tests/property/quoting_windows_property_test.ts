import assert from "node:assert/strict";
import fc from "fast-check";
import { quoteWindows } from "../../protocol/shell/quoting.ts";

/** cmd's first phase on a command line: %NAME% of a variable that exists is replaced, anything else stays. */
function expandPercent(line: string, variables: ReadonlyMap<string, string>): string {
  let out = "";
  let at = 0;
  while (at < line.length) {
    if (line[at] === "%") {
      const end = line.indexOf("%", at + 1);
      if (end > at + 1) {
        const name = line.slice(at + 1, end).split(":", 1)[0] ?? "";
        const value = variables.get(name.toLowerCase());
        if (value !== undefined) {
          out += value;
          at = end + 1;
          continue;
        }
      }
    }
    out += line[at++];
  }
  return out;
}

/** cmd's second phase: carets and quotation marks; returns the program's token and the rest, or throws on an active metacharacter. */
function parseCmd(line: string): { program: string; commandLine: string } {
  const text = line.startsWith("@") ? line.slice(1) : line;
  assert.ok(!line.startsWith('"'), "a leading quotation mark would meet the rule of /c");
  let quoted = false;
  let out = "";
  let programEnd = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quoted) {
      if (char === '"') quoted = false;
      out += char;
    } else if (char === '"') {
      quoted = true;
      out += char;
    } else if (char === "^") {
      at++;
      assert.ok(at < text.length, "a caret at the end continues the line");
      out += text.charAt(at);
    } else {
      assert.ok(!"&|<>()".includes(char), `active ${char}`);
      if (programEnd < 0 && /[\s,;=]/.test(char)) programEnd = out.length;
      out += char;
    }
  }
  assert.ok(!quoted, "a quotation mark is left open");
  return { program: programEnd < 0 ? out : out.slice(0, programEnd), commandLine: out };
}

/** CommandLineToArgvW, or the newer C runtime where `doubled` marks inside quotes stand for one mark. */
function splitArguments(line: string, doubled: boolean): string[] {
  const words: string[] = [];
  let at = 0;
  let program = "";
  let inside = false;
  for (; at < line.length && (inside || !/[ \t]/.test(line.charAt(at))); at++) {
    if (line[at] === '"') inside = !inside;
    else program += line[at];
  }
  words.push(program);
  while (true) {
    while (at < line.length && /[ \t]/.test(line.charAt(at))) at++;
    if (at >= line.length) return words;
    let word = "";
    let quoted = false;
    while (at < line.length && (quoted || !/[ \t]/.test(line.charAt(at)))) {
      let slashes = 0;
      while (line[at] === "\\") {
        slashes++;
        at++;
      }
      if (line[at] === '"') {
        word += "\\".repeat(slashes >> 1);
        if (slashes % 2 === 1) word += '"';
        else if (doubled && quoted && line[at + 1] === '"') {
          word += '"';
          at++;
        } else quoted = !quoted;
        at++;
      } else {
        word += "\\".repeat(slashes);
        if (at < line.length && (quoted || !/[ \t]/.test(line.charAt(at)))) word += line[at++];
      }
    }
    words.push(word);
  }
}

const variables = new Map([["path", "C:\\evil & calc"], ["a", '"'], ["x", "1"], ["comspec", "cmd.exe"]]);
const nasty = fc.constantFrom(
  ..." \t\"\\^&|<>()%!'`,;=*?[]{}@:/-ax1é😀\x01\x7f".match(/./gsu) ?? [],
  "%PATH%",
  "%x%",
  '\\"',
  "\\\\",
);
const argument = fc.oneof(
  fc.array(nasty, { maxLength: 12 }).map((parts) => parts.join("")),
  fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !/[\0\r\n]/.test(text)),
);
const program = fc.oneof(
  fc.constantFrom(
    "hostname",
    "C:\\Program Files\\a b.exe",
    "a&b.exe",
    "%x%.exe",
    "x(1).exe",
    "a^b",
    ":x",
    "@x",
    "p,q",
    "d/e",
  ),
  fc.array(nasty, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""))
    .filter((text) =>
      !text.includes('"') && !(text.includes("%") && /[\s,;=/]|^[@:]/.test(text)) && !/^\s+$/.test(text)
    ),
);

Deno.test("cmd and the program's own splitting give back exactly the quoted words", () => {
  fc.assert(
    fc.property(program, fc.array(argument, { minLength: 1, maxLength: 5 }), (name, args) => {
      const line = quoteWindows([name, ...args]);
      const parsed = parseCmd(expandPercent(line, variables));
      assert.equal(parsed.program.replaceAll('"', ""), name);
      for (const doubled of [false, true]) {
        assert.deepEqual(splitArguments(parsed.commandLine, doubled), [name, ...args]);
      }
    }),
    { numRuns: 2000 },
  );
});
