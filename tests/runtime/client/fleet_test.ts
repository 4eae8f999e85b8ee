/** The Fleet of scripts over real sockets, with a service in the same process. */
import assert from "node:assert/strict";
import { Fleet, type FleetEvent } from "../../../mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { type RunningService, startService } from "../../../runtime/service/service.ts";
import { gone, lasting, password, until } from "../cli/drover.ts";

interface World extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly names: readonly string[];
  readonly opened: string[];
  readonly closed: string[];
}

async function world(hosts = 1): Promise<World> {
  const accounts = new Accounts();
  accounts.add("demo", new Secret(password), undefined);
  const opened: string[] = [];
  const closed: string[] = [];
  const service: RunningService = await startService({
    listeners: Array.from({ length: hosts }, () => ({ host: "127.0.0.1", port: 0 })),
    accounts,
    // NTLM refuses, rightly, a challenge that its own process has made.
    auth: ["basic"],
    allowUnencrypted: true,
    onEvent: (event) => {
      if (event.kind === "shellOpened") opened.push(event.shellId);
      if (event.kind === "shellClosed") closed.push(event.reason);
    },
  });
  const names = service.addresses.map((address) => `127.0.0.1:${address.port}`);
  const fleet = new Fleet({ hosts: names, user: "demo", password, auth: "basic" });
  return {
    fleet,
    names,
    opened,
    closed,
    async [Symbol.asyncDispose]() {
      await fleet.close();
      await service.stop();
    },
  };
}

async function all(run: AsyncIterable<FleetEvent>): Promise<FleetEvent[]> {
  const events: FleetEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

function statuses(events: readonly FleetEvent[]): string[] {
  return events.flatMap((event) => event.type === "result" ? [event.status] : []);
}

Deno.test("events come one after the other and end with one result for each host", async () => {
  await using here = await world(3);
  const events = await all(here.fleet.run("echo hello"));
  assert.deepEqual(statuses(events), ["succeeded", "succeeded", "succeeded"]);
  const logons = events.flatMap((event) => event.type === "result" ? [event.logon?.mechanism] : []);
  assert.deepEqual(logons, ["Basic", "Basic", "Basic"]);
  for (const host of here.names) {
    const text = events.map((event) =>
      event.type === "output" && event.host === host ? event.data.text() : ""
    ).join("");
    assert.equal(text, "hello\n");
  }
});

Deno.test("leaving the loop early cancels and waits for the clean-up", async () => {
  await using here = await world(2);
  for await (const event of here.fleet.run(`echo x; sleep ${lasting(81.5)}`)) {
    if (event.type === "output") break;
  }
  await gone(lasting(81.5));
  await until(() => here.closed.length === here.opened.length);
  assert.ok(here.closed.every((reason) => reason === "deleted"));
});

Deno.test("a signal aborts a run: every host still has its result", async () => {
  await using here = await world(2);
  const controller = new AbortController();
  const events: FleetEvent[] = [];
  for await (const event of here.fleet.run(`echo x; sleep ${lasting(82.5)}`, { signal: controller.signal })) {
    events.push(event);
    if (event.type === "output") controller.abort();
  }
  assert.equal(statuses(events).length, 2);
  assert.ok(statuses(events).every((status) => status === "cancelled" || status === "unreachable"));
  assert.throws(() => here.fleet.run("x", { signal: controller.signal }), { name: "AbortError" });
});

Deno.test("a fleet closes although nobody reads its run, and although a shell is open", async () => {
  const here = await world(1);
  here.fleet.run(`while :; do echo yyyyyyyyyyyyyyyyyyyyy; done # ${lasting(83.5)}`);
  const shell = await here.fleet.host(here.names[0]!).openShell();
  const lost = shell.run(`sleep ${lasting(83.5)}`).catch((error: Error) => error);
  await until(() => here.opened.length === 2);
  await here.fleet.close();
  assert.ok(await lost instanceof Error);
  assert.deepEqual(here.closed, ["deleted", "deleted"]);
  await gone(lasting(83.5));
  assert.throws(() => here.fleet.run("x"), { code: "FleetClosed" });
  await assert.rejects(shell.run("x"), { code: "ShellClosed" });
  await here[Symbol.asyncDispose]();
});

Deno.test("a shell has its directory, environment and input, and exact arguments", async () => {
  await using here = await world(1);
  await using shell = await here.fleet.host(here.names[0]!).openShell({
    cwd: "/usr",
    env: { GREETING: "hél lo" },
  });
  assert.match(shell.id, /^[0-9A-F-]{36}$/);
  const { exitCode, stdout, stderr } = await shell.run('pwd; echo "$GREETING"; cat; echo e >&2; exit 4', [], {
    stdin: "in",
  });
  assert.deepEqual([exitCode, stdout.text(), stderr.text()], [4, "/usr\nhél lo\nin", "e\n"]);
  const exact = await shell.run("printf", ["%s|", "a b", "$x", "'"]);
  assert.equal(exact.stdout.text(), "a b|$x|'|");
  const argv = await shell.run("printf", ["%s|", "a b", "$x"], { skipCmdShell: true });
  assert.equal(argv.stdout.text(), "a b|$x|");
  const none = await shell.run("/nonexistent/program", [], { skipCmdShell: true }).catch((error: Error) =>
    error
  );
  assert.ok(none instanceof Error || none.exitCode !== 0);
});

Deno.test("a code page converts", async () => {
  await using here = await world(1);
  await using shell = await here.fleet.host(here.names[0]!).openShell({ codepage: 1252 });
  const { stdout } = await shell.run("printf 'h\\303\\251'");
  assert.deepEqual([...stdout], [0x68, 0xe9]);
  assert.equal(stdout.text("windows-1252"), "hé");
});

Deno.test("twelve commands side by side in one shell, each waiting for input, do not block each other", async () => {
  await using here = await world(1);
  await using shell = await here.fleet.host(here.names[0]!).openShell();
  const controller = new AbortController();
  const sleeping = Array.from(
    { length: 8 },
    () => shell.run(`sleep ${lasting(84.5)}`, [], { signal: controller.signal }),
  );
  const ended = Promise.allSettled(sleeping);
  const results = await Promise.all(
    Array.from({ length: 4 }, (_, index) => shell.run("cat", [], { stdin: `input ${index}` })),
  );
  assert.deepEqual(results.map((result) => result.stdout.text()), [
    "input 0",
    "input 1",
    "input 2",
    "input 3",
  ]);
  controller.abort();
  assert.ok(
    (await ended).every((outcome) => outcome.status === "rejected" && outcome.reason.name === "AbortError"),
  );
  await gone(lasting(84.5));
});

Deno.test("a shell that cannot be opened says why", async () => {
  await using here = await world(1);
  await using wrong = new Fleet({ hosts: here.names, user: "demo", password: "no", auth: "basic" });
  await assert.rejects(wrong.host(here.names[0]!).openShell(), { name: "DeniedError" });
  await using dead = new Fleet({ hosts: ["127.0.0.1:1"], user: "demo", password: "no", auth: "basic" });
  await assert.rejects(dead.host("127.0.0.1:1").openShell(), { code: "ConnectRefused" });
  assert.throws(() => here.fleet.host("nobody"), { code: "HostUnknown" });
  assert.throws(() => here.fleet.run("a\u0000b"), { code: "XmlUnwritable" });
});

Deno.test("a host whose turn does not come within waitTimeout ends as unreachable; a shell's command says NotStarted", async () => {
  await using here = await world(2);
  const controller = new AbortController();
  const events: FleetEvent[] = [];
  const run = here.fleet.run(`sleep ${lasting(86.5)}`, {
    throttle: 1,
    waitTimeout: 300,
    priority: "high",
    signal: controller.signal,
  });
  for await (const event of run) {
    events.push(event);
    // The one that waits has its result while the other one runs.
    if (event.type === "result") controller.abort();
  }
  assert.deepEqual(statuses(events), ["unreachable", "cancelled"]);
  const [late] = events.filter((event) => event.type === "result");
  assert.equal(late?.error?.code, "NotStarted");

  await using shell = await here.fleet.host(here.names[0]!).openShell({
    priority: "low",
    waitTimeout: 10_000,
  });
  // More than the operations of a user of whom nothing is known.
  const commands = Array.from(
    { length: 14 },
    () => shell.run(`sleep ${lasting(86.5)}`).catch((error: Error) => error),
  );
  await assert.rejects(shell.run("echo x", [], { waitTimeout: 300 }), { code: "NotStarted" });
  await shell.close();
  for (const command of commands) assert.ok(await command instanceof Error);
  await gone(lasting(86.5));
});
