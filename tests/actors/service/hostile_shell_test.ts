/** Shells, commands and enumerations under hostile but authenticated clients: bounds hold, and everything comes back. */
import assert from "node:assert/strict";
import { OutputBuffer } from "../../../actors/service/output_buffer.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { actions, ns, resources } from "../../../protocol/soap/mod.ts";
import { faultCode } from "../../../protocol/wsman/mod.ts";
import { assertUnharmed, chosenShell, commandId, shellId, tight } from "./attacks.ts";
import { type FakeClient, Harness, result } from "./harness.ts";

const create = { action: actions.create, body: chosenShell() };
const remove = { action: actions.delete, selectors: { ShellId: shellId } };
const unknown = faultCode("UNEXPECTED_SELECTORS");

function lastOf(client: FakeClient) {
  return result(client.answers.at(-1)!);
}

Deno.test("requests with a wrong action, resource, selector, option or stream are faults, and begin nothing", () => {
  const h = tight();
  const client = h.connect();
  h.call(client, create);
  const at = { selectors: { ShellId: shellId } };
  const command = h.command(shellId, "x");
  const cases: [string, Parameters<Harness["call"]>[1], string][] = [
    ["no resource", { ...create, resourceUri: "" }, "INVALID_RESOURCE_URI"],
    ["another resource", { ...create, resourceUri: "http://schemas.dmtf.org/x" }, "RESOURCE_NOT_FOUND"],
    [
      "PowerShell",
      { ...create, resourceUri: "http://schemas.microsoft.com/powershell/Microsoft.PowerShell" },
      "RESOURCE_NOT_FOUND",
    ],
    ["a prototype's action", { ...create, action: "__proto__" }, "ACTION_NOT_SUPPORTED"],
    ["no action of ours", { ...create, action: `${ns.rsp}/Destroy` }, "ACTION_NOT_SUPPORTED"],
    ["no selector", { ...command, selectors: {} }, "INVALID_SELECTORS"],
    ["another selector", { ...command, selectors: { Name: shellId } }, "INVALID_SELECTORS"],
    ["no such shell", { ...command, selectors: { ShellId: commandId } }, "UNEXPECTED_SELECTORS"],
    ["no id at all", { ...command, selectors: { ShellId: "__proto__" } }, "UNEXPECTED_SELECTORS"],
    ["no such command", h.receive(shellId, commandId), "UNEXPECTED_SELECTORS"],
    ["an id of a prototype", h.receive(shellId, "constructor"), "UNEXPECTED_SELECTORS"],
    [
      "an option that is no flag",
      { ...command, options: { WINRS_SKIP_CMD_SHELL: "maybe" } },
      "INVALID_OPTIONS",
    ],
    ["an unknown code page", {
      ...create,
      body: chosenShell(commandId),
      options: { WINRS_CODEPAGE: "31337" },
    }, "ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED"],
    ["another body", { ...create, body: "<rsp:Hell/>" }, "SCHEMA_VALIDATION_ERROR"],
    ["two bodies", { ...create, body: chosenShell(commandId).repeat(2) }, "SCHEMA_VALIDATION_ERROR"],
    ["an empty body", { ...create, body: "" }, "SCHEMA_VALIDATION_ERROR"],
    ["no command", { ...at, action: actions.command, body: "<rsp:CommandLine/>" }, "SCHEMA_VALIDATION_ERROR"],
    ["another signal", h.signal(shellId, commandId, "nuke"), "INVALID_PARAMETER"],
    ["another stream", {
      ...at,
      action: actions.receive,
      body:
        `<rsp:Receive><rsp:DesiredStream CommandId="${commandId}">stdfoo</rsp:DesiredStream></rsp:Receive>`,
    }, "SHELL_INVALID_DESIRED_STREAMS"],
    ["no base64", {
      ...at,
      action: actions.send,
      body: `<rsp:Send><rsp:Stream Name="stdin" CommandId="${commandId}">!!!</rsp:Stream></rsp:Send>`,
    }, "SCHEMA_VALIDATION_ERROR"],
    [
      "a ShellId that is none",
      { ...create, body: chosenShell("../../etc") },
      "ERROR_WINRS_SHELL_CLIENTID_NOT_VALID",
    ],
    ["a ShellId that is taken", create, "ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT"],
    [
      "a ShellId that is taken, spelt otherwise",
      { ...create, body: chosenShell(`UUID:${shellId}`) },
      "ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT",
    ],
    ["a CommandId that is none", {
      ...at,
      action: actions.command,
      body: '<rsp:CommandLine CommandId="1"><rsp:Command>x</rsp:Command></rsp:CommandLine>',
    }, "ERROR_WINRS_SHELLCOMMAND_CLIENTID_NOT_VALID"],
    ["a variable without name", {
      ...create,
      body: chosenShell(
        commandId,
        '<rsp:Environment><rsp:Variable Name="">x</rsp:Variable></rsp:Environment>',
      ),
    }, "INVALID_PARAMETER"],
    ["a variable with a sign", {
      ...create,
      body: chosenShell(
        commandId,
        '<rsp:Environment><rsp:Variable Name="A=B">x</rsp:Variable></rsp:Environment>',
      ),
    }, "INVALID_PARAMETER"],
    ["one shell too many", { ...create, body: chosenShell(commandId) }, "QUOTA_MAX_SHELLS"],
  ];
  for (const [name, parts, fault] of cases) {
    const answer = h.call(client, parts);
    assert.equal(answer.code, faultCode(fault), `${name}: ${answer.text}`);
  }
  assert.equal(h.processes.processes.length, 0);
  assert.equal(h.call(client, remove).status, 200);
  client.reset();
  assertUnharmed(h);
});

Deno.test("a prototype's names are names of variables like others", () => {
  const h = tight();
  const client = h.connect();
  const names = ["__proto__", "constructor", "toString", "LD_PRELOAD", "BASH_FUNC_x%%", "a\nb"];
  const variables = names.map((name) =>
    `<rsp:Variable Name="${name.replace("\n", "&#10;")}">v-${name.length}</rsp:Variable>`
  );
  const inner = `<rsp:Environment>${variables.join("")}</rsp:Environment>`;
  assert.equal(h.call(client, { ...create, body: chosenShell(shellId, inner) }).status, 200);
  h.start(client, shellId);
  const { env } = h.processes.last.spec;
  assert.deepEqual(Object.keys(env).sort(), [...names].sort());
  for (const name of names) {
    assert.equal(Object.getOwnPropertyDescriptor(env, name)?.value, `v-${name.length}`);
  }
  h.call(client, remove);
  client.reset();
  assertUnharmed(h);
});

Deno.test("another user's shell is like none, for every operation", () => {
  const h = new Harness();
  const owner = h.connect();
  h.call(owner, create);
  const command = h.start(owner, shellId);
  const thief = h.connect();
  const filter =
    `<w:Filter Dialect="http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"><w:SelectorSet>` +
    `<w:Selector Name="ShellId">${shellId}</w:Selector></w:SelectorSet></w:Filter>`;
  const attempts = [
    h.command(shellId, "x"),
    h.receive(shellId, command),
    h.send(shellId, command, "x"),
    h.signal(shellId, command),
    { action: actions.get, selectors: { ShellId: shellId } },
    remove,
    {
      action: actions.enumerate,
      resourceUri: resources.command,
      body: `<n:Enumerate>${filter}</n:Enumerate>`,
    },
  ];
  for (const attempt of attempts) assert.equal(h.call(thief, attempt, "bob").code, unknown);
  const listed = h.call(thief, {
    action: actions.enumerate,
    resourceUri: resources.shell,
    body: "<n:Enumerate><w:OptimizeEnumeration/></n:Enumerate>",
  }, "bob");
  assert.ok(!listed.text.includes(shellId));
  assert.equal(h.processes.last.signals.length, 0);
  const context = /EnumerationContext>(uuid:[^<]+)</.exec(
    h.call(owner, { action: actions.enumerate, resourceUri: resources.shell, body: "<n:Enumerate/>" }).text,
  )![1]!;
  for (const name of ["Pull", "Release"]) {
    const stolen = h.call(thief, {
      action: name === "Pull" ? actions.pull : actions.release,
      resourceUri: resources.shell,
      body: `<n:${name}><n:EnumerationContext>${context}</n:EnumerationContext></n:${name}>`,
    }, "bob");
    assert.equal(stolen.code, faultCode("ENUMERATE_INVALID_ENUMERATION_CONTEXT"));
  }
  h.call(owner, remove);
  owner.reset();
  thief.reset();
  assertUnharmed(h);
});

Deno.test("a shell that is deleted and made again in one breath, many times, is one shell each time", () => {
  const h = tight();
  const clients = [h.connect(), h.connect()];
  for (let i = 0; i < 100; i++) {
    const client = clients[i % 2]!;
    client.sendBytes(concat([h.request(create), h.request(h.command(shellId, "x")), h.request(remove)]));
    assert.equal(lastOf(client).status, 200, lastOf(client).text);
  }
  assert.equal(h.processes.alive, 0);
  for (const client of clients) client.reset();
  assertUnharmed(h);
});

Deno.test("Signal and Delete while a command starts, and a command that will not die, come to their end", () => {
  const h = tight({ settings: { MaxConcurrentOperationsPerUser: 5 } });
  h.processes.onSpawn = () => {};
  const client = h.connect();
  h.call(client, create);
  client.sendBytes(h.request({
    action: actions.command,
    selectors: { ShellId: shellId },
    body: `<rsp:CommandLine CommandId="${commandId}"><rsp:Command>x</rsp:Command></rsp:CommandLine>`,
  }));
  const process = h.processes.last;
  process.diesWhenKilled = false;
  const other = h.connect();
  other.sendBytes(h.request(h.signal(shellId, commandId)));
  const third = h.connect();
  third.sendBytes(h.request(remove));
  assert.deepEqual(process.signals.slice(0, 1), ["terminate"]);
  process.events.onStarted(1);
  h.test.run();
  const late = h.connect();
  assert.equal(h.call(late, h.command(shellId, "y")).code, unknown);
  process.exit(137);
  h.test.run();
  assert.equal(lastOf(third).status, 200);
  assert.equal(lastOf(other).status, 200);
  assert.ok(client.answers.length === 2);
  h.processes.onSpawn = (next) => next.events.onStarted(1);
  for (const each of [client, other, third, late]) each.reset();
  assertUnharmed(h);
});

Deno.test("a storm of Receives for one command: each ends the one before, all are answered", () => {
  const h = tight({ settings: { MaxConcurrentOperationsPerUser: 5 } });
  const first = h.connect();
  h.call(first, create);
  const command = h.start(first, shellId);
  const storm: FakeClient[] = [];
  for (let i = 0; i < 200; i++) {
    const client = h.connect();
    client.sendBytes(h.request(h.receive(shellId, command)));
    storm.push(client);
  }
  assert.ok(storm.slice(0, -1).every((client) => lastOf(client).code === 995));
  h.processes.last.output("once");
  h.test.run();
  assert.equal(lastOf(storm.at(-1)!).stream("stdout"), "once");
  h.call(first, remove);
  for (const client of [first, ...storm]) client.reset();
  assertUnharmed(h);
});

Deno.test("a process that never reads holds up its Sends, not the memory of the service", () => {
  const h = tight({ settings: { MaxConcurrentOperationsPerUser: 10 } });
  const client = h.connect();
  h.call(client, create);
  const command = h.start(client, shellId);
  h.processes.last.takesInput = false;
  const clients = Array.from({ length: 30 }, () => h.connect());
  for (const sender of clients) {
    const bytes = h.request(h.send(shellId, command, "x".repeat(300_000)));
    sender.sendBytes(bytes);
  }
  const taken = h.processes.last.stdin.reduce((sum, { length }) => sum + length, 0);
  assert.ok(taken <= 1_400_000);
  const refused = clients.filter((sender) =>
    sender.answers.length === 1 && lastOf(sender).code === faultCode("QUOTA_MAX_OPERATIONS")
  );
  assert.ok(refused.length >= 15);
  h.test.advance(21_000);
  assert.ok(clients.every((sender) => sender.answers.length === 1));
  h.call(client, remove);
  for (const each of [client, ...clients]) each.reset();
  assertUnharmed(h);
});

Deno.test("output that nobody fetches stops its process, in large pieces and in single bytes", () => {
  for (const size of [1, 65_536]) {
    const h = tight();
    const client = h.connect();
    h.call(client, create);
    const command = h.start(client, shellId);
    const process = h.processes.last;
    const byte = new Uint8Array(size).fill(65);
    let given = 0;
    for (let asked = 0; process.resumed.stdout > asked && given < 200_000; given++) {
      asked = process.resumed.stdout;
      process.output(byte);
      h.test.run();
    }
    assert.ok(given <= 8_192 && given * size <= 2_000_000, `${given} pieces`);
    process.exit(0);
    let bytes = 0;
    for (;;) {
      const answer = h.call(client, h.receive(shellId, command));
      bytes += answer.stream("stdout").length;
      if (/ExitCode/.test(answer.text)) break;
    }
    assert.equal(bytes, given * size);
    h.call(client, remove);
    client.reset();
    assertUnharmed(h);
  }
});

Deno.test("pieces that are taken make room, whichever stream and however they are taken", () => {
  const buffer = new OutputBuffer();
  const one = utf8("a");
  while (buffer.hasRoom("stdout")) buffer.push("stdout", one);
  assert.ok(buffer.hasRoom("stderr"));
  buffer.push("stderr", one);
  buffer.take(new Set(["stderr"]), 1_000);
  assert.ok(!buffer.hasRoom("stdout"));
  let taken = 0;
  while (!buffer.hasRoom("stdout")) taken += buffer.take(new Set(["stdout"]), 200)[0]!.bytes.length;
  assert.ok(taken > 0);
  for (let i = 0; i < 20_000; i++) {
    buffer.push("stdout", one);
    buffer.take(new Set(["stdout", "stderr"]), 200);
  }
  while (buffer.held("stdout") > 0) buffer.take(new Set(["stdout"]), 10_000);
  assert.ok(buffer.hasRoom("stdout"));
  buffer.clear();
  assert.ok(buffer.hasRoom("stdout"));
});

Deno.test("ten thousand commands in one shell leave a hundred in memory at most, and no timer", () => {
  const h = tight();
  h.processes.onSpawn = (process) => {
    process.events.onStarted(1);
    process.exit(0);
  };
  const client = h.connect();
  h.call(client, create);
  const { timers } = h.test.system.stats;
  for (let i = 0; i < 10_000; i++) {
    const command = h.start(client, shellId);
    assert.match(h.call(client, h.receive(shellId, command)).text, /ExitCode/);
    if (i % 2 === 0) h.call(client, h.signal(shellId, command));
    h.processes.processes.length = 0;
    h.events.length = 0;
    client.answers.length = 0;
  }
  assert.ok(h.test.system.stats.timers <= timers + 1);
  const listed = h.call(client, { action: actions.get, selectors: { ShellId: shellId } });
  assert.match(listed.text, /ChildProcesses>0</);
  const all = h.call(client, {
    action: actions.enumerate,
    resourceUri: resources.command,
    body:
      `<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements><w:Filter><w:SelectorSet>` +
      `<w:Selector Name="ShellId">${shellId}</w:Selector></w:SelectorSet></w:Filter></n:Enumerate>`,
  });
  assert.ok((all.text.match(/<rsp:Command /g) ?? []).length <= 100);
  h.call(client, remove);
  client.reset();
  h.processes.onSpawn = (process) => process.events.onStarted(1);
  assertUnharmed(h);
});

Deno.test("enumerations that are begun and never pulled are bounded in number and size, and forgotten", () => {
  const h = new Harness();
  let client = h.connect();
  const name = "n".repeat(100_000);
  for (let i = 0; i < 20; i++) {
    const id = `00000000-0000-0000-0000-${String(i).padStart(12, "0")}`;
    h.call(client, { ...create, body: chosenShell(id, "", ` Name="${name}"`) });
  }
  const begin = () => {
    const text = h.call(client, {
      action: actions.enumerate,
      resourceUri: resources.shell,
      body: "<n:Enumerate></n:Enumerate>",
    }).text;
    return /EnumerationContext>(uuid:[^<]+)</.exec(text)![1]!;
  };
  const pull = (context: string) =>
    h.call(client, {
      action: actions.pull,
      resourceUri: resources.shell,
      body: `<n:Pull><n:EnumerationContext>${context}</n:EnumerationContext></n:Pull>`,
    });
  const contexts = Array.from({ length: 200 }, begin);
  const alive = contexts.filter((context) => pull(context).status === 200);
  // Each holds 2 MB.
  assert.ok(alive.length >= 1 && alive.length <= 9, `${alive.length}`);
  assert.equal(alive.at(-1), contexts.at(-1));
  h.test.advance(241_000);
  client = h.connect();
  assert.equal(pull(contexts.at(-1)!).status, 500);
  client.reset();
  h.test.advance(8_000_000);
  assertUnharmed(h);
});
