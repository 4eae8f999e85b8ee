/** A job on 100 real hosts, whose daemon is killed with -9 three times in the middle and started again. */
import assert from "node:assert/strict";
import { openStore } from "../../../runtime/store/mod.ts";
import { processWith, until } from "../cli/drover.ts";
import { child, lines } from "./children.ts";
import { jobId } from "./runner_child.ts";

const hosts = 100;

/** Hosts with a result when a life is killed. */
const kills = [8, 35, 65];

Deno.test("a daemon is killed three times in mid-job: each host has one true result, no command ran twice, no shell is left", async () => {
  const folder = await Deno.makeTempDir();
  const services = child("./hosts_child.ts", [String(hosts)]);
  const ask = services.stdin.getWriter();
  try {
    const output = lines(services);
    const ports = (await output.next()).value as string;
    const counts = `${folder}/counts`;
    await Deno.mkdir(counts);
    const command =
      `echo run >> ${counts}/$HOST_NUMBER; echo one; sleep 0.4; echo two; sleep 0.4; echo three`;
    const path = `${folder}/store/drover.db`;
    let killed = 0;
    for (const threshold of [...kills, Infinity]) {
      const daemon = child("./runner_child.ts", [path, ports, command]);
      for await (const line of lines(daemon)) {
        if (Number(line) < threshold) continue;
        daemon.kill("SIGKILL");
        killed++;
        break;
      }
      const { code } = await daemon.status;
      assert.equal(code, threshold === Infinity ? 0 : 137);
    }
    assert.equal(killed, 3);
    const store = await openStore({ path });
    try {
      const job = store.read.jobs.get(jobId)!;
      assert.equal(job.state, "done");
      const results = store.read.jobHosts.list(jobId, { limit: 1_000 }).items;
      const seen = new Map<string, number>();
      for (const { index, status, exitCode, error } of results) {
        const kept = store.read.output.range(jobId, index, "stdout", 0, 1_000)!;
        const text = new TextDecoder().decode(kept.data);
        const runs = (await Deno.readTextFile(`${counts}/${index}`).catch(() => "")).split("\n").length - 1;
        assert.ok(runs <= 1, `host ${index}: ran ${runs} times`);
        if (status === "succeeded") {
          assert.deepEqual([exitCode, runs, text], [0, 1, "one\ntwo\nthree\n"], `host ${index}`);
        } else {
          assert.equal(status, "unknown", `host ${index}: ${status} ${error?.code}`);
          assert.ok(error!.code === "OutputGap" || error!.code === "DaemonRestarted", error!.code);
          if (error!.code === "OutputGap") assert.equal(runs, 1);
          // Each piece of output is a part of what was written, in order; parts may be missing.
          assert.match(text, /^(one\n)?(two\n)?(three\n)?$/);
        }
        const what = error?.code ?? status!;
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
      assert.equal(results.length, hosts);
      // Those of the first life at least.
      assert.ok(seen.get("succeeded")! >= kills[0]!, JSON.stringify([...seen]));
      assert.ok(
        (seen.get("OutputGap") ?? 0) + (seen.get("DaemonRestarted") ?? 0) > 0,
        "no kill hit anything",
      );
      const events: number[] = [];
      const ended: number[] = [];
      for (let after = 0;;) {
        const page = store.read.events.page({ after, job: jobId, limit: 1_000 });
        for (const event of page.events) {
          events.push(event.seq);
          if (event.type === "result") ended.push(event.index);
        }
        if (page.events.length === 0) break;
        after = page.events.at(-1)!.seq;
      }
      assert.deepEqual(events, events.map((_, at) => at + 1));
      assert.deepEqual(ended.toSorted((a, b) => a - b), results.map(({ index }) => index));
    } finally {
      await store.close();
    }
    await until(async () => !await processWith(`${counts}/`));
    // Shells that lives have left without an intent, or before their Delete, were swept by the next ones.
    await ask.write(new TextEncoder().encode("?"));
    assert.equal((await output.next()).value, "0", "shells are left");
  } finally {
    services.kill("SIGKILL");
    await services.status;
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a daemon that is killed right after it has answered a pause, a resume or a cancel has not forgotten it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/store/drover.db`;
    const seen: string[] = [];
    for (const wish of ["pause", "resume", "cancel"]) {
      // Nobody listens there: the job is not over at once.
      const daemon = child("./runner_child.ts", [path, "[9]", "hostname", wish]);
      for await (const line of lines(daemon)) {
        if (line !== "answered") continue;
        daemon.kill("SIGKILL");
        break;
      }
      assert.equal((await daemon.status).code, 137);
      const store = await openStore({ path });
      const { events } = store.read.events.page({ after: 0, job: jobId, limit: 1_000 });
      seen.push(events.flatMap((event) => event.type === "job" ? event.document.state : []).join(" "));
      await store.close();
    }
    for (const [at, state] of ["running paused", "paused running", "running cancelling"].entries()) {
      assert.match(seen[at]!, new RegExp(`${state}( done)?$`));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
