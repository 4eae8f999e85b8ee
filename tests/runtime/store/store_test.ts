/** What is written is what is read: jobs, hosts, events, output, and what contradicts itself is refused. @module */
import assert from "node:assert/strict";
import { StoreError } from "../../../actors/daemon/job_store.ts";
import { openStore } from "../../../runtime/store/mod.ts";
import { allEvents, intent, newJob, output, state, succeeded, withFolder, withStore } from "./fixture.ts";

const conflict = (error: unknown) => error instanceof StoreError && error.code === "StoreConflict";

Deno.test("a job's life, as it is read back", () =>
  withStore(async (store) => {
    const created = await store.write.jobs.create(
      newJob("j1", 2, { stdin: new Uint8Array([1, 2]), retryOf: "j0" }),
    );
    assert.equal(created.kind, "created");
    await store.record([
      state("j1", "running"),
      { kind: "progress", job: "j1", index: 1, at: 1300, phase: "connecting" },
      intent("j1", 1),
      output("j1", 1, "one "),
      output("j1", 1, "two"),
      output("j1", 1, "bad", "stderr"),
      output("j1", 1, "three"),
      { kind: "gap", job: "j1", index: 1, at: 2500, stream: "stdout", reason: "restarted" },
      succeeded("j1", 1),
    ]);
    const job = store.read.jobs.get("j1")!;
    assert.deepEqual(job, {
      id: "j1",
      state: "running",
      request: { command: "hostname", hosts: "all", stdinBytes: 2 },
      hosts: 2,
      counts: { succeeded: 1, failed: 0, unreachable: 0, denied: 0, timedOut: 0, cancelled: 0, unknown: 0 },
      createdAt: 1000,
      startedAt: 1200,
      endedAt: null,
      createdBy: "ci",
      retryOf: "j0",
      scheduledBy: null,
    });
    assert.deepEqual(store.read.jobs.stdin("j1"), new Uint8Array([1, 2]));
    assert.deepEqual(store.read.jobHosts.get("j1", 1), {
      index: 1,
      host: "h1",
      state: "done",
      status: "succeeded",
      exitCode: 0,
      durationMs: 12.5,
      error: null,
      stdoutBytes: 12,
      stderrBytes: 3,
      startedAt: 1300,
      endedAt: 3000,
    });
    const events = allEvents(store, { job: "j1" });
    assert.deepEqual(events.map(({ seq, type }) => [seq, type]), [
      [1, "job"],
      [2, "progress"],
      [3, "output"],
      [4, "output"],
      [5, "output"],
      [6, "gap"],
      [7, "result"],
    ]);
    const outputs = events.flatMap((event) =>
      event.type === "output"
        ? [[event.stream, event.offset, new TextDecoder().decode(event.data), event.host]]
        : []
    );
    assert.deepEqual(outputs, [
      ["stdout", 0, "one two", "h1"], // Pieces that follow each other are one event.
      ["stderr", 0, "bad", "h1"],
      ["stdout", 7, "three", "h1"],
    ]);
    const first = events[0]!;
    assert.ok(
      first.type === "job" && first.document.state === "running" && first.document.startedAt === 1200,
    );
    assert.equal(store.head, 7);
  }));

Deno.test("no second intent, no second result, nothing after a result, no end before all results", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("j", 2));
    await store.record([intent("j", 0)]);
    await assert.rejects(store.record([intent("j", 0), output("j", 0, "kept")]), conflict);
    await store.record([succeeded("j", 0)]);
    await assert.rejects(store.record([succeeded("j", 0)]), conflict);
    await assert.rejects(store.record([output("j", 0, "late")]), conflict);
    await assert.rejects(store.record([state("j", "done")]), conflict);
    await assert.rejects(store.record([output("other", 0, "x")]), conflict);
    await assert.rejects(store.record([output("j", 2, "x")]), conflict);
    await store.record([succeeded("j", 1), state("j", "done", 4000)]);
    await assert.rejects(store.record([state("j", "running")]), conflict);
    assert.equal(store.read.jobs.get("j")!.endedAt, 4000);
    // What did not contradict was kept, and nothing that was refused took a seq.
    assert.deepEqual(allEvents(store).map(({ seq, type }) => [seq, type]), [
      [1, "output"],
      [2, "result"],
      [3, "result"],
      [4, "job"],
    ]);
  }));

Deno.test("output is read by ranges, over events, streams and hosts in between", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("j", 2));
    const whole = crypto.getRandomValues(new Uint8Array(60_000));
    const pending: Promise<void>[] = [];
    for (let at = 0; at < whole.length;) {
      const length = Math.min(1 + at % 700, whole.length - at);
      pending.push(store.record([output("j", 0, whole.slice(at, at + length)), output("j", 1, "noise")]));
      pending.push(store.record([output("j", 0, "!", "stderr")]));
      at += length;
    }
    await Promise.all(pending);
    const big = crypto.getRandomValues(new Uint8Array(40_000));
    const huge = new Uint8Array([...whole, ...big, ...big, ...big, ...big]);
    await store.record([1, 2, 3, 4].map(() => output("j", 0, big.slice())));
    for (let from = 0; from <= huge.length; from += 7919) {
      for (const length of [1, 100, 70_000]) {
        const range = store.read.output.range("j", 0, "stdout", from, length)!;
        assert.equal(range.total, huge.length);
        assert.deepEqual(range.data, huge.slice(from, from + length));
      }
    }
    assert.deepEqual(store.read.output.range("j", 0, "stdout", 1e9, 5), {
      data: new Uint8Array(0),
      offset: huge.length,
      total: huge.length,
    });
    assert.equal(store.read.output.range("j", 9, "stdout", 0, 1), undefined);
    assert.equal(store.read.output.range("x", 0, "stdout", 0, 1), undefined);
    assert.ok(allEvents(store).every((event) => event.type !== "output" || event.data.length <= 65_536));
  }));

Deno.test("what a restart has to decide about: hosts without and with intent", () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const first = await openStore({ path });
    await first.write.jobs.create(newJob("a", 3, { stdin: new Uint8Array([7]) }));
    await first.write.jobs.create(newJob("b", 1));
    await first.record([
      state("a", "running"),
      intent("a", 1),
      output("a", 1, "part"),
      intent("a", 2),
      succeeded("a", 2),
      succeeded("b", 0),
      state("b", "done"),
    ]);
    await first.close();
    await assert.rejects(first.record([output("a", 1, "x")]), { code: "StoreClosed" });
    assert.throws(() => first.read.jobs.get("a"), { code: "StoreClosed" });

    const second = await openStore({ path });
    try {
      const [job, ...others] = second.read.jobs.unfinished();
      assert.equal(others.length, 0);
      assert.equal(job!.job.id, "a");
      assert.deepEqual(job!.stdin, new Uint8Array([7]));
      assert.deepEqual(job!.hosts, [
        { index: 0, host: "h0", intent: null, stdoutBytes: 0, stderrBytes: 0, startedAt: null },
        {
          index: 1,
          host: "h1",
          intent: { shellName: "drover-x-1", shellId: null, commandId: "c1", at: 1500 },
          stdoutBytes: 4,
          stderrBytes: 0,
          startedAt: null,
        },
      ]);
      // Seqs and offsets go on where they were.
      await second.record([output("a", 1, "more")]);
      const last = allEvents(second, { types: ["output"] }).at(-1)!;
      assert.ok(last.type === "output" && last.offset === 4 && last.seq === 6);
      assert.equal(new TextDecoder().decode(second.read.output.range("a", 1, "stdout", 2, 4)!.data), "rtmo");
    } finally {
      await second.close();
    }
  }));

Deno.test("an Idempotency-Key makes one job, until it expires", () =>
  withStore(async (store) => {
    const key = { key: "k", token: "t", digest: "d", expiresAt: 5000 };
    const create = (id: string, more: Partial<typeof key> = {}, createdAt = 1000) =>
      store.write.jobs.create(newJob(id, 1, { idempotency: { ...key, ...more }, createdAt }));
    const all = await Promise.all([
      create("a"),
      create("b"),
      create("c", { digest: "e" }),
      create("d", { token: "u" }),
    ]);
    assert.deepEqual(all.map(({ kind }) => kind), ["created", "repeated", "keyReused", "created"]);
    assert.deepEqual(all[1], { kind: "repeated", job: "a" });
    assert.deepEqual(await store.write.jobs.create(newJob("a", 1)), { kind: "exists" });
    assert.deepEqual(store.read.idempotency.find("t", "k", 5000), { job: "a", digest: "d" });
    assert.equal(store.read.idempotency.find("t", "k", 5001), undefined);
    assert.equal((await create("e", {}, 6000)).kind, "created");
    assert.equal(store.read.jobs.list({}).items.length, 3);
  }));

Deno.test("values with versions change only from what is expected, and no version comes twice", () =>
  withStore(async (store) => {
    const { settings } = store.write;
    assert.deepEqual(await settings.put("a", 1, 10, "absent"), { kind: "stored", version: 1 });
    assert.deepEqual(await settings.put("a", 2, 10, "absent"), { kind: "conflict", version: 1 });
    assert.deepEqual(await settings.put("a", 2, 11, 1), { kind: "stored", version: 2 });
    assert.deepEqual(await settings.remove("a", 1), { kind: "conflict", version: 2 });
    assert.deepEqual(store.read.settings.get("a"), { key: "a", version: 2, updatedAt: 11, value: 2 });
    assert.deepEqual(await settings.remove("a", 2), { kind: "removed" });
    assert.equal(store.read.settings.get("a"), undefined);
    assert.deepEqual(await settings.put("a", 3, 12, 2), { kind: "conflict", version: null });
    const again = await settings.put("a", { x: [1] }, 12, "any");
    assert.ok(again.kind === "stored" && again.version > 2);
    await settings.put("b", null, 13, "any");
    const page = store.read.settings.list({ limit: 1 });
    assert.deepEqual([page.items[0]!.value, page.next], [{ x: [1] }, "a"]);
    assert.deepEqual(store.read.settings.list({ cursor: page.next! }).items.map(({ key }) => key), ["b"]);
  }));

Deno.test("tokens and audit records", () =>
  withStore(async (store) => {
    const token = {
      id: "t1",
      name: "ci",
      hash: new Uint8Array(32).fill(7),
      scopes: ["run"],
      hosts: ["web*"],
      createdAt: 1,
      createdBy: "admin",
      expiresAt: null,
    };
    assert.equal(await store.write.tokens.create(token), true);
    assert.equal(await store.write.tokens.create({ ...token, id: "t2" }), false);
    assert.deepEqual(store.read.tokens.byHash(token.hash), token);
    assert.equal(store.read.tokens.byHash(new Uint8Array(32)), undefined);
    assert.equal(await store.write.tokens.remove("t1"), true);
    assert.equal(await store.write.tokens.remove("t1"), false);

    const record = { who: "ci", from: null, target: "j", outcome: "ok", detail: { n: 1 } };
    for (let at = 0; at < 5; at++) {
      await store.write.audit.add({ ...record, at, action: at % 2 === 0 ? "job.create" : "job.cancel" });
    }
    const first = store.read.audit.page({ action: "job.create", limit: 2 });
    assert.deepEqual(first.items.map(({ at }) => at), [4, 2]);
    const second = store.read.audit.page({ action: "job.create", limit: 2, cursor: first.next! });
    assert.deepEqual(second.items.map(({ at }) => at), [0]);
    assert.equal(second.next, null);
    assert.deepEqual((await store.retain({ now: 9, auditBefore: 3 })).audit, 3);
    assert.deepEqual(store.read.audit.page().items.map(({ at }) => at), [4, 3]);
  }));

Deno.test("a token cannot take the name of an earlier one that still has jobs or schedules", () =>
  withStore(async (store) => {
    const token = (name: string) => ({
      id: name,
      name,
      hash: new TextEncoder().encode(name),
      scopes: ["run"],
      hosts: ["web*"],
      createdAt: 1,
      createdBy: "admin",
      expiresAt: null,
    });
    await store.write.jobs.create(newJob("j", 1, { createdBy: "jobs" }));
    await store.write.schedules.put(
      "s",
      {
        cron: "0 0 * * *",
        timeZone: "UTC",
        missed: "skip",
        overlap: "skip",
        enabled: true,
        request: { command: "true", hosts: "all" },
        owner: { token: "t", name: "schedules", hosts: ["all"] },
      },
      undefined,
      1,
      "absent",
    );
    const made = await Promise.all(
      ["jobs", "schedules", "free"].map((n) => store.write.tokens.create(token(n))),
    );
    assert.deepEqual(made, [false, false, true]);
    await store.write.schedules.remove("s", "any");
    assert.equal(await store.write.tokens.create(token("schedules")), true);
  }));

Deno.test("a listener hears of every head, and can read what it hears of", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("j", 1));
    let seen = 0;
    const heads: number[] = [];
    const stop = store.subscribe((head) => {
      heads.push(head);
      for (const event of allEvents(store).slice(seen)) assert.equal(event.seq, ++seen);
      assert.ok(seen >= head);
    });
    for (let i = 0; i < 20; i++) await store.record([output("j", 0, `${i}`)]);
    assert.deepEqual(heads, Array.from({ length: 20 }, (_, i) => i + 1));
    stop();
    await store.record([output("j", 0, "x")]);
    assert.equal(heads.length, 20);
  }));
