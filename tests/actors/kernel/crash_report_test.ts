import assert from "node:assert/strict";
import type { CrashReport } from "../../../actors/kernel/crash_report.ts";
import { redactorOf } from "../../../actors/kernel/redaction.ts";
import { ActorSystem } from "../../../actors/kernel/system.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { createTestSystem, SeededRandom, VirtualClock } from "../../helpers/virtual_clock.ts";

const password = "hunter2-Pässword!";

/** The report of an actor that throws what `fail` makes of its message. */
function reportOf(message: object, fail: () => unknown): CrashReport {
  const { system, run, crashes } = createTestSystem();
  const ref = system.spawn<object>({
    name: "link",
    start: () => ({
      handle: () => {
        throw fail();
      },
    }),
  });
  system.send(ref, message);
  run();
  assert.equal(crashes.length, 1);
  return crashes[0]!;
}

/** Everything that anybody could print of a report. */
function printed(report: CrashReport): string {
  const error = report.error;
  return [
    Deno.inspect(report, { depth: 20 }),
    JSON.stringify(report),
    String(error),
    error instanceof Error ? `${error.stack} ${Deno.inspect(error.cause)}` : "",
  ].join("\n");
}

Deno.test("no secret of a message reaches its crash report, whatever the error says", () => {
  const secret = new Secret(password);
  const messages: object[] = [
    { kind: "logon", password: secret },
    { kind: "logon", target: { authentication: { password: secret } } },
    { kind: "logon", accounts: [{ user: "a" }, { user: "b", password: secret }] },
    { kind: "logon", byHost: new Map([["web01", secret]]) },
    { kind: "logon", password },
    { kind: "logon", options: { ansible_password: password, nested: [{ deeper: secret }] } },
    { kind: "logon", clientSecret: { value: password } },
  ];
  const errors: (() => unknown)[] = [
    () => new Error(`logon with ${password} failed`),
    () => new TypeError(`${password}${password}`),
    () => new UsageError("BadPassword", `log on: ${password} is wrong`),
    () => new Error("outer", { cause: new Error(`inner ${password}`, { cause: password }) }),
    () => Object.assign(new Error("with a field"), { detail: `it was ${password}` }),
    () => `thrown text ${password}`,
    () => ({ thrown: { object: password } }),
  ];
  for (const message of messages) {
    for (const fail of errors) {
      const report = reportOf(message, fail);
      assert.ok(!printed(report).includes(password), printed(report));
      assert.match(report.lastMessage, /^logon \{/);
      assert.equal(report.path, "/link");
    }
  }
});

Deno.test("a report keeps what is no secret: the error itself, or its name, code, text and causes", () => {
  const plain = new UsageError("Broken", "do it: it is broken", { cause: new Error("why") });
  assert.equal(reportOf({ kind: "go", password }, () => plain).error, plain);
  const error = reportOf(
    { kind: "go", password },
    () =>
      new UsageError("Broken", `do it: ${password} is broken`, {
        cause: new RangeError("why"),
      }),
  ).error as UsageError;
  assert.deepEqual(
    [error.name, error.code, error.blame, error.message, (error.cause as Error).name],
    ["UsageError", "Broken", "caller", "do it: [redacted] is broken", "RangeError"],
  );
  assert.match(error.stack ?? "", /crash_report_test/);
});

Deno.test("what the program knows to be secret is redacted in every crash, in names and in last words, too", () => {
  const clock = new VirtualClock();
  const crashes: CrashReport[] = [];
  const tasks: (() => void)[] = [];
  const system = new ActorSystem({
    clock,
    random: new SeededRandom(1),
    soon: (turn) => void tasks.push(turn),
    yieldToIo: (turn) => void tasks.push(turn),
    onCrash: (report) => void crashes.push(report),
    redact: redactorOf(["other", password, `${password}-longer`]),
  });
  const fail = () => {
    throw new Error(`state has ${password}-longer and ${password}`);
  };
  const ref = system.spawn<string>({
    name: `of ${password}`,
    start: () => ({ handle: fail, stopped: fail }),
  });
  system.spawn<string>({ name: "start", start: fail });
  system.send(ref, "go");
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task();
  assert.deepEqual(
    crashes.map((report) => [report.path, report.lastMessage, (report.error as Error).message]),
    [
      ["/of [redacted]", "string", "state has [redacted] and [redacted]"],
      ["/of [redacted]", "(stopped)", "state has [redacted] and [redacted]"],
      ["/start", "(start)", "state has [redacted] and [redacted]"],
    ],
  );
  assert.ok(!crashes.map(printed).join().includes(password));
});

Deno.test("looking for secrets ends, whatever a message is made of", () => {
  const circle: Record<string, unknown> = { kind: "circle" };
  circle.self = circle;
  circle.wide = Array.from({ length: 100_000 }, (_, at) => ({ at }));
  let deep: object = {};
  for (let depth = 0; depth < 100_000; depth++) deep = { deep };
  circle.deep = deep;
  circle.bytes = new Uint8Array(1_000_000);
  const hostile = {
    kind: "hostile",
    get password(): string {
      throw new Error("no getter");
    },
  };
  assert.equal((reportOf(circle, () => new Error("boom")).error as Error).message, "boom");
  const { system, run, crashes } = createTestSystem();
  const ref = system.spawn<object>({
    restart: "transient",
    start: () => ({
      handle: (message) => {
        if (message === hostile) throw new Error("boom");
      },
    }),
  });
  system.send(ref, hostile);
  run();
  assert.deepEqual([crashes.length, system.inspect().children[0]?.restarts], [1, 1]);
});
