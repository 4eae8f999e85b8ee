import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { commandLine, quotePosix, quoteWindows } from "../../../protocol/shell/quoting.ts";

Deno.test("one command word is left to the remote shell as it is", () => {
  assert.equal(commandLine(["dir /b & echo %PATH%"], "windows"), "dir /b & echo %PATH%");
  assert.equal(commandLine(["ls | wc -l"], "posix"), "ls | wc -l");
});

Deno.test("several words are quoted for Windows: argument rules inside, carets for cmd outside", () => {
  const cases: [string[], string][] = [
    [["hostname", "-f"], "hostname -f"],
    [["prog", "a b"], 'prog ^"a b^"'],
    [["prog", ""], 'prog ^"^"'],
    [["prog", 'say "hi"'], String.raw`prog ^"say \^"hi\^"^"`],
    [["prog", "C:\\Program Files\\"], String.raw`prog ^"C:\Program Files\\^"`],
    [["prog", "C:\\dir\\"], "prog C:\\dir\\"],
    [["prog", "a&b|c>d<e^f(g)"], "prog a^&b^|c^>d^<e^^f^(g^)"],
    [["prog", "%PATH%", "100%"], "prog ^%PATH^% 100^%"],
    [["prog", "%PATH:a=b%", "%PATH:~1%"], "prog ^%PATH^:a=b^% ^%PATH^:~1^%"],
    [["C:\\Program Files\\x.exe", "a"], '@"C:\\Program Files\\x.exe" a'],
  ];
  for (const [words, line] of cases) assert.equal(quoteWindows(words), line);
});

Deno.test("what a Windows command line cannot express is refused", () => {
  for (const words of [[], [""], ["p", "a\nb"], ["p", "a\rb"], ["p", "a\0"], ['p"q', "a"], ["a b%c%", "x"]]) {
    assert.throws(() => quoteWindows(words), (e) => e instanceof UsageError && e.code === "QuoteImpossible");
  }
  assert.throws(
    () => quotePosix(["p", "\0"]),
    (e) => e instanceof UsageError && e.code === "QuoteImpossible",
  );
  assert.throws(() => quotePosix([]), (e) => e instanceof UsageError && e.code === "QuoteImpossible");
});

Deno.test("several words are quoted for a POSIX shell with single quotes", () => {
  assert.equal(
    quotePosix(["echo", "a b", "it's", "$HOME", "", "x=1"]),
    `echo 'a b' 'it'\\''s' '$HOME' '' x=1`,
  );
  assert.equal(quotePosix(["A=1", "x"]), "'A=1' x");
});
