/** `drover host` against a daemon and a service in processes of their own. */
import assert from "node:assert/strict";
import { account, drover, jsonLines, start, startService } from "./drover.ts";

Deno.test("drover host looks at hosts, adds, changes, pings and asks them, within 80 columns", async () => {
  const state = await Deno.makeTempDir({ prefix: "drover-state-" });
  await Deno.chmod(state, 0o700);
  const env = { XDG_STATE_HOME: state };
  await using service = await startService();
  const inventory = `${state}/hosts.ini`;
  const long = `web02.${"very-".repeat(12)}long.example`;
  const rest = `ansible_host=127.0.0.1 ansible_port=${service.ports[0]} ansible_connection=psrp ` +
    "ansible_psrp_protocol=http";
  await Deno.writeTextFile(inventory, `[web]\nweb01 ${rest}\n${long} ${rest}\n`);
  const daemon = start(["daemon", "--api", "127.0.0.1:0", "-i", inventory, ...account()], { env });
  const [first, out] = daemon.stdout.tee();
  for await (const chunk of first.pipeThrough(new TextDecoderStream())) if (chunk.includes("\n")) break;
  const run = async (...args: string[]) => {
    const ended = await drover(["host", ...args], { env });
    const table = ["list", "facts", "shells", "settings"].includes(args[0]!) && !args.includes("--json");
    const lines = table ? ended.stdout.split("\n") : [];
    assert.ok(lines.every((line) => line.length <= 80), ended.stdout);
    return ended;
  };

  const listed = (await run("list")).stdout.split("\n");
  assert.match(listed[0]!, /^NAME +ADDRESS +PORT +GROUPS +FROM$/);
  assert.match(listed[1]!, new RegExp(`^web01 +127.0.0.1 +${service.ports[0]} +web +file$`));
  assert.match(listed[2]!, /^web02\.very-.*… +127\.0\.0\.1/);
  const added = await run("add", "extra", "--address", "10.0.0.9", "--scheme", "https", "--group", "db");
  assert.deepEqual([added.code, added.stdout], [0, "extra\n"]);
  assert.match((await run("add", "extra")).stderr, /IfMatchMissing/);
  await run("set", "extra", "--port", "5987");
  const [extra] = jsonLines((await run("list", "db", "--json")).stdout);
  assert.deepEqual(
    [extra!["address"], extra!["port"], extra!["scheme"], extra!["groups"]],
    ["10.0.0.9", 5987, "https", ["db"]],
    "what is not given stays",
  );
  const pinged = await run("ping", "web01", "extra");
  assert.equal(pinged.code, 1);
  assert.match(
    pinged.stdout,
    /^web01: Drover, .* ms, NTLM\)\nextra: .*--credentials of the daemon has no account .*\(CredentialsMissing\)/,
  );
  assert.match((await run("show", "web01")).stdout, /^ {2}logged on with: NTLM$/m);
  assert.equal((await run("remove", "extra")).code, 0);
  assert.match((await run("show", "extra")).stderr, /HostUnknown/);

  assert.match((await run("facts", "web01")).stderr, /FactsUnknown/);
  assert.match((await run("facts", "web01", "--gather")).stdout, /\nconfig\.MaxShellsPerUser +30\n/);
  assert.equal(
    (await run("list", "--fact", "wsman.vendor=Dro*", "--fact", "limits.shells=30")).stdout.split("\n")[1]!
      .split(" ")[0],
    "web01",
  );
  assert.equal((await run("list", "--fact", "wsman.vendor=Other")).stdout, "");
  assert.equal((await run("gather", "web01")).stdout, "1 host is going to be asked\n");
  assert.equal((await run("shells", "web01")).stdout, "no shells\n");
  assert.match((await run("settings", "web01")).stdout, /\nService\.Auth\.Negotiate +true\n/);

  daemon.kill("SIGTERM");
  const { code } = await daemon.status;
  assert.equal(code, 0, await new Response(out).text() + await new Response(daemon.stderr).text());
  await Deno.remove(state, { recursive: true });
});
