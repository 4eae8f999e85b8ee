/** Pages of whatever is there are, put together, exactly what a plain model says. @module */
import assert from "node:assert/strict";
import fc from "fast-check";
import { jobStates, type StoredEventType } from "../../../actors/daemon/job_types.ts";
import { findLink, OutputChain } from "../../../runtime/store/output_chain.ts";
import { BatchBuilder, rowKind, rowLength } from "../../../runtime/store/batch.ts";
import type { JobQuery } from "../../../runtime/store/mod.ts";
import { allEvents, newJob, output, state, succeeded, withStore } from "./fixture.ts";

Deno.test("property: any earlier event of a chain is found, in few steps, also when the chain was taken up again", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3000 }), fc.nat(), (count, cut) => {
    const links = new Map<number, { offset: number; prev: number; jump: number }>();
    let chain = new OutputChain(0, 0, () => 0);
    for (let i = 1; i <= count; i++) {
      if (i - 1 === cut % count) chain = new OutputChain(i - 1, (i - 1) * 3, (seq) => links.get(seq)!.jump);
      links.set(i * 3, { offset: (i - 1) * 10, ...chain.add(i * 3) });
    }
    for (const place of [1, 2, Math.ceil(count / 2), count - 1, count]) {
      if (place < 1 || place > count) continue;
      let steps = 0;
      const found = findLink(count * 3, place * 10 - 1, (seq) => {
        steps++;
        return links.get(seq)!;
      });
      assert.equal(found, place * 3);
      assert.ok(steps <= 6 * Math.log2(count + 2) + 2, `${steps} steps among ${count}`);
    }
  }));
});

Deno.test("property: output in a batch stays in order within each host, and whole", () => {
  const piece = fc.record({
    index: fc.nat(2),
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    length: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 60_000, max: 140_000 })),
    mark: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const builder = new BatchBuilder<number>();
      const expected: string[] = [];
      const write = (index: number, text: string) => {
        if (text !== "") expected[index] = (expected[index] ?? "") + text;
      };
      for (const [n, { index, stream, length, mark }] of pieces.entries()) {
        builder.add(output("j", index, new Uint8Array(length).fill(n), stream), n);
        write(index, `${stream} ${n};`.repeat(length));
        if (mark) {
          builder.add(succeeded("j", index), n);
          write(index, "mark;");
        }
      }
      const { rows, bytes, jobs } = builder.build();
      const seen: string[] = [];
      let at = 0;
      for (let i = 0; i < rows.length; i += rowLength) {
        const owners = builder.owners[i / rowLength]!;
        if (rows[i] === rowKind.record) {
          const { index } = pieces[owners[0]!]!;
          seen[index] = (seen[index] ?? "") + "mark;";
          continue;
        }
        const index = rows[i + 1]!;
        const data = bytes.subarray(at, at += rows[i + 4]!);
        assert.ok(data.length > 0 && data.length <= 65_536);
        assert.deepEqual([...new Set(data)], owners);
        assert.equal(jobs[rows[i + 2]! >> 1], "j");
        const stream = rows[i + 2]! % 2 === 0 ? "stdout" : "stderr";
        seen[index] = (seen[index] ?? "") + Array.from(data, (n) => `${stream} ${n};`).join("");
      }
      assert.equal(at, bytes.length);
      assert.deepEqual([...seen.entries()], [...expected.entries()]);
    }),
    { numRuns: 30 },
  );
});

Deno.test("property: jobs page by page in every order and under every filter", () =>
  withStore(async (store) => {
    const all: { id: string; createdAt: number; endedAt: number | null; createdBy: string; state: string }[] =
      [];
    for (let i = 0; i < 60; i++) {
      const job = newJob(`job${i}`, 0, { createdAt: 100 + i * 7 % 9, createdBy: i % 3 === 0 ? "a" : "b" });
      await store.write.jobs.create(job);
      const to = jobStates[i % jobStates.length]!;
      const endedAt = to === "done" ? 500 + i % 4 : null;
      if (to !== "queued") await store.record([state(job.id, to, endedAt ?? 300)]);
      all.push({ id: job.id, createdAt: job.createdAt, endedAt, createdBy: job.createdBy, state: to });
    }
    const queries = fc.record({
      sort: fc.constantFrom("createdAt", "-createdAt", "endedAt", "-endedAt"),
      limit: fc.integer({ min: 1, max: 70 }),
      states: fc.subarray([...jobStates]),
      createdBy: fc.constantFrom("a", "b", "nobody"),
      createdFrom: fc.integer({ min: 98, max: 110 }),
      createdBefore: fc.integer({ min: 98, max: 110 }),
    }, { requiredKeys: ["sort", "limit"] });
    fc.assert(fc.property(queries, (query) => {
      const key = query.sort.replace("-", "") as "createdAt" | "endedAt";
      const sign = query.sort.startsWith("-") ? -1 : 1;
      const expected = all.map((job, nr) => ({ ...job, nr })).filter((job) =>
        job[key] !== null && (query.states === undefined || (query.states as string[]).includes(job.state)) &&
        (query.createdBy === undefined || job.createdBy === query.createdBy) &&
        (query.createdFrom === undefined || job.createdAt >= query.createdFrom) &&
        (query.createdBefore === undefined || job.createdAt < query.createdBefore)
      ).sort((a, b) => sign * (a[key]! - b[key]! || a.nr - b.nr)).map(({ id }) => id);
      const found: string[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = store.read.jobs.list(
          { ...query, ...(cursor === undefined ? {} : { cursor }) } as JobQuery,
        );
        assert.ok(page.items.length <= query.limit);
        found.push(...page.items.map(({ id }) => id));
        cursor = page.next;
      }
      assert.deepEqual(found, expected);
    }));
    for (const cursor of ["", "x", "W10", "WzEsMl0x", "%", "WyJhIiwxXQ"]) {
      assert.throws(() => store.read.jobs.list({ cursor }), { code: "CursorInvalid" }, cursor);
    }
  }));

Deno.test("property: events page by page under every filter, from every place", () =>
  withStore(async (store) => {
    for (const id of ["a", "b"]) await store.write.jobs.create(newJob(id, 3));
    for (let i = 0; i < 150; i++) {
      const job = i % 3 === 0 ? "a" : "b";
      await store.record([
        i % 5 === 0
          ? { kind: "progress", job, index: i % 2, at: i, phase: "connecting" }
          : i % 11 === 0
          ? state(job, "running", i)
          : output(job, i % 3, "x".repeat(i), i % 2 === 0 ? "stdout" : "stderr"),
      ]);
    }
    const all = allEvents(store);
    assert.equal(all.length, 150);
    const queries = fc.record({
      job: fc.constantFrom("a", "b", "unknown"),
      hosts: fc.subarray(["h0", "h1", "h2", "other"]),
      types: fc.subarray<StoredEventType>(["job", "progress", "output", "gap", "result"]),
      limit: fc.integer({ min: 1, max: 60 }),
      maxBytes: fc.integer({ min: 1, max: 5000 }),
      from: fc.nat(151),
    }, { requiredKeys: ["from"] });
    fc.assert(fc.property(queries, ({ from, ...query }) => {
      const expected = all.filter((event) =>
        event.seq > from && (query.job === undefined || event.job === query.job) &&
        (query.types === undefined || query.types.includes(event.type)) &&
        (query.hosts === undefined || ("host" in event && query.hosts.includes(event.host)))
      );
      const found: typeof all = [];
      for (let after = from, more = true; more;) {
        const page = store.read.events.page({ ...query, after });
        assert.ok(page.events.length <= (query.limit ?? 500));
        assert.ok(page.next > after || !page.more);
        found.push(...page.events);
        after = page.next;
        more = page.more;
      }
      assert.deepEqual(found, expected);
    }));
  }));

Deno.test("property: hosts of a job page by page", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("j", 40));
    await store.write.jobs.create(newJob("k", 3));
    await store.record(Array.from({ length: 20 }, (_, i) => succeeded("j", i * 2)));
    fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.boolean(), (limit, done) => {
      const found: number[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = store.read.jobHosts.list("j", {
          limit,
          ...(done ? { statuses: ["succeeded"] } : { states: ["waiting"] }),
          ...(cursor === undefined ? {} : { cursor }),
        });
        found.push(...page.items.map(({ index }) => index));
        cursor = page.next;
      }
      assert.deepEqual(found, Array.from({ length: 20 }, (_, i) => i * 2 + (done ? 0 : 1)));
    }));
    const history = store.read.jobHosts.history("h1", { limit: 1 });
    assert.deepEqual([history.items[0]!.job, history.items[0]!.index], ["k", 1]);
    assert.deepEqual(
      store.read.jobHosts.history("h1", { cursor: history.next! }).items.map(({ job }) => job),
      ["j"],
    );
  }));

Deno.test("the last result of a host is that of its latest run that has one, of one's own jobs where that is asked", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("a", 2, { createdBy: "ci" }));
    await store.write.jobs.create(newJob("b", 1, { createdBy: "ops" }));
    await store.write.jobs.create(newJob("c", 1, { createdBy: "ops" }));
    await store.record([succeeded("a", 0), succeeded("b", 0)]);
    const { latest } = store.read.jobHosts;
    assert.deepEqual([latest("h0")?.job, latest("h0", "ci")?.job, latest("h0", "x")], ["b", "a", undefined]);
    assert.equal(latest("h1"), undefined);
    await store.record([succeeded("c", 0)]);
    assert.equal(latest("h0")?.job, "c");
  }));
