/** Commands as real processes: streams, exit codes, groups, accounts. */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { createProcessHost, type OwnedProcessHost } from "../../../runtime/os/process_host.ts";
import { currentUser } from "../../../runtime/os/users.ts";
import { own, processesWith, ProcessRecorder, run, until } from "./process_recorder.ts";

const unix = Deno.build.os !== "windows";
const isRoot = unix && Deno.uid() === 0;

function test(
  name: string,
  body: (host: OwnedProcessHost) => Promise<void>,
  options: { ignore?: boolean; graceMs?: number } = {},
): void {
  Deno.test({
    name,
    ignore: options.ignore ?? !unix,
    fn: async () => {
      const host = createProcessHost(options.graceMs === undefined ? {} : { graceMs: options.graceMs });
      try {
        await body(host);
      } finally {
        await host.close();
      }
    },
  });
}

test("a line runs in the shell: both outputs, the exit code, events in order", async (host) => {
  const command = run(host, "echo out; echo err >&2; exit 7");
  assert.deepEqual(command.log, [], "no event may come from inside spawn");
  assert.deepEqual(await command.ending.promise, { exitCode: 7 });
  assert.deepEqual(command.text, { stdout: "out\n", stderr: "err\n" });
  assert.equal(command.log[0], "started");
  assert.equal(command.log.at(-1), "exit");
  assert.equal(command.log.length, 4);
});

test("an argument vector reaches the program unchanged, without a shell", async (host) => {
  const args = ["a b", "$HOME", "*", "", "'\"", "ü\n"];
  const command = run(host, { kind: "argv", program: "printf", args: ["<%s>", ...args] });
  assert.deepEqual(await command.ending.promise, { exitCode: 0 });
  assert.equal(command.text.stdout, args.map((arg) => `<${arg}>`).join(""));
});

test("output comes as it is produced, and stdin is answered for", async (host) => {
  const command = run(host, 'while read -r line; do echo "got $line"; done; echo bye');
  const taken: boolean[] = [];
  command.handle.writeStdin(utf8("one\n"), (ok) => taken.push(ok));
  await command.seen("got one");
  command.handle.writeStdin(utf8("two\n"), (ok) => taken.push(ok));
  command.handle.endStdin();
  assert.deepEqual(await command.ending.promise, { exitCode: 0 });
  assert.equal(command.text.stdout, "got one\ngot two\nbye\n");
  assert.deepEqual(taken, [true, true]);
});

test("stdin that nobody reads is refused, pieces that wait included", async (host) => {
  const command = run(host, "exec <&-; echo closed; sleep 0.2");
  await command.seen("closed");
  const answers: boolean[] = [];
  for (let i = 0; i < 5; i++) command.handle.writeStdin(new Uint8Array(100_000), (ok) => answers.push(ok));
  await command.ending.promise;
  const after = Promise.withResolvers<boolean>();
  command.handle.writeStdin(utf8("late"), after.resolve);
  assert.equal(await after.promise, false);
  assert.deepEqual(answers, [false, false, false, false, false]);
});

test("a command whose output nobody takes is held up, and goes on when somebody does", async (host) => {
  const line = "head -c 50000000 /dev/zero; echo end >&2";
  const slow = run(host, line, {}, new ProcessRecorder({ paused: true, count: true }));
  slow.handle.resume("stderr");
  // The yardstick: the same command with a reader, from its start to its end.
  const swift = run(host, line, {}, new ProcessRecorder({ count: true }));
  assert.deepEqual(await swift.ending.promise, { exitCode: 0 });
  assert.deepEqual([...slow.log, slow.bytes], ["started", 0]);
  slow.options.paused = false;
  slow.handle.resume("stdout");
  assert.deepEqual(await slow.ending.promise, { exitCode: 0 });
  assert.equal(slow.bytes, 50_000_000 + 4);
});

test("signals reach the whole group; a killed process has 128 + signal", async (host) => {
  for (const [kind, code] of [["ctrl_c", 130], ["ctrl_break", 131], ["terminate", 137]] as const) {
    const command = run(host, `sleep ${own(4321)} & exec sleep ${own(4322)}`);
    await command.started.promise;
    // Before the shell has become the second sleep, a signal would be the shell's.
    await until("it sleeps", () => processesWith(`sleep\0${own(4322)}`).length === 1);
    command.handle.signal(kind);
    assert.deepEqual(await command.ending.promise, { exitCode: code });
    command.handle.signal(kind);
    for (const number of [4321, 4322]) {
      await until("nobody is left", () => processesWith(`sleep\0${own(number)}`).length === 0);
    }
  }
}, { graceMs: 100 });

test(
  "a process left behind does not hold the command open for ever, and does not outlive it",
  async (host) => {
    const command = run(host, `sleep ${own(4333)} & echo done`);
    assert.deepEqual(await command.ending.promise, { exitCode: 0 });
    assert.equal(command.text.stdout, "done\n");
    await until("nobody is left", () => processesWith(`sleep\0${own(4333)}`).length === 0);
  },
  { graceMs: 100 },
);

test("a process left behind that left the group, too, does not hold the command open", async (host) => {
  const command = run(host, `setsid sleep ${own(4334)} & echo done`);
  assert.deepEqual(await command.ending.promise, { exitCode: 0 });
  for (const pid of processesWith(`sleep\0${own(4334)}`)) Deno.kill(pid, "SIGKILL");
}, { graceMs: 100 });

test("output of a process left behind still comes while it is not silent", async (host) => {
  const command = run(host, "(sleep 0.2; echo later) & echo first");
  assert.deepEqual(await command.ending.promise, { exitCode: 0 });
  assert.equal(command.text.stdout, "first\nlater\n");
}, { graceMs: 5000 });

test("terminate ends a command whose output nobody takes", async (host) => {
  const command = run(host, `setsid yes ${own(4337)} & yes`, {}, new ProcessRecorder({ paused: true }));
  await command.started.promise;
  command.handle.signal("terminate");
  assert.deepEqual(await command.ending.promise, { exitCode: 137 });
  for (const pid of processesWith(`yes\0${own(4337)}`)) Deno.kill(pid, "SIGKILL");
});

test("what cannot be started says why", async (host) => {
  const argv = (program: string, ...args: string[]) => ({ kind: "argv", program, args }) as const;
  const cases = [
    [argv("no-such-program-here"), {}, "NotFound"],
    [argv("/no/such/program"), {}, "NotFound"],
    [argv("/etc/passwd"), {}, "AccessDenied"],
    ["true", { cwd: "/no/such/directory" }, "BadDirectory"],
    ["true", { cwd: "/etc/passwd" }, "BadDirectory"],
    [argv("echo", "a\0b"), {}, "SpawnFailed"],
    ["echo a\0b", {}, "SpawnFailed"],
    ["true", { env: { "A=B": "c" } }, "SpawnFailed"],
    ["true", { env: { A: "c\0" } }, "SpawnFailed"],
    [argv("echo", "x".repeat(3_000_000)), {}, "SpawnFailed"],
    ["true", { systemUser: "no-such-user-here" }, "AccessDenied"],
  ] as const;
  for (const [command, spec, code] of cases) {
    const recorder = run(host, command, spec);
    assert.deepEqual(recorder.log, [], "no event may come from inside spawn");
    const ending = await recorder.ending.promise;
    assert.equal("failed" in ending ? ending.failed : ending.exitCode, code);
    assert.deepEqual(recorder.log, ["failed"]);
    const answer = Promise.withResolvers<boolean>();
    recorder.handle.writeStdin(utf8("x"), answer.resolve);
    recorder.handle.endStdin();
    recorder.handle.resume("stdout");
    recorder.handle.signal("terminate");
    assert.equal(await answer.promise, false);
  }
});

test("a command sees the base environment and the client's variables, never the service's own", async (host) => {
  Deno.env.set("DROVER_TEST_PASSWORD", "do not leak me");
  const command = run(host, "env", { env: { GREETING: "hello world" } });
  await command.ending.promise;
  Deno.env.delete("DROVER_TEST_PASSWORD");
  assert.ok(!command.text.stdout.includes("do not leak me"));
  const names = command.text.stdout.split("\n").map((line) => line.split("=")[0]).filter((name) =>
    name !== ""
  ).sort();
  assert.deepEqual(
    names.filter((name) => name !== "_" && name !== "OLDPWD"),
    ["DROVER_SERVICE_ID", "GREETING", "HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "USER"],
  );
  assert.match(command.text.stdout, /^GREETING=hello world$/m);
});

test("the profile is the home; without it a command starts in the root directory", async (host) => {
  const { home } = currentUser();
  const loaded = run(host, "pwd; echo $HOME");
  await loaded.ending.promise;
  assert.equal(loaded.text.stdout, `${home}\n${home}\n`);
  const bare = run(host, "pwd; echo $HOME", { noProfile: true });
  await bare.ending.promise;
  assert.equal(bare.text.stdout, "/\n/\n");
  const elsewhere = run(host, "pwd", { cwd: "/tmp" });
  await elsewhere.ending.promise;
  assert.equal(elsewhere.text.stdout, "/tmp\n");
});

test("500 commands at a time all end", async (host) => {
  const commands = Array.from({ length: 500 }, (_, index) => run(host, `echo ${index}; exit ${index % 7}`));
  for (const [index, command] of commands.entries()) {
    assert.deepEqual(await command.ending.promise, { exitCode: index % 7 });
    assert.equal(command.text.stdout, `${index}\n`);
  }
});

test("closing the host ends what still runs", async (host) => {
  const command = run(host, `sleep ${own(4335)}`);
  await command.started.promise;
  const closed = host.close();
  assert.deepEqual(await command.ending.promise, { exitCode: 137 });
  const late = await run(host, "true").ending.promise;
  assert.equal("failed" in late && late.failed, "SpawnFailed");
  await closed;
});

// As another account: for these the tests must run as root.

const other = "nobody";

test("run-as drops uid, gid and groups and takes the account's environment", async (host) => {
  const command = run(host, "id -u; id -g; id -G; echo $USER $LOGNAME", { systemUser: other });
  assert.deepEqual(await command.ending.promise, { exitCode: 0 });
  const expected = await new Deno.Command("sh", {
    args: ["-c", `id -u ${other}; id -g ${other}; id -G ${other}`],
  }).output();
  assert.equal(command.text.stdout, `${new TextDecoder().decode(expected.stdout)}${other} ${other}\n`);
  assert.equal(command.text.stderr, "");
}, { ignore: !isRoot });

test(
  "run-as: the client's variables arrive whole, and none of them acts while we are still root",
  async (host) => {
    const proof = Deno.makeTempDirSync();
    Deno.chmodSync(proof, 0o777);
    const env = {
      LD_PRELOAD: "/nonexistent/evil.so",
      LD_DEBUG: "all",
      LD_DEBUG_OUTPUT: `${proof}/trace`,
      TEXT: 'it\'s "$HOME" `id`\nsecond line',
      PATH: "/usr/bin:/bin",
      n: "short",
      PPID: "1",
      "not.a.name": "x",
    };
    const command = run(
      host,
      'printf \'%s|%s|%s\' "$TEXT" "$LD_PRELOAD" "$n"; env | grep -c DROVER_ENV_ >&2',
      {
        systemUser: other,
        env,
      },
    );
    await command.ending.promise;
    assert.equal(command.text.stdout, `${env.TEXT}|${env.LD_PRELOAD}|short`);
    assert.match(command.text.stderr, /^0$/m);
    // With LD_DEBUG in its environment, setpriv as root would have left a trace file of root's here.
    for (const { name } of Deno.readDirSync(proof)) {
      assert.notEqual(
        Deno.statSync(`${proof}/${name}`).uid,
        0,
        name,
      );
    }
    Deno.removeSync(proof, { recursive: true });
  },
  { ignore: !isRoot },
);

test("run-as: the account's own groups are set, the service's are gone", async (host) => {
  // An account with a supplementary group, from the system's own list: what `id` says is the yardstick.
  const withGroups = Deno.readTextFileSync("/etc/group").split("\n").map((line) => line.split(":")[3] ?? "")
    .flatMap((members) => members.split(",")).find((name) => name !== "" && name !== "root") ?? other;
  const command = run(host, "id -G", { systemUser: withGroups });
  await command.ending.promise;
  const expected = await new Deno.Command("id", { args: ["-G", withGroups] }).output();
  assert.equal(command.text.stdout, new TextDecoder().decode(expected.stdout));
}, { ignore: !isRoot });

test("run-as: an argument vector, a missing program, and signals", async (host) => {
  const argv = (program: string, ...args: string[]) => ({ kind: "argv", program, args }) as const;
  const fine = run(host, argv("printf", "%s|", "a b", "$x"), { systemUser: other, env: { A: "b" } });
  assert.deepEqual(await fine.ending.promise, { exitCode: 0 });
  assert.equal(fine.text.stdout, "a b|$x|");
  for (
    const [program, code] of [["no-such-program-here", "NotFound"], ["/etc/passwd", "AccessDenied"]] as const
  ) {
    const ending = await run(host, argv(program), { systemUser: other }).ending.promise;
    assert.equal("failed" in ending && ending.failed, code);
  }
  const long = run(host, `echo here; sleep ${own(4336)}`, { systemUser: other });
  await long.seen("here");
  long.handle.signal("terminate");
  assert.deepEqual(await long.ending.promise, { exitCode: 137 });
  await until("nobody is left", () => processesWith(`sleep\0${own(4336)}`).length === 0);
}, { ignore: !isRoot });

test("run-as: a file of root's stays unreadable", async (host) => {
  const command = run(host, "cat /etc/shadow", { systemUser: other });
  assert.deepEqual(await command.ending.promise, { exitCode: 1 });
}, { ignore: !isRoot });

test(
  "run-as: a directory that only root can reach is neither entered nor told apart from none",
  async (host) => {
    const hidden = Deno.makeTempDirSync();
    const inner = `${hidden}/inner`;
    Deno.mkdirSync(inner);
    Deno.chmodSync(inner, 0o755);
    Deno.writeTextFileSync(`${inner}/run.sh`, "#!/bin/sh\necho secret\n");
    Deno.chmodSync(`${inner}/run.sh`, 0o755);
    Deno.chmodSync(hidden, 0o700);
    const argv = (program: string) => ({ kind: "argv", program, args: [] }) as const;
    const messages: string[] = [];
    for (const cwd of [inner, `${hidden}/none`, hidden]) {
      const ending = await run(host, "cat run.sh; pwd", { systemUser: other, cwd }).ending.promise;
      assert.equal("failed" in ending && ending.failed, "BadDirectory", cwd);
      if ("message" in ending) messages.push(ending.message.replace(cwd, ""));
    }
    for (const program of [`${inner}/run.sh`, `${hidden}/none`]) {
      const ending = await run(host, argv(program), { systemUser: other }).ending.promise;
      assert.equal("failed" in ending && ending.failed, "NotFound", program);
    }
    assert.equal(new Set(messages).size, 1);
    // Once it is open, it is entered, and nothing of the way there is left in the environment.
    Deno.chmodSync(hidden, 0o755);
    const command = run(host, 'cat run.sh; pwd; echo "$PWD|$OLDPWD"', {
      systemUser: other,
      cwd: inner,
      env: { OLDPWD: "/mine" },
    });
    assert.deepEqual(await command.ending.promise, { exitCode: 0 });
    assert.equal(command.text.stdout, `#!/bin/sh\necho secret\n${inner}\n${inner}|/mine\n`);
    const script = run(host, argv("./run.sh"), { systemUser: other, cwd: inner });
    assert.deepEqual(await script.ending.promise, { exitCode: 0 });
    Deno.removeSync(hidden, { recursive: true });
  },
  { ignore: !isRoot },
);

test("odd names of variables are like others, or refused", async (host) => {
  const env = Object.fromEntries([
    ["__proto__", "a"],
    ["constructor", "b"],
    ["toString", "c"],
    ["BASH_FUNC_x%%", "() { echo evil; }"],
    ["with space", "d"],
    ["line\nbreak", "e"],
  ]);
  for (const systemUser of isRoot ? [undefined, other] : [undefined]) {
    const command = run(host, { kind: "argv", program: "env", args: ["-0"] }, {
      ...(systemUser === undefined ? {} : { systemUser }),
      env,
    });
    await command.ending.promise;
    for (const [name, value] of Object.entries(env)) {
      // As another account they go through a shell, which takes only names of its own form.
      const expected = systemUser === undefined || /^\w+$/.test(name);
      assert.equal(command.text.stdout.includes(`${name}=${value}\0`), expected, `${name} ${systemUser}`);
    }
  }
  for (const bad of ["A=B", "", "nul\0"]) {
    const ending = await run(host, "true", { env: { [bad]: "x" } }).ending.promise;
    assert.equal("failed" in ending && ending.failed, "SpawnFailed", JSON.stringify(bad));
  }
}, { ignore: Deno.build.os !== "linux" });

test("a relative directory is relative to the home, not to the service's own directory", async (host) => {
  const home = currentUser().home;
  const name = `drover-test-${crypto.randomUUID()}`;
  Deno.mkdirSync(`${home}/${name}`);
  try {
    const command = run(host, "pwd", { cwd: name });
    await command.ending.promise;
    assert.equal(command.text.stdout, `${Deno.realPathSync(`${home}/${name}`)}\n`);
  } finally {
    Deno.removeSync(`${home}/${name}`);
  }
});
