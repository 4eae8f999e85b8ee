/** Ten thousand posts, five hundred of them at any time. */
import assert from "node:assert/strict";
import { world } from "./world.ts";

Deno.test("ten thousand posts, five hundred at once: each is taken or refused with 429, none is lost, none is there twice", async () => {
  await using w = await world({ hosts: 1, limits: { requestsPerSecond: 40, requests: 20 } });
  const askers = 500;
  const all: { readonly status: number; readonly body: string }[] = [];
  await Promise.all(Array.from({ length: askers }, async (_, i) => {
    for (let k = 0; k < 20; k++) {
      const headers = { "Idempotency-Key": `${i}-${k}` };
      const answer = await w.ask("POST", "/v1/jobs", { body: { command: "true" }, headers });
      all.push({ status: answer.status, body: await answer.text() });
    }
  }));
  assert.equal(all.length, askers * 20);
  const taken = all.filter(({ status }) => status === 202).map(({ body }) => JSON.parse(body).id as string);
  const refused = all.filter(({ status }) => status === 429).map(({ body }) => JSON.parse(body).code);
  assert.equal(
    taken.length + refused.length,
    all.length,
    JSON.stringify(all.find(({ status }) => status !== 202 && status !== 429)),
  );
  assert.ok(taken.length > 0 && refused.length > 0);
  assert.deepEqual([...new Set(refused)].filter((code) => !/^(Rate|Concurrency)Exceeded$/.test(code)), []);
  const kept: string[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = w.store.read.jobs.list({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    kept.push(...page.items.map(({ id }) => id));
    if (page.next === null) break;
    cursor = page.next;
  }
  assert.deepEqual(kept.toSorted(), taken.toSorted());
  for (const id of taken) w.daemon.parts.runner.cancel(id);
  assert.deepEqual(w.errors, []);
});
