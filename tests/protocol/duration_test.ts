import assert from "node:assert/strict";
import { formatAge, formatDuration, parseDuration } from "../../protocol/duration.ts";
import { ProtocolError, UsageError } from "../../protocol/errors.ts";

Deno.test("durations in all spellings of the wire become milliseconds", () => {
  const cases: readonly [string, number][] = [
    ["PT60.000S", 60_000],
    ["PT20S", 20_000],
    ["PT0S", 0],
    ["PT0.0015S", 2],
    ["PT3M", 180_000],
    ["PT1H2M3.5S", 3_723_500],
    ["P0DT0H0M9S", 9_000],
    ["P1D", 86_400_000],
    ["P1M", 30 * 86_400_000],
    ["P1Y", 365 * 86_400_000],
    ["P1Y1M1DT1H1M1S", (396 * 86_400 + 3_661) * 1000],
    ["PT2147483.647S", 2_147_483_647],
    ["PT7200.000S", 7_200_000],
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

Deno.test("anything else is no duration", () => {
  const texts = [
    "",
    "P",
    "PT",
    "P1DT",
    "60",
    "PT60",
    "-PT1S",
    "PT-1S",
    "PT1.S",
    "PT.5S",
    "P1S",
    "PT1D",
    "PT1S ",
    " PT1S",
    "pt1s",
    "PT1S\n",
    "PT1M1H",
    "PT" + "9".repeat(400) + "S",
    "PT1,5S",
    "PTInfinityS",
    "PT1e3S",
    "PT\u0661S",
  ];
  for (const text of texts) {
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof ProtocolError && error.code === "BadDuration",
      text,
    );
  }
});

Deno.test("time-outs are written as WinRM writes them, ages in whole seconds", () => {
  assert.equal(formatDuration(60_000), "PT60.000S");
  assert.equal(formatDuration(0), "PT0.000S");
  assert.equal(formatDuration(2_147_483_647), "PT2147483.647S");
  for (const wrong of [-1, NaN, Infinity, 1e25]) {
    assert.throws(() => formatDuration(wrong), (error) => error instanceof UsageError);
  }
  assert.equal(formatAge(9_999), "P0DT0H0M9S");
  assert.equal(formatAge(((26 * 60 + 3) * 60 + 4) * 1000), "P1DT2H3M4S");
  assert.equal(formatAge(-5), "P0DT0H0M0S");
});
