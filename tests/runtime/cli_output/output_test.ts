import assert from "node:assert/strict";
import fc from "fast-check";
import {
  countStatuses,
  type ResultEvent,
  type RunEvent,
  type Status,
} from "../../../runtime/cli/output/events.ts";
import { showTime } from "../../../runtime/cli/output/times.ts";
import { HumanReporter } from "../../../runtime/cli/output/human_reporter.ts";
import { JsonReporter } from "../../../runtime/cli/output/json_reporter.ts";
import { LinePrefixer, maxLineLength } from "../../../runtime/cli/output/line_prefixer.ts";
import { sanitize, sanitizeLine } from "../../../runtime/cli/output/sanitize.ts";
import { writerSink } from "../../../runtime/cli/output/sink.ts";
import { summaryTable } from "../../../runtime/cli/output/summary_table.ts";
import { OutputDecoder } from "../../../runtime/cli/output/text_decoder.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A sink that keeps what it was given. */
function memory(): { sink: (bytes: Uint8Array) => void; text: () => string } {
  let text = "";
  const decoder = new TextDecoder();
  return { sink: (bytes) => text += decoder.decode(bytes, { stream: true }), text: () => text };
}

function result(host: string, status: Status, more: Partial<ResultEvent> = {}): ResultEvent {
  const exitCode = status === "succeeded" ? 0 : status === "failed" ? 1 : undefined;
  return { type: "result", host, status, exitCode, durationMs: 100, error: undefined, ...more };
}

function output(host: string, data: Uint8Array | string, stream: "stdout" | "stderr" = "stdout"): RunEvent {
  return { type: "output", host, stream, data: typeof data === "string" ? encode(data) : data };
}

Deno.test("where output may be missing, JSON says so, and joins nothing across the gap", () => {
  const events: RunEvent[] = [
    output("a", Uint8Array.of(0x68, 0xc3)),
    { type: "gap", host: "a", stream: undefined, reason: "it was restarted" },
    output("a", Uint8Array.of(0xa9)),
    result("a", "unknown"),
  ];
  const json = memory();
  const reporter = new JsonReporter(json.sink);
  for (const event of events) reporter.event(event);
  assert.deepEqual(json.text().trimEnd().split("\n").map((line) => JSON.parse(line)).slice(0, 4), [
    { type: "output", host: "a", stream: "stdout", data: "h" },
    { type: "output", host: "a", stream: "stdout", base64: "ww==" },
    { type: "gap", host: "a", stream: null, reason: "it was restarted" },
    { type: "output", host: "a", stream: "stdout", base64: "qQ==" },
  ]);
});

/** Chunks that mix valid text, cut characters and arbitrary bytes. */
const chunks = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: "grapheme", maxLength: 4 }).map(encode),
    fc.constantFrom([0xe2, 0x82], [0xf0, 0x9f, 0x98], [0x80], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf5], [
      0x0d,
    ], [0x0a])
      .map((bytes) => Uint8Array.from(bytes)),
  ),
  { maxLength: 12 },
);

Deno.test("a chunk of binary data becomes a few parts, not one for each accidental letter", () => {
  const chunk = Uint8Array.from({ length: 65_536 }, (_, index) => (index * 167 + (index >> 7)) & 255);
  const decoder = new OutputDecoder();
  const parts = [...decoder.push(chunk), ...decoder.flush()];
  assert.ok(parts.length <= 20, `${parts.length} parts`);
  const back = parts.flatMap((part) => "data" in part ? [...encode(part.data)] : [...part.bytes]);
  assert.deepEqual(Uint8Array.from(back), chunk);
});

Deno.test("decoding loses and merges nothing, and gives as text all that is text, wherever chunks are cut", () => {
  fc.assert(
    fc.property(chunks, (pieces) => {
      const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      const decoder = new OutputDecoder();
      const parts = [...pieces.flatMap((piece) => decoder.push(piece)), ...decoder.flush()];
      const back = parts.flatMap((part) => "data" in part ? [...encode(part.data)] : [...part.bytes]);
      assert.deepEqual(Uint8Array.from(back), whole);
      // The platform's decoder puts U+FFFD exactly where a byte is no text.
      const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(whole).replaceAll("\ufffd", "");
      const ours = parts.map((part) => "data" in part ? part.data : "").join("").replaceAll("\ufffd", "");
      assert.equal(ours, expected);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("nothing that a terminal acts on passes the sanitizer, and printable text passes unchanged", () => {
  const forbidden = /[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069\u200e\u200f\u2028\u2029\ufeff]/u;
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
    assert.doesNotMatch(sanitize(text), forbidden);
    assert.doesNotMatch(sanitizeLine(text), /[\n\t]/);
  }));
  const printable = "Straße 漢字 العربية 👩‍👩‍👧 ~\t|\n";
  assert.equal(sanitize(printable), printable);
  assert.equal(sanitize("a\r\nb\x1b[2J\x9b1m\x07\u202e\rz"), "a\nb\\x1b[2J\\x9b1m\\x07\\u{202e}\\rz");
});

Deno.test("JSON objects are the documented ones, one a line, with text joined across chunks", () => {
  const { sink, text } = memory();
  const reporter = new JsonReporter(sink);
  reporter.event({ type: "progress", host: "a", phase: "connecting" });
  reporter.event(output("a", Uint8Array.of(0x68, 0xc3)));
  reporter.event(output("b", "x\n", "stderr"));
  reporter.event(output("a", Uint8Array.of(0xa9, 0xff, 0xfe, 0x21)));
  reporter.event(output("a", Uint8Array.of(0xe2, 0x82)));
  reporter.event(result("a", "succeeded", { durationMs: 12.7 }));
  const error = { code: "ConnectionReset", message: "receive: the peer reset" };
  reporter.event(result("b", "unknown", { error }));
  reporter.finish({
    total: 2,
    durationMs: 20,
    counts: countStatuses([{ status: "succeeded" }, { status: "unknown" }]),
  });
  assert.deepEqual(text().trimEnd().split("\n").map((line) => JSON.parse(line)), [
    { type: "output", host: "a", stream: "stdout", data: "h" },
    { type: "output", host: "b", stream: "stderr", data: "x\n" },
    { type: "output", host: "a", stream: "stdout", data: "é" },
    { type: "output", host: "a", stream: "stdout", base64: "//4=" },
    { type: "output", host: "a", stream: "stdout", data: "!" },
    { type: "output", host: "a", stream: "stdout", base64: "4oI=" },
    { type: "result", host: "a", status: "succeeded", exitCode: 0, durationMs: 13, error: null },
    { type: "result", host: "b", status: "unknown", exitCode: null, durationMs: 100, error },
    {
      type: "summary",
      total: 2,
      durationMs: 20,
      succeeded: 1,
      failed: 0,
      unreachable: 0,
      denied: 0,
      timedOut: 0,
      cancelled: 0,
      unknown: 1,
    },
  ]);
});

function prefixer(hosts: string[], raw = false) {
  return new LinePrefixer({ hosts, raw, paint: (prefix) => prefix });
}

Deno.test("lines carry their host, are joined across chunks, and do not mix with other hosts or streams", () => {
  const lines = prefixer(["web1", "longer"]);
  assert.equal(decode(lines.push("web1", "stdout", encode("one\r\ntw"))), "web1   | one\n");
  assert.equal(decode(lines.push("longer", "stdout", encode("other\n"))), "longer | other\n");
  assert.equal(decode(lines.push("web1", "stderr", encode("bad\n"))), "web1   ! bad\n");
  assert.equal(decode(lines.push("web1", "stdout", encode("o\n\n"))), "web1   | two\nweb1   | \n");
  lines.push("web1", "stdout", encode("\x1b[31mred \xff").map((byte) => byte));
  lines.push("web1", "stdout", Uint8Array.of(0xff));
  assert.equal(decode(lines.flush("web1")), "web1   | \\x1b[31mred ÿ\\xff\n");
  assert.equal(lines.flushAll().length, 0);
});

Deno.test("raw lines keep their bytes", () => {
  const lines = prefixer(["a"], true);
  const bytes = Uint8Array.of(0x1b, 0x5b, 0x6d, 0xff, 0x0a);
  assert.deepEqual(
    new Uint8Array(lines.push("a", "stdout", bytes)),
    Uint8Array.of(...encode("a | "), 0x1b, 0x5b, 0x6d, 0xff, 0x0a),
  );
});

Deno.test("however output is cut into chunks, the lines are the same", () => {
  fc.assert(fc.property(chunks, (pieces) => {
    const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const one = prefixer(["h"]);
    const many = prefixer(["h"]);
    const expected = decode(one.push("h", "stdout", whole)) + decode(one.flushAll());
    const actual = pieces.map((piece) => decode(many.push("h", "stdout", piece))).join("") +
      decode(many.flushAll());
    assert.equal(actual, expected);
  }));
});

Deno.test("a line without end is shown in bounded pieces that do not cut characters", () => {
  const lines = prefixer(["h"]);
  const chunk = encode("é".repeat(10_000));
  let longest = 0;
  let shown = "";
  for (let at = 0; at < 50; at++) {
    const out = decode(lines.push("h", "stdout", chunk));
    for (const line of out.split("\n")) longest = Math.max(longest, encode(line).length);
    shown += out;
  }
  shown += decode(lines.flushAll());
  const exact = decode(prefixer(["h"]).push("h", "stdout", encode(`${"x".repeat(maxLineLength)}\ny\n`)));
  assert.equal(exact, `h | ${"x".repeat(maxLineLength)}\nh | y\n`);
  assert.ok(longest <= maxLineLength + 4, String(longest));
  assert.equal(shown.replaceAll(/^h \| |\n/gm, ""), "é".repeat(500_000));
});

function human(hosts: string[], more: Partial<ConstructorParameters<typeof HumanReporter>[0]> = {}) {
  const { sink, text } = memory();
  const options = {
    sink,
    hosts,
    terminal: undefined,
    colors: false,
    raw: false,
    verbose: false,
    now: () => 0,
    refreshMs: 0,
  };
  return { reporter: new HumanReporter({ ...options, ...more }), text };
}

function summary(results: readonly ResultEvent[]) {
  return { total: results.length, durationMs: 1500, counts: countStatuses(results) };
}

Deno.test("without a terminal there is no control code: lines, errors, table, counts", () => {
  const { reporter, text } = human(["web1", "web2"]);
  const results = [
    result("web1", "succeeded"),
    result("web2", "unreachable", { error: { code: "ConnectRefused", message: "connect \x1b[5m: refused" } }),
  ];
  reporter.event({ type: "progress", host: "web1", phase: "connecting" });
  reporter.event(output("web1", "hello\nno end"));
  for (const event of results) reporter.event(event);
  reporter.finish(summary(results));
  assert.equal(
    text(),
    `web1 | hello
web1 | no end
web2: unreachable: ConnectRefused: connect \\x1b[5m: refused

HOST  STATUS       EXIT    TIME  ERROR
web1  succeeded       0  100 ms
web2  unreachable     -  100 ms  ConnectRefused: connect \\x1b[5m: refused

2 hosts: 1 succeeded, 1 unreachable in 1.5 s
`,
  );
});

Deno.test("a notice stands above the live line and is not taken away with it", () => {
  const { reporter, text } = human(["web1"], { terminal: () => ({ columns: 80, rows: 24 }) });
  reporter.event({ type: "progress", host: "web1", phase: "connecting" });
  reporter.notice("drover: cancelling");
  reporter.event(output("web1", "last\n"));
  reporter.finish(summary([result("web1", "cancelled")]));
  // Written when the live line is gone (its last control sequence ends a frame), and followed by a new one.
  assert.ok(text().includes("\x1b[?2026ldrover: cancelling\n\x1b[?2026h"), JSON.stringify(text()));
});

Deno.test("twenty hosts are twenty rows, in the order of the inventory, within 80 columns", () => {
  const hosts = Array.from({ length: 20 }, (_, at) => `server-${at}.department.example.com`);
  const { reporter, text } = human(hosts);
  const error = { code: "ShellQuota", message: "create shell: ".padEnd(300, "x") };
  const results = hosts.map((host, at) =>
    at === 3 ? result(host, "failed", { exitCode: -1073741819, error }) : result(host, "succeeded")
  );
  for (const event of [...results].reverse()) reporter.event(event);
  reporter.finish(summary(results));
  const rows = text().split("\n").filter((line) => /^server-\d.*(succeeded|failed)\s/.test(line));
  assert.equal(rows.length, 20);
  rows.forEach((row, at) => assert.ok(row.startsWith(`server-${at}.`)));
  for (const row of rows) assert.ok(row.length <= 80, row);
});

Deno.test("of many hosts every one that did not succeed is a row, and the rest is counted", () => {
  const results = Array.from(
    { length: 200 },
    (_, at) => result(`h${at}`, at % 4 === 3 ? "failed" : "succeeded"),
  );
  const options = { width: 80, colors: false, verbose: false };
  const rows = (text: string) => text.split("\n").filter((line) => /^h\d/.test(line));
  const text = summaryTable(results, summary(results), options);
  assert.equal(rows(text).filter((row) => row.includes("failed")).length, 50);
  assert.match(text, /… and 150 more succeeded/);
  assert.equal(rows(summaryTable(results, summary(results), { ...options, verbose: true })).length, 200);
  const good = results.map(({ host }) => result(host, "succeeded"));
  const folded = summaryTable(good, summary(good), options);
  assert.equal(rows(folded).length, 40);
  assert.match(folded, /… and 160 more succeeded/);
});

Deno.test("a long table has one head, and its columns stay in line to the end", () => {
  const results = Array.from({ length: 120 }, (_, index) => result(`h${index}`, "failed"));
  const options = { width: 80, colors: false, verbose: true };
  const lines = summaryTable(results, summary(results), options).split("\n").slice(0, 121);
  const column = lines[0]!.indexOf("STATUS");
  assert.deepEqual(
    lines.slice(1).map((line) => [line.slice(0, column).trim(), line.slice(column, column + 6)]),
    results.map(({ host }) => [host, "failed"]),
  );
});

Deno.test("--verbose says what each host was logged on to with, where that is known", () => {
  const results = [
    { ...result("web01", "succeeded"), logon: { mechanism: "NTLM", fallback: "there is no KDC" } },
    { ...result("web02", "failed"), logon: { mechanism: "Kerberos" } },
    result("web03", "unreachable"),
  ] as const;
  const options = { width: 80, colors: false, verbose: true };
  const lines = summaryTable(results, summary(results), options).split("\n").slice(0, 4);
  const column = lines[0]!.indexOf("LOGON");
  assert.deepEqual(lines.map((line) => line.slice(column).split(" ")[0]), ["LOGON", "NTLM", "Kerberos", ""]);
  assert.doesNotMatch(summaryTable(results, summary(results), { ...options, verbose: false }), /LOGON|NTLM/);
});

Deno.test("on a terminal a live line shows progress below the output and is gone at the end", () => {
  const terminal = () => ({ columns: 80, rows: 24 });
  const { reporter, text } = human(["a", "b"], { terminal, colors: true });
  reporter.event({ type: "progress", host: "a", phase: "connecting" });
  reporter.event(output("a", "hello\n"));
  const results = [result("a", "succeeded"), result("b", "failed")];
  for (const event of results) reporter.event(event);
  reporter.finish(summary(results));
  assert.match(text(), /0\/2 hosts .*1 working/);
  assert.match(text(), /2\/2 hosts/);
  assert.ok(text().includes("\x1b[36ma |\x1b[39m hello\n"));
  assert.ok(text().indexOf("STATUS") > text().lastIndexOf("2/2 hosts"));
});

Deno.test("a reader that goes away ends the output quietly, and partial writes are finished", () => {
  const written: number[] = [];
  let closed = 0;
  let limit = 5;
  const sink = writerSink({
    writeSync(bytes) {
      if (limit-- === 0) throw new Deno.errors.BrokenPipe("gone");
      if (limit === 2) throw new Deno.errors.WouldBlock("full");
      written.push(bytes[0] ?? 0);
      return 1;
    },
  }, () => closed++);
  sink(Uint8Array.of(1, 2, 3));
  assert.deepEqual(written, [1, 2, 3]);
  sink(Uint8Array.of(4, 5, 6));
  sink(Uint8Array.of(7));
  assert.equal(closed, 1);
  assert.deepEqual(written, [1, 2, 3, 4]);
});

Deno.test("times of a schedule are those of its zone, and an hour that comes twice is told apart", () => {
  assert.equal(showTime("2026-10-25T00:30:00.000Z", "Europe/Berlin"), "2026-10-25 02:30 +02:00");
  assert.equal(showTime("2026-10-25T01:30:00.000Z", "Europe/Berlin"), "2026-10-25 02:30 +01:00");
  assert.equal(showTime("2026-10-25T01:30:00.000Z", "UTC"), "2026-10-25 01:30 +00:00");
  assert.equal(showTime("2026-10-25T18:30:00.000Z", "America/St_Johns"), "2026-10-25 16:00 -02:30");
  assert.equal(showTime("2026-10-25T01:30:00.000Z", "Mars/Olympus"), "2026-10-25T01:30:00.000Z");
});
