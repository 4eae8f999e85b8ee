import assert from "node:assert/strict";
import { faultCode } from "../../../protocol/wsman/mod.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import { Harness, result, shellBody } from "./harness.ts";

const guid = "12345678-1234-1234-1234-1234567890AB";

Deno.test("a command runs, gives its output as it comes, and ends with its exit code", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const process = h.processes.last;
  assert.deepEqual(process.spec.command, { kind: "line", line: "run" });

  client.sendBytes(h.request(h.receive(shell, command)));
  const waiting = client.answers.length;
  process.output("one");
  h.test.run();
  assert.equal(result(client.answers[waiting]!).stream("stdout"), "one");
  assert.match(result(client.answers[waiting]!).text, /CommandState\/Running/);

  process.output("two");
  process.output("bad", "stderr");
  process.exit(7);
  h.test.run();
  const last = h.call(client, h.receive(shell, command));
  assert.equal(last.stream("stdout"), "two");
  assert.equal(last.stream("stderr"), "bad");
  assert.match(last.text, /CommandState\/Done"><rsp:ExitCode>7</);
  assert.equal(last.text.split('End="true"').length, 3);

  assert.equal(h.call(client, h.signal(shell, command)).status, 200);
  assert.equal(h.call(client, h.signal(shell, command)).code, faultCode("UNEXPECTED_SELECTORS"));
});

Deno.test("the service joins Command and Arguments with single spaces, unless WINRS_SKIP_CMD_SHELL keeps them apart", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const args = "<rsp:Arguments>a b</rsp:Arguments><rsp:Arguments>&quot;c&quot;</rsp:Arguments>";
  h.call(client, h.command(shell, "prog", args));
  assert.deepEqual(h.processes.last.spec.command, { kind: "line", line: 'prog a b "c"' });
  h.call(client, { ...h.command(shell, "prog", args), options: { WINRS_SKIP_CMD_SHELL: "TRUE" } });
  assert.deepEqual(h.processes.last.spec.command, { kind: "argv", program: "prog", args: ["a b", '"c"'] });
});

Deno.test("environment, working directory, profile and system user reach the process", () => {
  const h = new Harness();
  const client = h.connect();
  const inner = '<rsp:Environment><rsp:Variable Name="A">1 &amp; 2</rsp:Variable></rsp:Environment>' +
    "<rsp:WorkingDirectory>/srv</rsp:WorkingDirectory>";
  const shell = h.open(client, { body: shellBody(inner), options: { WINRS_NOPROFILE: "TRUE" } }, "bob");
  h.start(client, shell, "run", "bob");
  const { spec } = h.processes.last;
  assert.deepEqual(spec.env, { A: "1 & 2" });
  assert.equal(spec.cwd, "/srv");
  assert.equal(spec.noProfile, true);
  assert.equal(spec.systemUser, "robert");
});

Deno.test("a code page converts input and output; 65001 lets bytes pass; an unknown one is refused", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client, { options: { WINRS_CODEPAGE: "437" } });
  const command = h.start(client, shell);
  h.call(client, h.send(shell, command, "ABC"));
  assert.equal(new TextDecoder().decode(h.processes.last.stdin[0]), "abc");
  h.processes.last.output("xyz");
  h.test.run();
  assert.equal(h.call(client, h.receive(shell, command)).stream("stdout"), "XYZ");

  const plain = h.open(client, { options: { WINRS_CODEPAGE: "65001" } });
  const other = h.start(client, plain);
  h.processes.last.output("xyz");
  h.test.run();
  assert.equal(h.call(client, h.receive(plain, other)).stream("stdout"), "xyz");

  const refused = h.call(client, {
    action: actions.create,
    body: shellBody(),
    options: { WINRS_CODEPAGE: "99" },
  });
  assert.equal(refused.code, faultCode("ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED"));
});

Deno.test("in console mode a Send of the single byte 3 is Ctrl+C, otherwise it is a byte", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const console = { ...h.command(shell, "a"), options: { WINRS_CONSOLEMODE_STDIN: "TRUE" } };
  const id = /CommandId>([^<]+)</.exec(h.call(client, console).text)![1]!;
  h.call(client, h.send(shell, id, "\x03"));
  assert.deepEqual(h.processes.last.signals, ["ctrl_c"]);
  assert.deepEqual(h.processes.last.stdin, []);

  const plain = h.start(client, shell);
  h.call(client, h.send(shell, plain, "\x03"));
  assert.deepEqual(h.processes.last.signals, []);
  assert.deepEqual(h.processes.last.stdin, [new Uint8Array([3])]);
});

Deno.test("the client chooses ids, echoed; a used one is a conflict, a strange one is refused", () => {
  const h = new Harness();
  const client = h.connect();
  const body = shellBody("", ` ShellId="${guid}" Name="job 7"`);
  const created = h.call(client, { action: actions.create, body });
  assert.match(created.text, new RegExp(`Name="ShellId">${guid}<`));
  assert.match(created.text, /<rsp:Name>job 7</);
  const again = h.call(client, { action: actions.create, body }, "bob");
  assert.equal(again.code, faultCode("ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT"));
  const strange = h.call(client, { action: actions.create, body: shellBody("", ' ShellId="7"') });
  assert.equal(strange.code, faultCode("ERROR_WINRS_SHELL_CLIENTID_NOT_VALID"));

  const line = h.command(guid, "a");
  const withId = { ...line, body: line.body!.replace("CommandLine>", `CommandLine CommandId="${guid}">`) };
  assert.match(h.call(client, withId).text, new RegExp(`CommandId>${guid}<`));
  assert.equal(
    h.call(client, withId).code,
    faultCode("ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT"),
  );
});

Deno.test("CommandResponse waits for the start; a start that fails is a fault and leaves no command", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  h.processes.onSpawn = () => {};
  client.sendBytes(h.request(h.command(shell, "slow")));
  assert.equal(client.answers.length, 1);
  h.processes.last.events.onStarted(1);
  h.test.run();
  assert.equal(client.answers.length, 2);

  for (const [code, fault] of [["NotFound", 2147942402], ["AccessDenied", 2147942405]] as const) {
    h.processes.onSpawn = (process) => {
      process.ended = true;
      process.events.onFailed(code, "start: no");
    };
    assert.equal(h.call(client, h.command(shell, "none")).code, fault);
  }
  h.processes.onSpawn = (process) => process.events.onStarted(2);
  h.start(client, shell);
});

Deno.test("a Receive without output ends with TimedOut after OperationTimeout, bounded by MaxTimeoutms, and can be repeated", () => {
  const h = new Harness({ settings: { MaxTimeoutms: 10_000 } });
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  client.sendBytes(h.request({ ...h.receive(shell, command), operationTimeoutMs: 180_000 }));
  h.test.advance(9_999);
  assert.equal(client.answers.length, 2);
  h.test.advance(1);
  const late = result(client.answers[2]!);
  assert.equal(late.status, 500);
  assert.equal(late.code, faultCode("OPERATION_TIMEDOUT"));
  h.processes.last.output("x");
  h.test.run();
  assert.equal(h.call(client, h.receive(shell, command)).stream("stdout"), "x");
});

Deno.test("answers fill the client's MaxEnvelopeSize and no more, and nothing is lost between them", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const all = Array.from({ length: 400 }, (_, i) => `${String(i).padStart(999, ".")}\n`).join("");
  for (let at = 0; at < all.length; at += 5_000) h.processes.last.output(all.slice(at, at + 5_000));
  h.processes.last.exit(0);
  h.test.run();
  let got = "";
  for (;;) {
    const answer = h.call(client, h.receive(shell, command));
    const size = client.answers.at(-1)!.body.length;
    assert.ok(size <= 153_600);
    got += answer.stream("stdout");
    if (answer.text.includes("/Done")) break;
    assert.ok(size > 140_000);
  }
  assert.equal(got, all);
});

Deno.test("many small pieces of both streams do not exceed the envelope either", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  for (let i = 0; i < 2_000; i++) h.processes.last.output("x", i % 2 === 0 ? "stdout" : "stderr");
  h.processes.last.exit(0);
  h.test.run();
  let count = 0;
  for (;;) {
    const answer = h.call(client, h.receive(shell, command));
    assert.ok(client.answers.at(-1)!.body.length <= 153_600);
    count += answer.stream("stdout").length + answer.stream("stderr").length;
    if (answer.text.includes("/Done")) break;
  }
  assert.equal(count, 2_000);
});

Deno.test("a process whose output nobody takes is not asked for more than about a megabyte", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const process = h.processes.last;
  const chunk = new Uint8Array(65_536);
  let given = 0;
  while (process.resumed.stdout > given && given < 100) {
    given++;
    process.output(chunk);
    h.test.run();
  }
  assert.equal(given, 16);
  h.call(client, h.receive(shell, command));
  assert.ok(process.resumed.stdout > given);
});

Deno.test("a second Receive for a command ends the first; the first must not be polled again", () => {
  const h = new Harness();
  const [one, two] = [h.connect(), h.connect()];
  const shell = h.open(one);
  const command = h.start(one, shell);
  one.sendBytes(h.request(h.receive(shell, command)));
  two.sendBytes(h.request(h.receive(shell, command)));
  assert.equal(result(one.answers.at(-1)!).code, 995);
  h.processes.last.output("x");
  h.test.run();
  assert.equal(result(two.answers.at(-1)!).stream("stdout"), "x");
});

Deno.test("output stays for the next Receive when the connection of a waiting one breaks or is half-closed", () => {
  for (const how of ["reset", "endInput"] as const) {
    const h = new Harness();
    const [one, two] = [h.connect(), h.connect()];
    const shell = h.open(one);
    const command = h.start(one, shell);
    one.sendBytes(h.request(h.receive(shell, command)));
    one[how]();
    if (how === "endInput") assert.equal(result(one.answers.at(-1)!).code, faultCode("OPERATION_TIMEDOUT"));
    h.processes.last.output("kept");
    h.test.run();
    assert.equal(h.call(two, h.receive(shell, command)).stream("stdout"), "kept");
  }
});

Deno.test("input is answered when it has room, and not taken at all when it had none in time", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const process = h.processes.last;
  process.takesInput = false;
  const piece = "x".repeat(300_000);
  for (let i = 0; i < 3; i++) assert.equal(h.call(client, h.send(shell, command, piece)).status, 200);
  client.sendBytes(h.request(h.send(shell, command, piece)));
  h.test.advance(20_000);
  assert.equal(result(client.answers.at(-1)!).code, faultCode("OPERATION_TIMEDOUT"));
  assert.equal(process.stdin.length, 3);

  client.sendBytes(h.request(h.send(shell, command, piece, true)));
  const before = client.answers.length;
  process.takeInput();
  h.test.run();
  assert.equal(client.answers.length, before + 1);
  assert.equal(process.stdin.length, 4);
  assert.equal(process.stdinEnded, true);
});

Deno.test("input for a process that has ended is dropped, an unknown stream is refused", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const wrong = h.send(shell, command, "x");
  assert.equal(
    h.call(client, { ...wrong, body: wrong.body!.replace("stdin", "pr") }).code,
    faultCode("SHELL_INVALID_INPUT_STREAM"),
  );
  h.processes.last.exit(0);
  h.test.run();
  assert.equal(h.call(client, wrong).status, 200);
  assert.deepEqual(h.processes.last.stdin, []);
});

Deno.test("terminate kills, answers when the process is gone, and ends a waiting Receive; ctrl_c only interrupts", () => {
  const h = new Harness();
  const [one, two] = [h.connect(), h.connect()];
  const shell = h.open(one);
  const command = h.start(one, shell);
  const process = h.processes.last;
  process.diesWhenKilled = false;
  for (const code of ["ctrl_c", "ctrl_break", "crtl_c"]) {
    assert.equal(h.call(one, h.signal(shell, command, code)).status, 200);
  }
  assert.deepEqual(process.signals, ["ctrl_c", "ctrl_break", "ctrl_c"]);
  two.sendBytes(h.request(h.receive(shell, command)));
  const before = one.answers.length;
  one.sendBytes(h.request(h.signal(shell, command, "Terminate")));
  assert.equal(process.signals.at(-1), "terminate");
  assert.equal(result(two.answers.at(-1)!).code, 995);
  assert.equal(one.answers.length, before);
  process.exit(137);
  h.test.run();
  assert.equal(result(one.answers.at(-1)!).status, 200);
  assert.equal(h.call(one, h.receive(shell, command)).code, faultCode("UNEXPECTED_SELECTORS"));
});

Deno.test("Delete kills all commands, answers when they are gone, and leaves nothing", () => {
  const h = new Harness();
  const [one, two] = [h.connect(), h.connect()];
  const shell = h.open(one);
  const command = h.start(one, shell);
  h.start(one, shell);
  for (const process of h.processes.processes) process.diesWhenKilled = false;
  two.sendBytes(h.request(h.receive(shell, command)));
  const before = one.answers.length;
  one.sendBytes(h.request({ action: actions.delete, selectors: { ShellId: shell } }));
  assert.equal(h.call(h.connect(), h.receive(shell, command)).code, faultCode("UNEXPECTED_SELECTORS"));
  assert.equal(result(two.answers.at(-1)!).code, 995);
  assert.equal(one.answers.length, before);
  for (const process of h.processes.processes) process.exit(137);
  h.test.run();
  assert.equal(result(one.answers.at(-1)!).status, 200);
  assert.equal(h.events.at(-1)!.kind, "shellClosed");
});

Deno.test("another user's shell and an unknown one look the same", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  for (
    const parts of [
      h.receive(shell, command),
      h.signal(shell, command),
      h.command(shell, "x"),
      { action: actions.get, selectors: { ShellId: shell } },
      { action: actions.delete, selectors: { ShellId: shell } },
    ]
  ) {
    const foreign = h.call(client, parts, "bob");
    const unknown = h.call(client, { ...parts, selectors: { ShellId: guid } });
    assert.equal(foreign.code, faultCode("UNEXPECTED_SELECTORS"));
    assert.equal(unknown.code, faultCode("UNEXPECTED_SELECTORS"));
  }
  assert.equal(
    h.call(client, { action: actions.get, selectors: { shellid: `uuid:${shell.toLowerCase()}` } }).status,
    200,
  );
});

Deno.test("an idle shell is reaped with its processes; a shorter idle time-out than a minute changes nothing", () => {
  const h = new Harness({ settings: { IdleTimeout: 300_000 } });
  const client = h.connect();
  const short = "<rsp:IdleTimeOut>PT1.000S</rsp:IdleTimeOut>";
  const shell = h.open(client, { body: shellBody(short) });
  h.start(client, shell);
  assert.match(
    h.call(client, { action: actions.get, selectors: { ShellId: shell } }).text,
    /IdleTimeOut>PT300.000S</,
  );
  h.test.advance(299_000);
  assert.equal(h.processes.alive, 1);
  h.test.advance(1_000);
  assert.equal(h.processes.alive, 0);
  assert.deepEqual(h.events.at(-1), {
    kind: "shellClosed",
    shellId: shell,
    user: "alice",
    reason: "expired",
  });
  assert.deepEqual(leftovers(h), h.idle);
});

Deno.test("a waiting Receive keeps a shell from being idle, a Lifetime ends it all the same", () => {
  const h = new Harness({ settings: { IdleTimeout: 60_000 } });
  const client = h.connect();
  const shell = h.open(client, { body: shellBody("<rsp:Lifetime>PT90S</rsp:Lifetime>") });
  const command = h.start(client, shell);
  client.sendBytes(h.request({ ...h.receive(shell, command), operationTimeoutMs: 60_000 }));
  h.test.advance(59_999);
  client.sendBytes(h.request({ ...h.receive(shell, command), operationTimeoutMs: 60_000 }));
  h.test.advance(29_000);
  assert.equal(h.processes.alive, 1);
  h.test.advance(2_000);
  assert.equal(h.processes.alive, 0);
});

Deno.test("output of a command that MaxShellRunTime ends is still delivered", () => {
  const h = new Harness({ settings: { MaxShellRunTime: 5_000 } });
  const client = h.connect();
  const shellId = h.open(client);
  const commandId = h.start(client, shellId);
  h.processes.last.output("written before");
  h.test.advance(5_000);
  const answer = h.call(client, h.receive(shellId, commandId));
  assert.equal(answer.stream("stdout"), "written before");
  assert.match(answer.text, /<rsp:ExitCode>137</);
});

Deno.test("a command that runs longer than MaxShellRunTime is killed", () => {
  const h = new Harness({ settings: { MaxShellRunTime: 5_000 } });
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  h.test.advance(5_000);
  assert.match(h.call(client, h.receive(shell, command)).text, /Done"><rsp:ExitCode>137</);
});

Deno.test("closing and stopping leave no actor, timer or process", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  h.start(client, shell);
  client.reset();
  h.test.system.stop(h.root);
  h.test.advance(1_000);
  assert.equal(h.processes.alive, 0);
  assert.deepEqual(h.test.crashes, []);
  assert.equal(h.test.system.stats.timers, 0);
});

function leftovers(h: Harness): { actors: number; timers: number } {
  h.test.advance(200_000);
  const { actors, timers } = h.test.system.stats;
  return { actors, timers };
}
