/** Durable jobs over fake hosts: what is on disk before what is sent, and what a later life says of it. */
import assert from "node:assert/strict";
import { envelopeOf, faultBody, response } from "../host/fake_host.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { DurableRun, textOf } from "./run_durable.ts";

Deno.test("every host ends with its output and its result on disk, and the job is done after the last of them", () => {
  const run = new DurableRun(["a", "b", "c"]);
  const life = run.start();
  run.test.settle();
  assert.deepEqual(run.statuses, ["succeeded", "succeeded", "succeeded"]);
  assert.deepEqual(run.kept.map(textOf), ["hello\n", "hello\n", "hello\n"]);
  assert.deepEqual(run.states, ["queued", "running", "done"]);
  assert.deepEqual(life.ends, ["done"]);
  assert.deepEqual([run.shells, run.disk.conflicts, life.crashes], [0, [], []]);
});

Deno.test("Command is sent only after its intent is on disk, with the ids that the intent has", () => {
  const run = new DurableRun(["a"]);
  run.commitMs = 5_000;
  run.start();
  const host = run.hosts.get("a")!;
  run.test.advance(4_900);
  assert.deepEqual(host.requests.map(({ operation }) => operation), ["Create"]);
  // The first commit has the job's state, the second one the intent.
  while (run.kept[0]!.intent === null) {
    assert.equal(run.count("Command"), 0);
    run.test.advance(10);
  }
  run.test.advance(50);
  const { shellId, commandId, shellName } = run.kept[0]!.intent!;
  const command = host.requests.find(({ operation }) => operation === "Command")!;
  assert.match(command.body, new RegExp(`CommandId="${commandId}"`));
  assert.match(command.body, new RegExp(`>${shellId}<`));
  assert.match(host.requests[0]!.body, new RegExp(`Name="${shellName}"`));
});

Deno.test("a command whose intent is being written is cancelled: nothing is sent", () => {
  const run = new DurableRun(["a"]);
  run.commitMs = 1_000;
  const life = run.start();
  run.test.advance(900);
  life.tell("cancel");
  run.test.settle();
  assert.equal(run.count("Command"), 0);
  assert.deepEqual(run.statuses, ["cancelled"]);
  assert.deepEqual([run.shells, run.states], [0, ["queued", "running", "cancelling", "done"]]);
});

Deno.test("a deadline that comes while the intent is being written ends the host: nothing is sent", () => {
  const run = new DurableRun(["a"], { timeoutMs: 700 });
  run.commitMs = 1_000;
  run.start();
  run.test.settle();
  assert.equal(run.count("Command"), 0);
  assert.deepEqual([run.statuses, run.shells], [["timedOut"], 0]);
});

Deno.test("a Command that a quota refuses is sent again under the one intent that it has", () => {
  let refusals = 2;
  const run = new DurableRun(["a"], {}, () => ({
    answer: (operation) =>
      operation === "Command" && refusals-- > 0
        ? response(500, utf8(envelopeOf(faultBody(2150859173))))
        : "default",
  }));
  run.start();
  run.test.settle();
  assert.deepEqual([run.statuses, run.disk.conflicts], [["succeeded"], []]);
  const ids = run.hosts.get("a")!.requests.filter(({ operation }) => operation === "Command")
    .map(({ body }) => /CommandId="([^"]*)"/.exec(body)![1]);
  assert.deepEqual(ids, [run.kept[0]!.intent!.commandId, ids[0], ids[0]]);
});

Deno.test("output counts as taken when it is on disk: a slow disk slows the command, and nothing piles up", () => {
  const receives = [
    ...Array.from({ length: 20 }, (_, at) => ({ kind: "output" as const, text: `line ${at}\n` })),
    { kind: "output" as const, text: "end\n", exitCode: 0 },
  ];
  const run = new DurableRun(["a"], {}, () => ({ receives }));
  run.commitMs = 10_000;
  run.start();
  for (let step = 0; step < 200; step++) {
    run.test.advance(1_000);
    const kept = run.kept[0]!.output.stdout.length;
    assert.ok(
      run.hosts.get("a")!.receives <= kept + 3,
      `${run.hosts.get("a")!.receives} Receives, ${kept} kept`,
    );
  }
  run.test.settle();
  assert.equal(textOf(run.kept[0]!), receives.map(({ text }) => text).join(""));
  assert.deepEqual(run.statuses, ["succeeded"]);
});

Deno.test("with a full disk no Command is sent and no host begins; what is known is kept when there is room", () => {
  const names = Array.from({ length: 50 }, (_, at) => `h${at}`);
  const run = new DurableRun(names, { throttle: 5 });
  run.disk.full = true;
  const life = run.start();
  run.test.advance(600_000);
  assert.equal(run.count("Command"), 0);
  const created = run.count("Create");
  assert.ok(created <= 10, `${created} hosts have begun`);
  run.disk.full = false;
  run.test.settle();
  assert.deepEqual(life.ends, ["done"]);
  for (const { results } of run.kept) {
    assert.equal(results.length, 1);
    const { status, error } = results[0]!;
    if (status !== "succeeded") assert.deepEqual([status, error!.code], ["unreachable", "NotStarted"]);
  }
  assert.ok(run.statuses.filter((status) => status === "succeeded").length >= 40);
  assert.deepEqual([run.shells, run.disk.conflicts], [0, []]);
});

Deno.test("a disk that is full for a while in mid-job loses no output and no result", () => {
  const receives = [
    ...Array.from({ length: 5 }, (_, at) => ({ kind: "output" as const, text: `line ${at}\n` })),
    { kind: "output" as const, text: "end\n", exitCode: 3 },
  ];
  for (let at = 0; at < 60; at++) {
    const run = new DurableRun(["a", "b"], {}, () => ({ receives }));
    const life = run.start();
    run.test.advance(at);
    run.disk.full = true;
    run.test.advance(2_000);
    run.disk.full = false;
    run.test.settle();
    assert.deepEqual(life.ends, ["done"], `full after ${at} ms`);
    for (const host of run.kept) {
      const { status, exitCode } = host.results[0]!;
      if (status === "unreachable") assert.equal(textOf(host), "");
      else {
        assert.deepEqual([status, exitCode], ["failed", 3]);
        assert.equal(textOf(host), receives.map(({ text }) => text).join(""));
      }
    }
    assert.deepEqual([run.shells, run.disk.conflicts], [0, []]);
  }
});

Deno.test("hosts that wait for permits while the store keeps nothing come back and wait, and run when there is room", () => {
  const receives = [{ kind: "hold" as const }, { kind: "output" as const, text: "x", exitCode: 0 }];
  const run = new DurableRun(["a", "b", "c"], { throttle: 1 }, () => ({ receives }));
  const life = run.start();
  run.test.advance(1_000);
  assert.deepEqual([run.count("Create"), run.count("Command")], [1, 1]);
  run.disk.trouble = "StoreFailed";
  run.test.advance(600_000);
  assert.deepEqual([run.count("Create"), run.shells, run.statuses], [1, 0, [null, null, null]]);
  run.disk.trouble = undefined;
  run.test.settle();
  assert.deepEqual([run.statuses, life.ends], [["succeeded", "succeeded", "succeeded"], ["done"]]);
});

Deno.test("records go to the store in order, one append at a time, which takes all that has come meanwhile", () => {
  const receives = [
    ...Array.from({ length: 5 }, (_, at) => ({ kind: "output" as const, text: `line ${at}\n` })),
    { kind: "output" as const, text: "end\n", exitCode: 0 },
  ];
  const run = new DurableRun(["a", "b", "c", "d"], {}, () => ({ receives }));
  run.commitMs = 50;
  run.start();
  run.test.settle();
  assert.equal(run.mostUnkept, 1);
  assert.ok(run.appends.some((records) => records.length >= 4), "each record has waited for its own commit");
  for (const host of [0, 1, 2, 3]) {
    const kinds = run.appends.flat().flatMap((record) =>
      "index" in record && record.index === host ? record.kind : []
    );
    assert.deepEqual(kinds, ["progress", "intent", ...Array(6).fill("output"), "result"]);
  }
});

Deno.test("pause: what runs goes on, nothing else begins, and resume runs the rest", () => {
  const names = Array.from({ length: 20 }, (_, at) => `h${at}`);
  const receives = [{ kind: "hold" as const }, { kind: "output" as const, text: "x", exitCode: 0 }];
  const run = new DurableRun(names, { throttle: 3 }, () => ({ receives }));
  const life = run.start();
  run.test.advance(5_000);
  assert.equal(run.count("Command"), 3);
  life.tell("pause");
  run.test.advance(600_000);
  assert.equal(run.count("Command"), 3);
  assert.equal(run.statuses.filter((status) => status === "succeeded").length, 3);
  assert.equal(run.statuses.filter((status) => status === null).length, 17);
  life.tell("resume");
  run.test.settle();
  assert.ok(run.statuses.every((status) => status === "succeeded"));
  assert.deepEqual(run.states, ["queued", "running", "paused", "running", "done"]);
  assert.equal(run.count("Command"), 20);
});

Deno.test("a drained job ends its life when nothing runs any more, and the next one goes on", () => {
  const names = Array.from({ length: 10 }, (_, at) => `h${at}`);
  const receives = [{ kind: "hold" as const }, { kind: "output" as const, text: "x", exitCode: 0 }];
  const run = new DurableRun(names, { throttle: 2 }, () => ({ receives }));
  const first = run.start();
  run.test.advance(5_000);
  first.tell("drain");
  run.test.settle();
  assert.deepEqual(first.ends, ["left"]);
  assert.equal(run.statuses.filter((status) => status !== null).length, 2);
  const second = run.start();
  run.test.settle();
  assert.deepEqual(second.ends, ["done"]);
  assert.ok(run.statuses.every((status) => status === "succeeded"));
  assert.equal(run.count("Command"), 10);
});

Deno.test("rolling: a batch begins after the one before it, and none after too many failures", () => {
  const names = Array.from({ length: 10 }, (_, at) => `h${at}`);
  const run = new DurableRun(names, { rolling: { batch: "30%", maxFailures: 2 } }, (name) => ({
    receives: [{ kind: "output", text: "x", exitCode: name === "h1" || name === "h4" ? 1 : 0 }],
  }));
  const life = run.start();
  run.test.settle();
  assert.deepEqual(life.ends, ["done"]);
  assert.deepEqual(run.statuses, [
    "succeeded",
    "failed",
    "succeeded",
    "succeeded",
    "failed",
    "succeeded",
    "unreachable",
    "unreachable",
    "unreachable",
    "unreachable",
  ]);
  assert.equal(run.count("Command"), 6);
  for (const { results } of run.kept.slice(6)) {
    assert.deepEqual(results[0]!.error, {
      code: "NotStarted",
      message: "not begun: 2 hosts failed before; nothing was sent",
    });
  }
  const last = (name: string) => Math.max(...run.hosts.get(name)!.requests.map(({ at }) => at));
  const first = (name: string) => Math.min(...run.hosts.get(name)!.requests.map(({ at }) => at));
  assert.ok(first("h3") > last("h0") - 50);
});

Deno.test("killed at any moment: each command is sent at most once, and each host gets one true result", () => {
  const receives = [
    { kind: "output" as const, text: "one\n" },
    { kind: "output" as const, text: "two\n" },
    { kind: "output" as const, text: "three\n", exitCode: 0 },
  ];
  const seen = new Set<string>();
  for (let turn = 0; turn < 180; turn++) {
    const at = Math.floor(turn / 2);
    const run = new DurableRun(["a", "b"], { throttle: 1 }, () => ({ receives }));
    run.commitMs = turn % 2 === 0 ? 2 : 9;
    const first = run.start();
    run.test.advance(at);
    first.kill();
    run.test.advance(100);
    const second = run.disk.unfinished().length > 0 ? run.start() : undefined;
    run.test.settle();
    assert.deepEqual(second?.ends ?? ["done"], ["done"], `killed after ${at} ms`);
    assert.deepEqual([run.disk.conflicts, second?.crashes ?? []], [[], []]);
    for (const [index, host] of run.kept.entries()) {
      const [result] = host.results;
      const fake = run.hosts.get(host.host)!;
      const commands = fake.requests.filter(({ operation }) => operation === "Command").length;
      assert.ok(commands <= 1, `${commands} Commands after ${at} ms`);
      assert.equal(host.results.length, 1);
      seen.add(`${result!.status} ${result!.error?.code}`);
      const text = textOf(host);
      if (result!.status === "succeeded") assert.equal(text, "one\ntwo\nthree\n");
      else {
        assert.equal(result!.status, "unknown", `host ${index} after ${at} ms`);
        assert.notEqual(host.intent, null);
        const before = new TextDecoder().decode(
          new Uint8Array(host.output.stdout.flatMap((piece) => [...piece])).subarray(
            0,
            host.gaps[0]?.stdout,
          ),
        );
        assert.ok("one\ntwo\nthree\n".startsWith(before), `${before} after ${at} ms`);
      }
    }
    // Without an intent a shell of the dead life may stay for its idle time; with one it is deleted.
    const orphans = run.kept.filter(({ intent }) => intent?.shellName.includes("life1") !== true).length;
    assert.ok(run.shells <= orphans, `${run.shells} shells after ${at} ms`);
  }
  assert.deepEqual([...seen].sort(), ["succeeded undefined", "unknown DaemonRestarted", "unknown OutputGap"]);
});

Deno.test("a recovered command is received to its end: its output is kept behind a gap, its exit code told", () => {
  const receives = [
    { kind: "output" as const, text: "one\n" },
    { kind: "hold" as const },
    { kind: "output" as const, text: "two\n", exitCode: 7 },
  ];
  const run = new DurableRun(["a"], {}, () => ({ receives }));
  const first = run.start();
  run.test.advance(1_000);
  assert.equal(textOf(run.kept[0]!), "one\n");
  first.kill();
  run.test.advance(1_000);
  run.start();
  run.test.settle();
  const [host] = run.kept;
  assert.equal(textOf(host!), "one\ntwo\n");
  assert.deepEqual(host!.gaps, [{ stdout: 4, stderr: 0 }]);
  const { status, exitCode, error } = host!.results[0]!;
  assert.deepEqual([status, exitCode, error!.code], ["unknown", null, "OutputGap"]);
  assert.match(error!.message, /exit code 7/);
  assert.deepEqual([run.count("Command"), run.shells], [1, 0]);
});

Deno.test("a recovered command has what is left of its deadline, and is stopped then", () => {
  const run = new DurableRun(["a"], { timeoutMs: 60_000 }, () => ({ receives: [{ kind: "hold" }] }));
  const first = run.start();
  run.test.advance(50_000);
  first.kill();
  run.test.advance(1_000);
  const began = run.test.clock.monotonic();
  run.start();
  run.test.settle();
  const { error } = run.kept[0]!.results[0]!;
  assert.equal(error!.code, "OutputGap");
  assert.match(error!.message, /deadline/);
  const signal = run.hosts.get("a")!.requests.find(({ operation }) => operation === "Signal")!;
  assert.ok(signal.at - began <= 10_000, `stopped after ${signal.at - began} ms`);
  assert.equal(run.shells, 0);
});

Deno.test("a cancelled job stops what an earlier life has sent, too", () => {
  const run = new DurableRun(["a", "b"], { throttle: 1 }, () => ({ receives: [{ kind: "hold" }] }));
  const first = run.start();
  run.test.advance(1_000);
  first.kill();
  const second = run.start();
  second.tell("cancel");
  run.test.settle();
  assert.deepEqual(second.ends, ["done"]);
  assert.deepEqual(run.statuses, ["unknown", "unreachable"]);
  assert.match(run.kept[0]!.results[0]!.error!.message, /stopped on request/);
  assert.deepEqual([run.count("Command"), run.shells], [1, 0]);
});

Deno.test("who was paused when the daemon was killed stays paused; what was sent is asked all the same", () => {
  const run = new DurableRun(["a", "b"], { throttle: 1 }, () => ({
    receives: [{ kind: "hold" }, { kind: "output", text: "x", exitCode: 0 }],
  }));
  const first = run.start();
  run.test.advance(1_000);
  first.tell("pause");
  run.test.advance(100);
  first.kill();
  const second = run.start();
  run.test.advance(600_000);
  assert.deepEqual(run.statuses, ["unknown", null]);
  second.tell("resume");
  run.test.settle();
  assert.deepEqual(run.statuses, ["unknown", "succeeded"]);
  assert.deepEqual(second.ends, ["done"]);
});

Deno.test("a host that has left the inventory, or cannot be asked, ends as unknown after a few tries", () => {
  const run = new DurableRun(["a", "b", "c"], {}, () => ({ receives: [{ kind: "hold" }] }));
  const first = run.start();
  run.test.advance(1_000);
  first.kill();
  run.gone.add("a");
  run.hosts.set("b", run.host({ refuse: true }));
  run.hosts.set("c", run.host({}));
  const second = run.start();
  run.test.settle();
  assert.deepEqual([run.statuses, second.ends], [["unknown", "unknown", "unknown"], ["done"]]);
  assert.deepEqual(run.kept.map(({ results }) => results[0]!.error!.code), Array(3).fill("DaemonRestarted"));
  // That of the first life, at the host that has left; the others stand for hosts without any.
  assert.equal(run.count("Command"), 1);
});

Deno.test("a host that cannot be reached is asked five times for its shell", () => {
  const run = new DurableRun(["a"], {}, () => ({
    receives: [{ kind: "hold" }],
    answer: (operation) => operation === "Enumerate" ? undefined : "default",
  }));
  const first = run.start();
  run.test.advance(1_000);
  first.kill();
  const second = run.start();
  run.test.settle();
  assert.deepEqual([run.count("Enumerate"), run.statuses, second.ends], [5, ["unknown"], ["done"]]);
});

Deno.test("a host that does not list its shells is asked by the ShellId of the intent", () => {
  const run = new DurableRun(["a"], {}, () => ({
    receives: [{ kind: "hold" }, { kind: "output", text: "x", exitCode: 0 }],
    answer: (operation) =>
      operation === "Enumerate" ? response(500, utf8(envelopeOf(faultBody(5, "s:Sender")))) : "default",
  }));
  const first = run.start();
  run.test.advance(1_000);
  first.kill();
  run.start();
  run.test.settle();
  assert.equal(run.kept[0]!.results[0]!.error!.code, "OutputGap");
  assert.deepEqual([run.count("Command"), run.shells], [1, 0]);
});

Deno.test("standard input that is lost is not waited for without end", () => {
  const run = new DurableRun(["a"], {}, () => ({ receives: [{ kind: "hold" }] }), utf8("input"));
  const first = run.start();
  run.test.advance(1_000);
  first.kill();
  const began = run.test.clock.monotonic();
  run.start();
  run.test.settle();
  assert.equal(run.statuses[0], "unknown");
  const signal = run.hosts.get("a")!.requests.find(({ operation }) => operation === "Signal")!;
  assert.ok(signal.at - began <= 65_000);
  assert.equal(run.hosts.get("a")!.input.length, 1);
});

Deno.test("wishes that come when every host has its result change nothing", () => {
  for (const kind of ["cancel", "pause", "resume"] as const) {
    const run = new DurableRun(["a"], {}, () => ({
      receives: [{ kind: "hold" }, { kind: "output", text: "x", exitCode: 0 }],
    }));
    run.commitMs = 1_000;
    const life = run.start();
    run.test.advance(10_000);
    life.tell("pause");
    while (run.hosts.get("a")!.shells.size > 0) run.test.advance(10);
    life.tell(kind);
    run.test.settle();
    assert.deepEqual([run.states, life.ends], [["queued", "running", "paused", "done"], ["done"]], kind);
    assert.deepEqual(run.disk.conflicts, []);
  }
});

Deno.test("a wish is answered when it is on disk: a daemon that is killed right after the answer has not forgotten it", () => {
  const receives = [{ kind: "hold" as const }];
  for (const wish of ["pause", "cancel", "resume"] as const) {
    for (const again of [false, true]) {
      const run = new DurableRun(["a", "b", "c"], { throttle: 1 }, () => ({ receives }));
      run.commitMs = 300;
      const first = run.start();
      run.test.advance(5_000);
      if (wish === "resume") {
        first.tell("pause");
        run.test.advance(1_000);
      }
      first.wish(wish);
      // One that changes nothing any more is answered no earlier.
      if (again) first.wish(wish);
      while (first.answers.length < (again ? 2 : 1)) run.test.advance(1);
      first.kill();
      const state = { pause: "paused", cancel: "cancelling", resume: "running" }[wish];
      assert.deepEqual([first.answers[0], run.states.at(-1)], [undefined, state]);
    }
  }
});

Deno.test("a wish that cannot be kept says so, holds for this life, and is kept when there is room", () => {
  const run = new DurableRun(["a", "b"], { throttle: 1 }, () => ({ receives: [{ kind: "hold" }] }));
  const life = run.start();
  run.test.advance(1_000);
  run.disk.full = true;
  life.wish("cancel");
  run.test.advance(100);
  life.wish("cancel");
  run.test.advance(100);
  assert.deepEqual(life.answers, ["StoreFull", "StoreFull"]);
  run.disk.full = false;
  run.test.settle();
  life.wish("cancel");
  run.test.settle();
  assert.deepEqual(run.statuses, ["cancelled", "unreachable"]);
  assert.deepEqual(run.states, ["queued", "running", "cancelling", "done"]);
});

Deno.test("a crash of the job's own actor gives each host a result that is true, and stops what runs", () => {
  const run = new DurableRun(["a", "b", "c"], { throttle: 2 }, () => ({ receives: [{ kind: "hold" }] }));
  const life = run.start();
  run.test.advance(1_000);
  assert.equal(run.count("Command"), 2);
  const { store } = life;
  const append = store.append.bind(store);
  store.append = () => {
    store.append = append;
    throw new Error("planted");
  };
  life.tell("pause");
  run.test.settle();
  assert.equal(life.crashes.length, 1);
  assert.deepEqual(run.statuses, ["unknown", "unknown", "unreachable"]);
  assert.deepEqual(run.kept.map(({ results }) => results[0]!.error!.code), Array(3).fill("Crashed"));
  assert.deepEqual([run.states.at(-1), run.shells, run.count("Command")], ["done", 0, 2]);
  assert.deepEqual([life.ends, run.disk.conflicts], [["left"], []]);
});
