/** The daemon and its commands as users run them: processes of their own. */
import assert from "node:assert/strict";
import { account, drover, jsonLines, start, startService } from "./drover.ts";

Deno.test("drover daemon takes jobs of drover job, follows them, and ends in order", async () => {
  const state = await Deno.makeTempDir({ prefix: "drover-state-" });
  await Deno.chmod(state, 0o700);
  const env = { XDG_STATE_HOME: state };
  await using service = await startService();
  const inventory = `${state}/hosts.ini`;
  await Deno.writeTextFile(
    inventory,
    `web01 ansible_host=127.0.0.1 ansible_port=${
      service.ports[0]
    } ansible_connection=psrp ansible_psrp_protocol=http\n`,
  );
  const daemon = start(["daemon", "--api", "127.0.0.1:0", "-i", inventory, ...account()], { env });
  const [first, rest] = daemon.stdout.tee();
  for await (const chunk of first.pipeThrough(new TextDecoderStream())) if (chunk.includes("\n")) break;
  const run = (...args: string[]) => drover(args, { env });

  const folder = `${state}/drover`;
  for (const name of ["daemon.token", "daemon.url", "drover.db"]) {
    assert.equal(Deno.statSync(`${folder}/${name}`).mode! & 0o777, 0o600, name);
  }
  const followed = await run("job", "submit", "--follow", "--json", "--", "echo out; exit 3");
  assert.equal(followed.code, 1);
  assert.deepEqual(jsonLines(followed.stdout).map(({ type }) => type), ["output", "result", "summary"]);
  assert.equal(jsonLines(followed.stdout)[0]!["data"], "out\n");

  const [job] = jsonLines((await run("job", "list", "--json")).stdout);
  const id = String(job!["id"]);
  const listed = (await run("job", "list")).stdout.split("\n");
  assert.match(listed[0]!, /^ID {36}STATE {2}ASKED FOR {9}HOSTS {11}COMMAND$/);
  assert.match(
    listed[1]!,
    new RegExp(String.raw`^${id}  done   \d{4}-\d\d-\d\d \d\d:\d\d  1/1 \(1 failed\)  echo out; exit 3$`),
  );
  const shown = await run("job", "show", id);
  assert.match(shown.stdout, /web01: failed \(exit code 3\)/);
  assert.match(shown.stdout, /command: echo out; exit 3\n {2}hosts: all\n {2}asked for: .* by first, took /);
  assert.ok(shown.stdout.split("\n").every((line) => line.length <= 80), shown.stdout);
  for (const other of ["nonsense", crypto.randomUUID()]) {
    const unknown = await run("job", "show", other);
    assert.deepEqual([unknown.code, /there is no such job \(JobUnknown\)/.test(unknown.stderr)], [2, true]);
  }
  const retried = await run("job", "retry", "--follow", id);
  assert.deepEqual([retried.code, /^drover: job [0-9a-f-]{36}\n$/.test(retried.stderr)], [1, true]);
  const ms = (name: string) => Date.parse(String(job![name]));
  const took = jsonLines(followed.stdout)[2]!["durationMs"];
  assert.equal(took, ms("endedAt") - ms("startedAt"), "the job's own time, not that of looking at it");

  // Who stops looking is told how to look again, and gets no summary of what was not seen.
  const long = start(["job", "submit", "--follow", "--", "echo begun; sleep 60"], { env });
  const [begun, seen] = long.stdout.tee();
  for await (const chunk of begun.pipeThrough(new TextDecoderStream())) if (chunk.includes("begun")) break;
  long.kill("SIGINT");
  const left = await new Response(long.stderr).text();
  const other = /no longer following; the job goes on: drover job follow (\S+)/.exec(left)?.[1];
  assert.ok(other !== undefined, left);
  assert.doesNotMatch(await new Response(seen).text(), /hosts?:/);
  assert.equal((await long.status).code, 1);
  assert.match((await run("job", "pause", other)).stdout, / paused /);
  assert.match((await run("job", "resume", other)).stdout, / running /);
  assert.match((await run("job", "cancel", other)).stdout, / (?:cancelling|done) /);

  const token = (await run("token", "create", "reader", "--scope", "read")).stdout.trim();
  assert.match(token, /^drv_/);
  const refused = await drover(["job", "submit", "--", "true"], { env: { ...env, DROVER_TOKEN: token } });
  assert.deepEqual([refused.code, /ScopeMissing/.test(refused.stderr)], [1, true]);
  const tokens = (await run("token", "list")).stdout;
  assert.match(tokens, /^NAME +SCOPE +HOSTS +CREATED +EXPIRES\n/);
  assert.match(tokens, /^reader +read +all +\d{4}-\d\d-\d\d \d\d:\d\d +never$/m);
  assert.equal((await run("token", "revoke", "reader")).code, 0);
  assert.doesNotMatch((await run("token", "list")).stdout, /reader/);

  // A token that is no more: which of all the places it was taken from is told, and never the token.
  await Deno.writeTextFile(`${state}/old`, token, { mode: 0o600 });
  for (
    const [args, more, source] of [
      [["job", "list", "--token-file", `${state}/old`], {}, `the file ${state}/old`],
      [["token", "list"], { DROVER_TOKEN: token }, "the variable DROVER_TOKEN"],
    ] as const
  ) {
    const { code, stderr } = await drover(args, { env: { ...env, ...more } });
    assert.deepEqual([
      code,
      stderr.trimEnd().endsWith(`(TokenRefused); the one that was sent is from ${source}`),
    ], [
      1,
      true,
    ], stderr);
    assert.ok(!stderr.includes(token));
  }

  const lost = await run("job", "list", "--token-file", `${state}/none`);
  assert.match(lost.stderr, /none cannot be read/);
  assert.match((await run("job", "list", "--api", "foo")).stderr, /has to begin with http/);

  daemon.kill("SIGTERM");
  const { code } = await daemon.status;
  const said = await new Response(rest).text() + await new Response(daemon.stderr).text();
  assert.equal(code, 0, said);
  assert.ok(!said.includes("drv_"), "the token is in no log");
  const gone = await run("job", "list");
  assert.deepEqual([gone.code, /DaemonUnknown|none of this user runs/.test(gone.stderr)], [2, true]);
  await Deno.remove(state, { recursive: true });
});

Deno.test("drover daemon refuses to listen beyond this machine without TLS", async () => {
  const refused = await drover(["daemon", "--api", "0.0.0.0:0"]);
  assert.deepEqual([refused.code, /--tls-cert/.test(refused.stderr)], [2, true]);
});
