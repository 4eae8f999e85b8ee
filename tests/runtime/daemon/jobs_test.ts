/** Jobs over the API: real sockets, a real store, real services. */
import assert from "node:assert/strict";
import { problemCode, readEvents, world } from "./world.ts";

Deno.test("a job is taken, runs on every host, and its results, output and events are there", async () => {
  await using w = await world();
  const taken = await w.ask("POST", "/v1/jobs", { body: { command: "echo out; echo err >&2; exit 3" } });
  assert.equal(taken.status, 202);
  const job = await taken.json();
  assert.equal(taken.headers.get("Location"), `/v1/jobs/${job.id}`);
  assert.deepEqual([job.state, job.hosts, job.createdBy], ["queued", 2, "first"]);

  const events = await w.events(job.id);
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => events[0]!.seq + index));
  assert.deepEqual(events.at(-1)!["type"], "job");
  const done = await (await w.ask("GET", `/v1/jobs/${job.id}`)).json();
  assert.deepEqual(events.at(-1)!["document"], done);
  assert.deepEqual([done.state, done.counts.failed, done.counts.succeeded], ["done", 2, 0]);

  const { items } = await (await w.ask("GET", `/v1/jobs/${job.id}/hosts?status=failed`)).json();
  assert.deepEqual(items.map((item: { host: string }) => item.host), w.hosts);
  assert.deepEqual([items[0].exitCode, items[0].stdoutBytes, items[0].stderrBytes], [3, 4, 4]);
  assert.deepEqual(
    (await (await w.ask("GET", `/v1/jobs/${job.id}/hosts?status=succeeded`)).json()).items,
    [],
  );
  const output = await w.ask("GET", `/v1/jobs/${job.id}/hosts/${w.hosts[0]}/output/stderr`);
  assert.equal(await output.text(), "err\n");
  assert.deepEqual(w.errors, []);
});

Deno.test("standard input, arguments and the shell's environment arrive", async () => {
  await using w = await world({ hosts: 1 });
  const id = await w.submit({
    command: ["sh", "-c", 'cat; printf "%s|%s" "$1" "$MODE"', "x", "a b"],
    stdin: btoa("input "),
    shell: { env: { MODE: "test" } },
  });
  await w.events(id);
  const output = await w.ask("GET", `/v1/jobs/${id}/hosts/${w.hosts[0]}/output/stdout`);
  assert.equal(await output.text(), "input a b|test");
});

Deno.test("ranges of output: parts, the end, nothing there", async () => {
  await using w = await world({ hosts: 1 });
  const id = await w.submit({ command: "printf 0123456789" });
  await w.events(id);
  const path = `/v1/jobs/${id}/hosts/${w.hosts[0]}/output/stdout`;
  const get = (range: string) => w.ask("GET", path, { headers: { Range: range } });
  for (
    const [range, status, text, content] of [
      ["bytes=2-4", 206, "234", "bytes 2-4/10"],
      ["bytes=8-", 206, "89", "bytes 8-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=5-999", 206, "56789", "bytes 5-9/10"],
      ["bytes=4-2", 200, "0123456789", null],
      ["lines=1-2", 200, "0123456789", null],
      ["bytes=0-1,4-5", 200, "0123456789", null],
    ] as const
  ) {
    const answer = await get(range);
    assert.deepEqual([answer.status, await answer.text(), answer.headers.get("Content-Range")], [
      status,
      text,
      content,
    ], range);
  }
  for (const range of ["bytes=10-", "bytes=-0"]) {
    const answer = await get(range);
    assert.equal(answer.headers.get("Content-Range"), "bytes */10");
    assert.equal(await problemCode(answer, 416), "RangeUnsatisfiable");
  }
  const head = await w.ask("HEAD", path);
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

Deno.test("the same Idempotency-Key finds the same job, and another body is refused", async () => {
  await using w = await world({ hosts: 1 });
  const post = (body: unknown, key: string) =>
    w.ask("POST", "/v1/jobs", { body, headers: { "Idempotency-Key": key } });
  const many = await Promise.all(
    Array.from({ length: 20 }, () => post({ command: "true" }, "k").then((answer) => answer.json())),
  );
  assert.equal(new Set(many.map(({ id }) => id)).size, 1);
  assert.equal(await problemCode(await post({ command: "false" }, "k"), 409), "IdempotencyKeyReused");
  assert.notEqual((await (await post({ command: "true" }, "other")).json()).id, many[0].id);
  const { items } = await (await w.ask("GET", "/v1/jobs")).json();
  assert.equal(items.length, 2);
  for (const { id } of items) await w.events(id);
});

Deno.test("an Idempotency-Key is forgotten after 24 hours, and not before", async () => {
  await using w = await world({ hosts: 1 });
  const now = Date.now;
  const minute = 60_000;
  try {
    const ids: string[] = [];
    for (const ms of [0, 24 * 60 * minute - minute, 24 * 60 * minute + minute]) {
      Date.now = () => now() + ms;
      const headers = { "Idempotency-Key": "k" };
      ids.push((await (await w.ask("POST", "/v1/jobs", { body: { command: "true" }, headers })).json()).id);
    }
    assert.equal(ids[1], ids[0]);
    assert.notEqual(ids[2], ids[0]);
    for (const id of new Set(ids)) await w.events(id);
  } finally {
    Date.now = now;
  }
});

Deno.test("pages of jobs, both ways, have each job once while others come", async () => {
  await using w = await world({ hosts: 1 });
  const ids: string[] = [];
  for (let index = 0; index < 7; index++) ids.push(await w.submit({ command: "true" }));
  for (const order of ["newest", "oldest"]) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/v1/jobs?limit=2&order=${order}${
        cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`
      }`;
      const page = await (await w.ask("GET", path)).json();
      assert.ok(page.items.length <= 2);
      seen.push(...page.items.map(({ id }: { id: string }) => id));
      cursor = page.next;
      if (order === "newest" && seen.length === 2) ids.push(await w.submit({ command: "true" }));
    } while (cursor !== null);
    const expected = order === "newest" ? ids.slice(0, 7).reverse() : ids;
    assert.deepEqual(seen, expected);
  }
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs?cursor=x"), 422), "CursorInvalid");
  for (const id of ids) await w.events(id);
  const all = (query: string) =>
    w.ask("GET", `/v1/jobs?${query}`).then((answer) => answer.json()).then(({ items }) => items.length);
  assert.equal(await all("state=done"), 8);
  assert.equal(await all("state=running"), 0);
  assert.equal(await all(`host=${w.hosts[0]}`), 8);
  assert.equal(await all("host=nobody"), 0);
  assert.equal(await all("createdBy=first"), 8);
  assert.equal(await all("createdBy=other"), 0);
  assert.equal(await all("until=2020-01-01T00:00:00Z"), 0);
  assert.equal(await all("since=2020-01-01T00:00:00Z"), 8);
});

Deno.test("a reader of events that comes back with Last-Event-ID sees each event once", async () => {
  await using w = await world();
  const id = await w.submit({ command: "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.03; done" });
  const seen: number[] = [];
  const types: string[] = [];
  for (let connection = 0; types.at(-1) !== "end"; connection++) {
    const cut = new AbortController();
    const last = seen.at(-1);
    const answer = await w.ask("GET", `/v1/jobs/${id}/events`, {
      signal: cut.signal,
      headers: last === undefined ? {} : { "Last-Event-ID": String(last) },
    });
    let text = "";
    let over = true;
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
      // The connection breaks after a few events, every time.
      if (readEvents(text.slice(0, text.lastIndexOf("\n\n") + 2)).length >= 3) {
        over = false;
        break;
      }
    }
    const events = readEvents(text.slice(0, text.lastIndexOf("\n\n") + 2));
    seen.push(...events.map(({ seq }) => seq));
    if (over) types.push("end");
    else {
      cut.abort();
      await reader.cancel().catch(() => {});
    }
  }
  const whole = await w.events(id);
  assert.deepEqual(seen, whole.map(({ seq }) => seq));
  assert.deepEqual((await w.events(id)).length, whole.length, "events of a job that is done end, too");
  assert.deepEqual(await w.events(id, { headers: { "Last-Event-ID": String(seen.at(-1)) } }), []);
});

Deno.test("a stream says that it lives, and a job that is cancelled ends with a result for each host", async () => {
  await using w = await world({ heartbeatMs: 20 });
  const id = await w.submit({ command: "sleep 60" });
  const answer = await w.ask("GET", `/v1/jobs/${id}/events`);
  let text = "";
  let cancelled = false;
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!cancelled && text.includes(": alive")) {
      cancelled = true;
      assert.equal((await w.ask("POST", `/v1/jobs/${id}/cancel`)).status, 202);
    }
  }
  assert.ok(cancelled);
  const results = readEvents(text).filter(({ type }) => type === "result");
  assert.equal(results.length, 2);
  const job = await (await w.ask("GET", `/v1/jobs/${id}`)).json();
  assert.equal(job.state, "done");
  assert.equal(job.counts.cancelled + job.counts.unreachable, 2);
});

Deno.test("a pause, a resume and a cancel are answered when they are on disk", async () => {
  await using w = await world();
  const id = await w.submit({ command: "sleep 60" });
  for (const [change, state] of [["pause", "paused"], ["resume", "running"], ["cancel", "cancelling"]]) {
    const answer = await w.ask("POST", `/v1/jobs/${id}/${change}`);
    assert.deepEqual([answer.status, (await answer.json()).state], [202, state]);
  }
  await w.events(id);
});

Deno.test("a retry runs chosen hosts as a new job", async () => {
  await using w = await world();
  const id = await w.submit({ command: "exit 1" });
  await w.events(id);
  const retry = (body: unknown) => w.ask("POST", `/v1/jobs/${id}/retry`, { body });
  const named = await (await retry({ hosts: [w.hosts[1]] })).json();
  assert.deepEqual([named.hosts, named.retryOf], [1, id]);
  const failed = await (await w.ask("POST", `/v1/jobs/${id}/retry`)).json();
  assert.equal(failed.hosts, 2);
  assert.equal(await problemCode(await retry({ statuses: ["unknown"] }), 422), "NothingToRetry");
  assert.equal(await problemCode(await retry({ hosts: ["nobody"] }), 422), "HostUnknown");
  await w.events(named.id);
  await w.events(failed.id);
  const running = await w.submit({ command: "sleep 60" });
  const early = await w.ask("POST", `/v1/jobs/${running}/retry`);
  assert.equal(await problemCode(early, 409), "JobNotDone");
  await w.ask("POST", `/v1/jobs/${running}/cancel`);
  await w.events(running);
});
