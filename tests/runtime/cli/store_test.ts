/** The daemon's store as its users meet it: what cannot be opened, a full disk, and copies of it. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../../runtime/store/mod.ts";
import { newJob, output, withFolder } from "../store/fixture.ts";
import { account, drover, jsonLines, start, startService } from "./drover.ts";

/** A daemon that has begun to listen, without hosts unless `more` brings some. */
async function startDaemon(store: string, env: Record<string, string>, more: readonly string[] = []) {
  const child = start(["daemon", "--api", "127.0.0.1:0", "--store", store, ...more], { env });
  const [first, rest] = child.stdout.tee();
  rest.pipeTo(new WritableStream()).catch(() => {});
  const stderr = new Response(child.stderr).text();
  for await (const chunk of first.pipeThrough(new TextDecoderStream())) if (chunk.includes("\n")) break;
  return {
    child,
    async stop(signal: Deno.Signal = "SIGTERM") {
      child.kill(signal);
      const { code } = await child.status;
      return { code, stderr: await stderr };
    },
  };
}

/** Where `drover` finds the daemon of this store. */
const envOf = (folder: string) => ({ XDG_STATE_HOME: folder });

function mount(...args: string[]): boolean {
  try {
    return new Deno.Command("mount", { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** What `drover daemon` says of a store that it cannot open. */
async function refused(path: string): Promise<[number, string]> {
  const { code, stdout, stderr } = await drover(["daemon", "--api", "127.0.0.1:0", "--store", path]);
  assert.equal(stdout, "", "it never listened");
  assert.match(stderr, /^drover: open store: [^\n]+\n$/, "one line, no stack");
  return [code, stderr];
}

Deno.test("drover daemon says in one line why a store cannot be opened, and leaves it as it is", () =>
  withFolder(async (folder) => {
    const path = `${folder}/drover.db`;
    const store = await openStore({ path });
    await store.write.jobs.create(newJob("j", 1));
    for (let i = 0; i < 20; i++) await store.record([output("j", 0, new Uint8Array(50_000).fill(i))]);
    const [locked, saidLocked] = await refused(path);
    assert.deepEqual([locked, saidLocked.includes(`open in process ${Deno.pid}`)], [2, true]);
    await store.close();
    const whole = Deno.readFileSync(path);

    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    const [newer, saidNewer] = await refused(path);
    assert.deepEqual([newer, /version 99.*use a newer Drover/.test(saidNewer)], [2, true]);

    Deno.writeFileSync(path, whole.subarray(0, whole.length >> 1));
    const [truncated, saidTruncated] = await refused(path);
    assert.deepEqual([truncated, /damaged; put a backup in its place/.test(saidTruncated)], [1, true]);
    assert.equal(Deno.statSync(path).size, whole.length >> 1);

    Deno.writeFileSync(path, whole);
    Deno.chmodSync(path, 0o644);
    const [exposed, saidExposed] = await refused(path);
    assert.deepEqual([exposed, /chmod 600/.test(saidExposed)], [2, true]);
  }));

Deno.test("drover daemon on a read-only file system, and on a disk that becomes full in the middle of a job", async (test) => {
  await withFolder(async (folder) => {
    const disk = `${folder}/disk`;
    Deno.mkdirSync(disk);
    if (!mount("-t", "tmpfs", "-o", "size=10m,mode=700", "tmpfs", disk)) {
      await test.step({ name: "needs the right to mount", ignore: true, fn: () => {} });
      return;
    }
    await using service = await startService();
    try {
      const path = `${disk}/drover/drover.db`;
      const env = envOf(disk);
      const inventory = `${folder}/hosts.ini`;
      Deno.writeTextFileSync(
        inventory,
        `web01 ansible_host=127.0.0.1 ansible_port=${service.ports[0]} ansible_connection=psrp ` +
          "ansible_psrp_protocol=http\n",
      );
      const daemon = await startDaemon(path, env, ["-i", inventory, ...account()]);
      const run = (...args: string[]) => drover(args, { env });
      // More output than there is room for.
      const flood = await run("job", "submit", "--", "head -c 16000000 /dev/zero; echo end");
      assert.equal(flood.code, 0, flood.stderr);
      const id = flood.stdout.trim();
      let full = { code: 0, stderr: "" };
      // Small jobs until one is refused: then the disk is full.
      while (full.code === 0) full = await run("job", "submit", "--", "true");
      assert.deepEqual(
        [full.code, /no room on the disk.*\(StoreFull\)/.test(full.stderr)],
        [1, true],
        full.stderr,
      );
      assert.equal((await run("job", "list")).code, 0, "reading goes on");
      const token = Deno.readTextFileSync(`${disk}/drover/daemon.token`).trim();
      const url = Deno.readTextFileSync(`${disk}/drover/daemon.url`).trim();
      const answer = await fetch(`${url}/v1/jobs`, {
        method: "POST",
        headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ command: "true" }),
      });
      assert.deepEqual([answer.status, (await answer.json()).code], [507, "StoreFull"]);

      assert.ok(mount("-o", "remount,size=64m", disk), "there is room again");
      const after = await run("job", "submit", "--follow", "--json", "--", "echo room");
      assert.equal(after.code, 0, after.stderr + after.stdout);
      await run("job", "follow", id);
      const shown = jsonLines((await run("job", "show", "--json", id)).stdout);
      assert.equal(shown[0]!["state"], "done");
      // It waited for room: nothing of it is lost.
      assert.deepEqual([shown[1]!["status"], shown[1]!["stdoutBytes"]], ["succeeded", 16_000_004]);
      const { code, stderr } = await daemon.stop();
      assert.equal(code, 0, stderr);
      const store = await openStore({ path });
      assert.deepEqual(await store.check(), []);
      await store.close();

      assert.ok(mount("-o", "remount,ro", disk));
      const [readOnly, said] = await refused(path);
      assert.deepEqual([readOnly, /read-only/i.test(said)], [2, true], said);
    } finally {
      new Deno.Command("umount", { args: ["-l", disk] }).outputSync();
    }
  });
});

Deno.test("drover backup copies a store that a daemon works with, one that nobody has open, and nothing else", () =>
  withFolder(async (folder) => {
    const path = `${folder}/drover/drover.db`;
    const env = envOf(folder);
    const copies = `${folder}/copies`;
    Deno.mkdirSync(copies, { mode: 0o700 });
    const daemon = await startDaemon(path, env);
    const run = (...args: string[]) => drover(args, { env });
    assert.equal((await run("schedule", "set", "s", "--cron", "0 0 1 1 *", "--", "true")).code, 0);
    const made = await run("backup", `${copies}/live.db`);
    assert.deepEqual([made.code, /checked\n$/.test(made.stdout)], [0, true], made.stderr);
    const twice = await run("backup", `${copies}/live.db`);
    assert.deepEqual([twice.code, /is there already/.test(twice.stderr)], [2, true]);
    assert.equal((await daemon.stop("SIGKILL")).code, 137);
    assert.equal((await run("backup", "--store", path, `${copies}/dead.db`)).code, 0);

    for (const name of ["live.db", "dead.db"]) {
      assert.equal(Deno.statSync(`${copies}/${name}`).mode! & 0o777, 0o600);
      const copy = await openStore({ path: `${copies}/${name}` });
      assert.deepEqual(await copy.check(), []);
      assert.equal(copy.read.schedules.get("s")!.value.cron, "0 0 1 1 *");
      assert.equal(copy.read.tokens.list().length, 1);
      await copy.close();
    }

    Deno.writeTextFileSync(`${folder}/letter`, "dear store");
    const foreign = new DatabaseSync(`${folder}/foreign.db`);
    foreign.exec("CREATE TABLE notes (text)");
    foreign.close();
    for (const other of ["letter", "foreign.db", "none"]) {
      const { code, stderr } = await run("backup", "--store", `${folder}/${other}`, `${copies}/no.db`);
      assert.deepEqual([code, /^drover: back up store: [^\n]+\n$/.test(stderr)], [2, true], stderr);
    }
    const left = [...Deno.readDirSync(copies)].map(({ name }) => name).filter((name) =>
      name.includes("no.db")
    );
    assert.deepEqual(left, []);
  }));

Deno.test("drover schedule sets, lists, shows, runs and removes", () =>
  withFolder(async (folder) => {
    await using service = await startService();
    const inventory = `${folder}/hosts.ini`;
    Deno.writeTextFileSync(
      inventory,
      `web01 ansible_host=127.0.0.1 ansible_port=${service.ports[0]} ansible_connection=psrp ` +
        "ansible_psrp_protocol=http\n",
    );
    const env = envOf(folder);
    const daemon = await startDaemon(`${folder}/drover/drover.db`, env, ["-i", inventory, ...account()]);
    const run = (...args: string[]) => drover(args, { env });
    const set = (...more: string[]) => run("schedule", "set", "nightly", ...more, "--", "echo recurs");
    const made = await set("--cron", "30 2 * * *", "--time-zone", "Europe/Berlin");
    assert.match(
      made.stdout,
      /^nightly: 30 2 \* \* \* Europe\/Berlin, next [\d-]{10} 0[23]:\d\d \+0[12]:00\n$/,
    );
    assert.match((await set("--cron", "0 4 * * *", "--disabled")).stdout, /0 4 .* UTC, disabled/);
    assert.match((await run("schedule", "list")).stdout, /^nightly: 0 4 [^\n]*\n$/);
    const unmatched = await set("--cron", "0 4 * * *", "--disabled", "--hosts", "db*");
    assert.deepEqual([unmatched.code, unmatched.stdout], [0, "nightly: 0 4 * * * UTC, disabled\n"]);
    assert.match(unmatched.stderr, /^drover: nightly is saved, but now its hosts are not found: .*db\*/);
    const matched = await set("--cron", "0 4 * * *", "--disabled", "--hosts", "web*");
    assert.equal(matched.stderr, "");
    const never = await set("--cron", "0 0 30 2 *");
    assert.deepEqual([never.code, /never due.*CronNever/.test(never.stderr)], [2, true]);
    for (
      const [args, advice] of [
        [["set", "nightly", "--cron", "@daily", "--", "x"], /five fields with spaces/],
        [["set", "every night", "--cron", "0 4 * * *", "--", "x"], /a name has up to 64 letters/],
        [["set", "nightly", "--cron", "0 4 * * *", "--batch", "200%", "--", "x"], /from 1% to 100%/],
      ] as const
    ) {
      const wrong = await run("schedule", ...args);
      assert.deepEqual([wrong.code, advice.test(wrong.stderr)], [2, true], wrong.stderr);
    }
    const id = (await run("schedule", "run", "nightly")).stdout.trim();
    const followed = await run("job", "follow", "--json", id);
    assert.equal(jsonLines(followed.stdout)[0]!["data"], "recurs\n");
    assert.match((await run("schedule", "show", "nightly")).stdout, new RegExp(`last: started .*job ${id}`));
    assert.equal((await run("schedule", "remove", "nightly")).code, 0);
    assert.equal((await run("schedule", "list")).stdout, "");
    const gone = await run("schedule", "show", "nightly");
    assert.deepEqual([gone.code, /ScheduleUnknown/.test(gone.stderr)], [2, true]);
    assert.equal((await daemon.stop()).code, 0);
  }));
