import assert from "node:assert/strict";
import { actions, ns, resources } from "../../../protocol/soap/mod.ts";
import { faultCode } from "../../../protocol/wsman/mod.ts";
import { Enumerations } from "../../../actors/service/enumerations.ts";
import { type FakeClient, Harness, result, shellBody } from "./harness.ts";

const create = { action: actions.create, body: shellBody() };

function remove(shell: string) {
  return { action: actions.delete, selectors: { ShellId: shell } };
}

function enumerate(optimized: boolean, max?: number, filter = "") {
  const limit = max === undefined ? "" : `<w:MaxElements>${max}</w:MaxElements>`;
  return {
    action: actions.enumerate,
    resourceUri: filter === "" ? resources.shell : resources.command,
    body: `<n:Enumerate>${
      optimized ? `<w:OptimizeEnumeration></w:OptimizeEnumeration>${limit}` : ""
    }${filter}</n:Enumerate>`,
  };
}

function pull(context: string, max = 100) {
  return {
    action: actions.pull,
    resourceUri: resources.shell,
    body:
      `<n:Pull><n:EnumerationContext>${context}</n:EnumerationContext><n:MaxElements>${max}</n:MaxElements></n:Pull>`,
  };
}

function contextOf(text: string): string {
  return /EnumerationContext>([^<]*)</.exec(text)?.[1] ?? "";
}

Deno.test("MaxShellsPerUser refuses one more, per user, and a deleted shell makes room at once", () => {
  const h = new Harness({ settings: { MaxShellsPerUser: 2 } });
  const client = h.connect();
  const first = h.open(client);
  h.open(client);
  assert.equal(h.call(client, create).code, 2150859173);
  h.open(client, {}, "bob");
  h.call(client, remove(first));
  h.open(client);
});

Deno.test("MaxConcurrentUsers refuses another user's first shell", () => {
  const h = new Harness({ settings: { MaxConcurrentUsers: 1 } });
  const client = h.connect();
  const shell = h.open(client);
  h.open(client);
  assert.equal(h.call(client, create, "bob").code, 2150859179);
  h.call(client, remove(shell));
  assert.equal(h.call(client, create, "bob").code, 2150859179);
});

Deno.test("MaxProcessesPerShell counts commands whose end was not received; 0 is unlimited", () => {
  const h = new Harness({ settings: { MaxProcessesPerShell: 1 } });
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  assert.equal(h.call(client, h.command(shell, "b")).code, faultCode("QUOTA_MAX_COMMANDS_PER_SHELL_PPQ"));
  h.processes.last.exit(0);
  h.test.run();
  h.call(client, h.receive(shell, command));
  h.start(client, shell);

  const free = new Harness({ settings: { MaxProcessesPerShell: 0 } });
  const other = free.connect();
  const wide = free.open(other);
  for (let i = 0; i < 60; i++) free.start(other, wide);
});

Deno.test("MaxConcurrentOperationsPerUser refuses one more, but never Signal or Delete", () => {
  const h = new Harness({ settings: { MaxConcurrentOperationsPerUser: 2 } });
  const client = h.connect();
  const shell = h.open(client);
  const commands = [h.start(client, shell), h.start(client, shell)];
  const waiting: FakeClient[] = commands.map((command) => {
    const own = h.connect();
    own.sendBytes(h.request(h.receive(shell, command)));
    return own;
  });
  assert.equal(h.call(client, create).code, faultCode("QUOTA_MAX_OPERATIONS"));
  assert.equal(h.call(client, create, "bob").status, 200);
  assert.equal(h.call(client, h.signal(shell, commands[0]!)).status, 200);
  assert.equal(result(waiting[0]!.answers[0]!).code, 995);
  assert.equal(h.call(client, h.signal(shell, commands[1]!, "ctrl_c")).status, 200);
  assert.equal(h.call(client, create).status, 200);
  waiting[1]!.reset();
  assert.equal(h.call(client, remove(shell)).status, 200);
});

Deno.test("a permit comes back when a connection with a waiting Receive breaks", () => {
  const h = new Harness({ settings: { MaxConcurrentOperationsPerUser: 1 } });
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  const own = h.connect();
  own.sendBytes(h.request(h.receive(shell, command)));
  assert.equal(h.call(client, create).code, faultCode("QUOTA_MAX_OPERATIONS"));
  own.reset();
  assert.equal(h.call(client, create).status, 200);
});

Deno.test("AllowRemoteShellAccess=false refuses shells", () => {
  const h = new Harness({ settings: { AllowRemoteShellAccess: false } });
  assert.equal(h.call(h.connect(), create).code, faultCode("REMOTESHELLS_NOT_ALLOWED"));
});

Deno.test("shells are enumerated per user, optimised or by Pull, in pages of MaxElements", () => {
  const h = new Harness();
  const client = h.connect();
  const shells = [h.open(client), h.open(client), h.open(client)];
  h.open(client, {}, "bob");
  const all = h.call(client, enumerate(true, 100)).text;
  for (const shell of shells) assert.ok(all.includes(shell));
  assert.equal(all.split("<rsp:ShellId>").length, 4);
  assert.match(all, /<n:EnumerationContext><\/n:EnumerationContext>.*<w:EndOfSequence>/);

  const begun = h.call(client, enumerate(false)).text;
  assert.ok(!begun.includes("rsp:ShellId"));
  const one = h.call(client, pull(contextOf(begun), 2)).text;
  assert.equal(one.split("<rsp:ShellId>").length, 3);
  assert.equal(
    h.call(client, pull(contextOf(one)), "bob").code,
    faultCode("ENUMERATE_INVALID_ENUMERATION_CONTEXT"),
  );
  const two = h.call(client, pull(contextOf(one))).text;
  assert.equal(two.split("<rsp:ShellId>").length, 2);
  assert.match(two, /<n:EndOfSequence>/);
  assert.equal(h.call(client, pull(contextOf(one))).code, faultCode("ENUMERATE_INVALID_ENUMERATION_CONTEXT"));
});

Deno.test("commands of a shell are enumerated with their lines and states", () => {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  h.start(client, shell, "first");
  h.start(client, shell, "second &amp; third");
  h.processes.last.exit(0);
  h.test.run();
  const filter =
    `<w:Filter Dialect="http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"><w:SelectorSet>` +
    `<w:Selector Name="ShellId">${shell}</w:Selector></w:SelectorSet></w:Filter>`;
  const { text, envelope } = h.call(client, enumerate(true, 100, filter));
  assert.match(text, /CommandLine>first<.*Running<.*second &amp; third<.*Done</);
  assert.equal(envelope.content!.child(ns.w, "Items")!.children.length, 2);
});

Deno.test("an enumeration can be released, expires, and leaves no timer", () => {
  const h = new Harness({ settings: { EnumerationTimeoutms: 1_000 } });
  const client = h.connect();
  const shell = h.open(client);
  const released = contextOf(h.call(client, enumerate(false)).text);
  const release = {
    action: actions.release,
    resourceUri: resources.shell,
    body: `<n:Release><n:EnumerationContext>${released}</n:EnumerationContext></n:Release>`,
  };
  assert.equal(h.call(client, release).status, 200);
  assert.equal(h.call(client, release).code, faultCode("ENUMERATE_INVALID_ENUMERATION_CONTEXT"));
  const expired = contextOf(h.call(client, enumerate(false)).text);
  h.test.advance(1_000);
  assert.equal(h.call(client, pull(expired)).code, faultCode("ENUMERATE_INVALID_ENUMERATION_CONTEXT"));
  h.call(client, remove(shell));
  client.reset();
  h.test.advance(200_000);
  assert.deepEqual({ actors: h.test.system.stats.actors, timers: h.test.system.stats.timers }, h.idle);
});

Deno.test("unfinished enumerations are bounded per user, the oldest goes first", () => {
  const open = new Enumerations(1_000);
  for (let i = 0; i < 100; i++) open.begin("alice", ["a", "b"], 1, 1_000, `id-${i}`, 0);
  open.begin("bob", ["a", "b"], 1, 1_000, "bob", 0);
  assert.equal(open.size, 33);
  assert.equal(open.pull("alice", "id-0", 1, 1_000, 0), undefined);
  assert.deepEqual(open.pull("alice", "id-99", 1, 1_000, 0)?.items, ["b"]);
});
