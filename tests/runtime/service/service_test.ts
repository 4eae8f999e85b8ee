import assert from "node:assert/strict";
import { DroverError, UsageError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { createSystem } from "../../../runtime/system.ts";
import { createProcessHost } from "../../../runtime/os/process_host.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import {
  type RunningService,
  startService,
  type StartServiceOptions,
} from "../../../runtime/service/service.ts";
import { decideRunAs } from "../../../runtime/service/run_as.ts";
import { faultCode } from "../../../protocol/wsman/mod.ts";
import { TestClient } from "./client.ts";

const posix = { ignore: Deno.build.os === "windows" };

function accounts(): Accounts {
  const all = new Accounts();
  all.add("alice", new Secret("pw"), undefined);
  return all;
}

async function serve(
  options: Partial<StartServiceOptions> = {},
): Promise<{ service: RunningService; client: TestClient }> {
  const service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0 }],
    auth: ["basic"],
    allowUnencrypted: true,
    accounts: accounts(),
    ...options,
  });
  const { host, port, scheme } = service.addresses[0]!;
  return { service, client: new TestClient(`${scheme}://${host}:${port}/wsman`, "alice", "pw") };
}

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function isAlive(pid: number): boolean {
  try {
    // A killed process that nobody has waited for is dead all the same.
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

Deno.test({
  name: "real commands run with arguments, input, both outputs, exit codes, environment and directory",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    await using _service = service;
    const inner = '<rsp:Environment><rsp:Variable Name="GREETING">hé</rsp:Variable></rsp:Environment>' +
      "<rsp:WorkingDirectory>/</rsp:WorkingDirectory>";
    const shell = await client.open(inner);
    assert.deepEqual(await client.run(shell, "echo", ["a", "b  c"]), {
      stdout: "a b c\n",
      stderr: "",
      exitCode: 0,
    });
    assert.deepEqual(await client.run(shell, 'echo "$GREETING"; pwd; echo no >&2; exit 3'), {
      stdout: "hé\n/\n",
      stderr: "no\n",
      exitCode: 3,
    });
    assert.equal(
      (await client.run(shell, "printf", ["[%s]", "b  c", "$HOME"], { WINRS_SKIP_CMD_SHELL: "TRUE" })).stdout,
      "[b  c][$HOME]",
    );
    const cat = await client.start(shell, "cat");
    for (let i = 0; i < 3; i++) await client.send(shell, cat, new TextEncoder().encode(`${i}\n`), i === 2);
    assert.equal((await client.finish(shell, cat)).stdout, "0\n1\n2\n");
    assert.equal((await client.delete(shell)).status, 200);
  },
});

Deno.test({
  name: "ten megabytes come whole and in order",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    await using _service = service;
    const shell = await client.open();
    const { stdout } = await client.run(shell, "seq 1 1400000");
    assert.ok(stdout.length > 9_000_000);
    assert.equal(stdout, Array.from({ length: 1_400_000 }, (_, i) => `${i + 1}\n`).join(""));
  },
});

Deno.test({
  name: "code pages 437 and 1252 really convert what a command reads and writes",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    await using _service = service;
    for (const [codepage, wire] of [["437", [0x81]], ["1252", [0xfc]], ["65001", [0xc3, 0xbc]]] as const) {
      const shell = await client.open("", { WINRS_CODEPAGE: codepage });
      const od = await client.start(shell, "od -An -tx1");
      await client.send(shell, od, new Uint8Array(wire), true);
      assert.equal((await client.finish(shell, od)).stdout.trim(), "c3 bc", codepage);
      const printf = await client.start(shell, "printf '\\303\\274'");
      const answer = await client.receive(shell, printf);
      assert.ok(answer.text.includes(`>${new Uint8Array(wire).toBase64()}<`), codepage);
    }
    await assert.rejects(client.open("", { WINRS_CODEPAGE: "12345" }), /0x|Code="2150859/);
  },
});

Deno.test({
  name: "in console mode the byte 3 interrupts the command",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    await using _service = service;
    const shell = await client.open();
    const command = await client.start(
      shell,
      "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done",
      [],
      {
        WINRS_CONSOLEMODE_STDIN: "TRUE",
      },
    );
    assert.equal((await client.receive(shell, command)).stream("stdout"), "ready\n");
    await client.send(shell, command, new Uint8Array([3]), false);
    const end = await client.finish(shell, command);
    assert.equal(end.stdout, "caught\n");
    assert.equal(end.exitCode, 9);
  },
});

Deno.test({
  name: "terminate, Delete, a lifetime and the end of the service kill whole process groups",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    const launch = async (inner = "") => {
      const shell = await client.open(inner);
      const command = await client.start(shell, "sleep 300 & echo $!; wait");
      const pid = Number((await client.receive(shell, command)).stream("stdout"));
      assert.ok(pid > 0 && isAlive(pid));
      return { shell, command, pid };
    };
    const one = await launch();
    assert.equal((await client.signal(one.shell, one.command)).status, 200);
    await waitUntil(() => !isAlive(one.pid));
    const two = await launch();
    assert.equal((await client.delete(two.shell)).status, 200);
    await waitUntil(() => !isAlive(two.pid));
    // A slow machine may need longer than the shell lives to start what is in it.
    const brief = async (seconds = 0.3): Promise<{ readonly pid: number }> =>
      await launch(`<rsp:Lifetime>PT${seconds}S</rsp:Lifetime>`).catch(() => brief(seconds * 2));
    const three = await brief();
    await waitUntil(() => !isAlive(three.pid));
    const four = await launch();
    await service.stop();
    await waitUntil(() => !isAlive(four.pid));
  },
});

Deno.test({
  name: "a command that cannot start is a fault",
  ...posix,
  fn: async () => {
    const { service, client } = await serve();
    await using _service = service;
    const skip = { WINRS_SKIP_CMD_SHELL: "TRUE" };
    const shell = await client.open();
    await assert.rejects(client.start(shell, "/no/such/program", [], skip), /2147942402/);
    await assert.rejects(client.start(shell, "/etc/passwd", [], skip), /2147942405/);
    const lost = await client.open("<rsp:WorkingDirectory>/no/such</rsp:WorkingDirectory>");
    await assert.rejects(client.start(lost, "true"), /2147942667/);
  },
});

Deno.test({
  name:
    "connections that are reset, with a Receive waiting or in the middle of a request, leave nothing behind",
  ...posix,
  fn: async () => {
    const system = createSystem();
    const host = createProcessHost();
    const { service, client } = await serve({ system, processHost: host });
    const idle = system.stats.actors;
    const shell = await client.open();
    const command = await client.start(shell, "echo kept; sleep 300");
    assert.equal((await client.receive(shell, command)).stream("stdout"), "kept\n");
    const busy = system.stats.actors;
    const cut = new AbortController();
    const waiting = client.receive(shell, command, cut.signal);
    cut.abort();
    await assert.rejects(waiting);
    const { host: address, port } = service.addresses[0]!;
    const bytes = client.envelope("x", "");
    const head = new TextEncoder().encode(
      `POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    for (const length of [0, 10, head.length - 1, head.length]) {
      const raw = await Deno.connect({ hostname: address, port });
      await raw.write(head.subarray(0, length));
      raw.close();
    }
    await waitUntil(() => system.stats.actors <= busy + 1);
    const after = await client.start(shell, "echo after");
    assert.equal((await client.finish(shell, after)).stdout, "after\n");
    assert.equal((await client.delete(shell)).status, 200);
    await waitUntil(() => system.stats.actors <= idle + 2);
    await service.stop();
    assert.equal(system.stats.actors, 0);
    assert.equal(system.stats.timers, 0);
    await system.shutdown();
    await host.close();
  },
});

Deno.test({
  name: "several services share one actor system and one process host",
  ...posix,
  fn: async () => {
    const system = createSystem();
    const host = createProcessHost();
    const all = await Promise.all(Array.from({ length: 5 }, () => serve({ system, processHost: host })));
    const outputs = await Promise.all(
      all.map(async ({ client }, i) => (await client.run(await client.open(), `echo ${i}`)).stdout),
    );
    assert.deepEqual(outputs, ["0\n", "1\n", "2\n", "3\n", "4\n"]);
    await all[0]!.service.stop();
    assert.equal((await all[1]!.client.run(await all[1]!.client.open(), "echo on")).stdout, "on\n");
    for (const { service } of all) await service.stop();
    assert.equal(system.stats.actors, 0);
    await system.shutdown();
    await host.close();
  },
});

Deno.test("quota faults reach a real client", posix, async () => {
  const { service, client } = await serve({ settings: { MaxShellsPerUser: 1 } });
  await using _service = service;
  await client.open();
  await assert.rejects(client.open(), new RegExp(String(faultCode("QUOTA_MAX_SHELLS"))));
});

Deno.test("what cannot be served is said before anything listens", async () => {
  const base = { listeners: [{ host: "127.0.0.1", port: 0 }], accounts: accounts() };
  const bad: [Partial<StartServiceOptions>, string][] = [
    [{ listeners: [] }, "NoListener"],
    [{ auth: ["basic"] }, "NoUsableAuth"],
    [{ auth: [] }, "NoUsableAuth"],
    [{ settings: { Nonsense: 1 } }, "UnknownSetting"],
    [{ settings: { MaxShellsPerUser: "x" } }, "BadSetting"],
    [{ runAs: "no-such-user-here" }, "RunAsUnknown"],
  ];
  for (const [options, code] of bad) {
    await assert.rejects(
      startService({ ...base, ...options }),
      (error) => error instanceof UsageError && error.code === code,
    );
  }
  const first = await startService(base);
  const { port } = first.addresses[0]!;
  await assert.rejects(startService({ ...base, listeners: [{ host: "127.0.0.1", port }] }), DroverError);
  await first.stop();
});

Deno.test("shells run as root only when told so, or on loopback with a warning", () => {
  const user = (name: string, uid: number) => ({ name, uid, gid: uid, home: "/", shell: "/bin/sh" });
  const [root, me, other] = [user("root", 0), user("me", 1000), user("other", 1001)];
  const lookup = (name: string) => [root, me, other].find((candidate) => candidate.name === name);
  const loopback = [{ host: "127.0.0.1" }, { host: "::1" }];
  const open = [{ host: "127.0.0.1" }, { host: "0.0.0.0" }];
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as DroverError).code;
    }
  };
  assert.equal(code(() => decideRunAs(undefined, open, root, lookup)), "RunAsRequired");
  assert.ok(decideRunAs(undefined, loopback, root, lookup).warning);
  assert.deepEqual(decideRunAs("root", open, root, lookup), { systemUser: undefined, warning: undefined });
  assert.deepEqual(decideRunAs("other", open, root, lookup), { systemUser: "other", warning: undefined });
  assert.equal(code(() => decideRunAs("ghost", open, root, lookup)), "RunAsUnknown");
  assert.equal(code(() => decideRunAs("other", open, me, lookup)), "RunAsNotPermitted");
  assert.equal(code(() => decideRunAs("root", loopback, me, lookup)), "RunAsNotPermitted");
  assert.deepEqual(decideRunAs("me", open, me, lookup), { systemUser: undefined, warning: undefined });
  assert.deepEqual(decideRunAs(undefined, open, me, lookup), { systemUser: undefined, warning: undefined });
});

Deno.test({
  name: "a root service drops its shells to --run-as",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: async () => {
    const { service, client } = await serve({ runAs: "nobody" });
    await using _service = service;
    const { stdout } = await client.run(await client.open(), "id -un; id -G");
    assert.match(stdout, /^nobody\n/);
    assert.doesNotMatch(stdout, /(^|\s)0(\s|$)/m);
  },
});
