/**
 * The daemon as its users have it: a job on 300 real hosts is asked for and followed over HTTP, while the process is killed with -9
 * three times and started again on the same store and port.
 */
import assert from "node:assert/strict";
import { readEventStream } from "../../../runtime/client/remote/event_stream.ts";
import { account, drover, start, until } from "../cli/drover.ts";
import { child, lines } from "./children.ts";
import type { ApiEvent } from "./world.ts";

const hosts = 300;

/** Hosts at once: no more can be under way when a life ends. */
const throttle = 32;

/** Results that the follower has seen when a life is killed. */
const kills = [25, 110, 195];

const output = "one\ntwo\n";

/** One host of a job, and the job, as far as they are looked at. */
type Host = Record<"index" | "stdoutBytes" | "stderrBytes", number> & {
  readonly host: string;
  readonly state: string;
  readonly status: string;
  readonly exitCode: number | null;
  readonly error: { readonly code: string } | null;
};
type Job = Record<"id" | "state", string> & { readonly counts: Record<string, number> };

/** One life of the daemon, once it listens. */
async function life(args: readonly string[], env: Record<string, string>) {
  const process = start(["daemon", ...args, ...account()], { env });
  const said = new Response(process.stderr).text();
  const first = await lines(process).next();
  const url = /^Listening on (\S+)/.exec(first.value ?? "")?.[1];
  if (url === undefined) throw new Error(`the daemon did not start: ${await said}`);
  return { process, said, url };
}

/** Names of what is in a folder, and below it; of folders only what they have. */
async function files(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...(await files(`${folder}/${name}`)).map((below) => `${name}/${below}`));
    else found.push(name);
  }
  return found.sort();
}

/** Processes, of whatever parent, that have `text` in their environment. */
async function processesOf(text: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const variables = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (variables.includes(text)) found.push(name);
  }
  return found;
}

Deno.test("a daemon is killed three times in mid-job: its follower sees each event once, each host has one true result", async () => {
  const folder = await Deno.makeTempDir({ prefix: "drover-crash-" });
  await Deno.chmod(folder, 0o700);
  const [counts, temporary, state] = [`${folder}/counts`, `${folder}/tmp`, `${folder}/state`];
  for (const path of [counts, temporary, state]) await Deno.mkdir(path, { mode: 0o700 });
  const env = { TMPDIR: temporary };
  const services = child("./hosts_child.ts", [String(hosts)], env);
  const ask = services.stdin.getWriter();
  let running: Awaited<ReturnType<typeof life>> | undefined;
  try {
    const answers = lines(services);
    const ports = JSON.parse((await answers.next()).value!) as number[];
    const inventory = `${folder}/hosts.ini`;
    const line = "ansible_host=127.0.0.1 ansible_connection=psrp ansible_psrp_protocol=http ansible_port=";
    await Deno.writeTextFile(inventory, ports.map((port, index) => `h${index} ${line}${port}\n`).join(""));
    const store = `${state}/drover.db`;
    const live = async (api: string) =>
      running = await life(["--api", api, "--store", store, "-i", inventory], env);
    const { url } = await live("127.0.0.1:0");
    const token = (await Deno.readTextFile(`${state}/daemon.token`)).trim();

    const request = async (path: string, init: RequestInit = {}) =>
      await fetch(`${url}${path}`, {
        ...init,
        headers: { "Authorization": `Bearer ${token}`, ...init.headers },
      });
    const post = async () => {
      const answer = await request("/v1/jobs", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": "crash-1" },
        body: JSON.stringify({
          command: `echo run >> "$COUNTS/$HOST_NUMBER"; echo one; sleep 0.4; echo two`,
          throttle,
          shell: { env: { COUNTS: counts } },
        }),
      });
      const job = await answer.json() as Job;
      assert.equal(answer.status, 202, JSON.stringify(job));
      return job;
    };
    const { id } = await post();

    const seen: ApiEvent[] = [];
    /** Reads on behind the last event, until the stream is over or breaks; `false`: it broke. */
    const follow = async (from: ApiEvent[], after: Record<string, string>, saw: () => void) => {
      try {
        const answer = await request(`/v1/jobs/${id}/events`, { headers: after });
        assert.equal(answer.status, 200);
        for await (const event of readEventStream(answer.body!)) {
          const document = JSON.parse(event.data) as ApiEvent;
          assert.equal(event.id, String(document.seq));
          from.push(document);
          saw();
        }
        return true;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return false;
      }
    };
    for (const threshold of [...kills, Infinity]) {
      const { process, said } = running!;
      const last = seen.at(-1);
      let killed = false;
      const over = await follow(seen, last === undefined ? {} : { "Last-Event-ID": String(last.seq) }, () => {
        if (killed || seen.filter(({ type }) => type === "result").length < threshold) return;
        killed = true;
        process.kill("SIGKILL");
      });
      assert.deepEqual([killed, over], threshold === Infinity ? [false, true] : [true, false]);
      if (!killed) break;
      await process.status;
      assert.doesNotMatch(await said, /internal error/);
      assert.equal((await live(new URL(url).host)).url, url);
      assert.equal(
        (await post()).id,
        id,
        "the same key finds the same job, whatever its daemon went through",
      );
    }

    // What the follower has put together of four lives is what one reader is given now.
    const full: ApiEvent[] = [];
    assert.equal(await follow(full, {}, () => {}), true);
    assert.deepEqual(seen.map(({ seq }) => seq), seen.map((_, index) => index + 1));
    assert.deepEqual(seen, full);

    const again = await post();
    assert.deepEqual([again.id, again.state], [id, "done"]);
    const page = await (await request(`/v1/jobs/${id}/hosts?limit=1000`)).json() as { items: Host[] };
    assert.deepEqual(page.items.map(({ host }) => host), ports.map((_, index) => `h${index}`));
    const codes = new Map<string, number>();
    for (const { index, host, state, status, exitCode, error, stdoutBytes, stderrBytes } of page.items) {
      const own = seen.filter((event) => event["host"] === host);
      const results = own.filter(({ type }) => type === "result");
      const pieces = own.filter(({ type }) => type === "output");
      const text = pieces.map(({ data }) => data).join("");
      const kept = await (await request(`/v1/jobs/${id}/hosts/${host}/output/stdout`)).text();
      const runs = (await Deno.readTextFile(`${counts}/${index}`).catch(() => "")).split("\n").length - 1;
      const what = `${host}: ${status} ${error?.code} after ${runs} runs`;
      assert.ok(runs <= 1, what);
      assert.equal(state, "done", what);
      assert.deepEqual(
        results.map((event) => [event["status"], event["exitCode"], event["error"]]),
        [[status, exitCode, error]],
        what,
      );
      assert.equal(own.at(-1), results[0], `${what}: its result is the last that is said of it`);
      assert.deepEqual([text, stdoutBytes, stderrBytes], [kept, kept.length, 0], what);
      if (status === "succeeded") assert.deepEqual([exitCode, error, runs, text], [0, null, 1, output], what);
      else {
        assert.equal(status, "unknown", what);
        if (error!.code === "OutputGap") assert.equal(runs, 1, what);
        else assert.equal(error!.code, "DaemonRestarted", what);
        // Parts may be missing, but nothing comes twice.
        assert.match(text, /^(one\n)?(two\n)?$/, what);
      }
      const code = error?.code ?? status;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    const succeeded = codes.get("succeeded") ?? 0;
    assert.ok(succeeded < hosts, "no kill hit anything");
    assert.ok(succeeded >= hosts - kills.length * throttle, JSON.stringify([...codes]));
    const { succeeded: counted, unknown, ...others } = again.counts;
    assert.deepEqual([counted, unknown], [succeeded, hosts - succeeded]);
    assert.deepEqual(Object.values(others).filter((count) => count !== 0), []);

    await until(async () => (await processesOf(`COUNTS=${counts}`)).length === 0);
    // What the dead lives have left is swept when the job is done; the note of this life stays for as long as it lives.
    await until(async () => (await files(`${store}.lives`)).length === 1);
    const { process, said } = running!;
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0, await said);
    assert.doesNotMatch(await said, /internal error/);
    await ask.write(new TextEncoder().encode("?"));
    assert.equal((await answers.next()).value, "0", "shells are left");
    assert.deepEqual(await files(state), ["daemon.token", "drover.db", "drover.db.lock"]);
    // Sockets of killed processes go when somebody looks for processes.
    await drover(["inspect"], { env });
    assert.deepEqual(await files(temporary), []);
  } finally {
    try {
      running?.process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await running?.process.status;
    services.kill("SIGKILL");
    await services.status;
    await Deno.remove(folder, { recursive: true });
  }
});
