/** What RootSDDL lets accounts do. */
import assert from "node:assert/strict";
import { administrators, authenticatedUsers } from "../../../protocol/access/mod.ts";
import { actions, ns, resources } from "../../../protocol/soap/mod.ts";
import { basic, Harness, type HarnessOptions, post, shellBody, tokenWith } from "./harness.ts";

const readers = "S-1-5-32-573";
const remoteUsers = "S-1-5-32-580";

const enumerate = {
  action: actions.enumerate,
  resourceUri: resources.shell,
  body: "<n:Enumerate/>",
};
const getConfig = { action: actions.get, resourceUri: resources.config };
const create = { action: actions.create, body: shellBody() };

function identify(h: Harness, user: string | undefined): { readonly status: number; readonly text: string } {
  const client = h.connect();
  const body =
    `<s:Envelope xmlns:s="${ns.s}" xmlns:i="${ns.wsmid}"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`;
  const credentials = user === undefined
    ? ["WSMANIDENTIFY", "unauthenticated"]
    : ["Authorization", basic(user)];
  client.sendBytes(post(new TextEncoder().encode(body), [credentials as [string, string]]));
  const answer = client.answers[0]!;
  return { status: answer.status, text: new TextDecoder().decode(answer.body) };
}

function harness(RootSDDL: string, tokens: HarnessOptions["tokens"] = {}): Harness {
  return new Harness({ settings: { RootSDDL }, tokens });
}

Deno.test("by WinRM's own default Administrators may do everything, Event Log Readers read, others nothing", () => {
  const h = new Harness({ tokens: { bob: tokenWith(readers), carol: tokenWith(authenticatedUsers) } });
  const client = h.connect();
  assert.equal(h.call(client, create).code, undefined);
  assert.equal(h.call(client, enumerate, "bob").code, undefined);
  assert.equal(h.call(client, getConfig, "bob").code, undefined);
  assert.match(identify(h, "bob").text, /OS: test/);
  for (
    const [user, request] of [["bob", create], ["carol", create], ["carol", enumerate], [
      "carol",
      getConfig,
    ]] as const
  ) {
    assert.equal(h.call(client, request, user).code, 5, `${user} ${request.action}`);
  }
});

Deno.test("a refusal is the fault of Windows, and nothing was begun", () => {
  const h = harness("D:(A;;GR;;;WD)", { alice: tokenWith("S-1-1-0") });
  const refused = h.call(h.connect(), create);
  assert.equal(refused.status, 500);
  assert.match(refused.text, /<s:Value>s:Sender<\/s:Value>.*<s:Value>w:AccessDenied<\/s:Value>/s);
  assert.match(refused.text, /<f:WSManFault [^>]*Code="5"/);
  assert.equal(h.processes.processes.length, 0);
  assert.deepEqual(h.events.filter(({ kind }) => kind === "accessDenied" || kind === "shellOpened"), [
    { kind: "accessDenied", user: "alice", from: "10.0.0.9", operation: "Create", right: "GX" },
  ]);
});

Deno.test("every operation of a shell needs GX: who has lost it cannot go on, in the shell that is its own", () => {
  const tokens = { alice: tokenWith(remoteUsers) };
  const h = harness("D:(D;;GX;;;S-1-5-21-1-2-3-9)(A;;GX;;;RM)", tokens);
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  tokens.alice = tokenWith(remoteUsers, "S-1-5-21-1-2-3-9");
  for (
    const request of [
      h.command(shell, "again"),
      h.receive(shell, command),
      h.send(shell, command, "x"),
      h.signal(shell, command),
      { action: actions.delete, selectors: { ShellId: shell } },
      { action: actions.disconnect, selectors: { ShellId: shell } },
    ]
  ) {
    assert.equal(h.call(client, request).code, 5, request.action);
  }
  tokens.alice = tokenWith(remoteUsers);
  assert.equal(h.call(client, h.signal(shell, command)).code, undefined, "it is still there");
});

Deno.test("Put, Create and Delete of what is no shell need GW, before it is said whether there is such a thing", () => {
  const h = harness("D:(A;;GRGX;;;BA)(A;;GW;;;RM)", { bob: tokenWith(remoteUsers) });
  const client = h.connect();
  for (const action of [actions.put, actions.create, actions.delete]) {
    assert.equal(h.call(client, { action, resourceUri: resources.config }).code, 5);
    assert.equal(h.call(client, { action, resourceUri: resources.config }, "bob").code, 2150858771);
    assert.equal(h.call(client, { action, resourceUri: `${ns.p}/nothing` }).code, 5);
  }
  assert.equal(h.call(client, getConfig, "bob").code, 5);
});

Deno.test("a refusal costs no operation of the quota", () => {
  const h = new Harness({
    settings: { RootSDDL: "D:(A;;GR;;;BA)", MaxConcurrentOperationsPerUser: 1 },
  });
  const client = h.connect();
  for (let i = 0; i < 3; i++) assert.equal(h.call(client, create).code, 5);
  assert.equal(h.call(client, enumerate).code, undefined);
});

Deno.test("Identify needs GR of those who have logged on; others are told less, as ever", () => {
  const h = harness("D:(A;;GX;;;BA)");
  const refused = identify(h, "alice");
  assert.equal(refused.status, 500);
  assert.match(refused.text, /AccessDenied/);
  assert.deepEqual(h.events.filter(({ kind }) => kind === "accessDenied"), [
    { kind: "accessDenied", user: "alice", from: "10.0.0.9:40000", operation: "Identify", right: "GR" },
  ]);
  const anonymous = identify(h, undefined);
  assert.equal(anonymous.status, 200);
  assert.match(anonymous.text, /OS: 0\.0\.0/);
});

Deno.test("winrm/config tells the descriptor that holds", () => {
  const h = harness("O:BAD:(A;;GA;;;BA)", { alice: tokenWith(administrators) });
  assert.match(h.call(h.connect(), getConfig).text, /<cfg:RootSDDL>O:BAD:\(A;;GA;;;BA\)<\/cfg:RootSDDL>/);
});
