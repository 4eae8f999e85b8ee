/** What the hostile tests share: a sealed client by hand, a dialogue with known ids, and the check that nothing is left. */
import assert from "node:assert/strict";
import { createNegotiateInitiator } from "../../../protocol/auth/mod.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type EncryptedPart,
  parseContentType,
  serializeRequest,
} from "../../../protocol/http/mod.ts";
import type { SecurityContext } from "../../../protocol/ports.ts";
import { sealedProtocol, sealMessage, unsealPart } from "../../../protocol/sealing/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import { type FakeClient, Harness, type HarnessOptions, password, type Result, result } from "./harness.ts";

export const soap = "application/soap+xml;charset=UTF-8";
export const shellId = "11111111-2222-3333-4444-555555555555";
export const commandId = "66666666-7777-8888-9999-AAAAAAAAAAAA";

/** A service with small quotas: a permit that leaks is missed soon. */
export function tight(options: HarnessOptions = {}): Harness {
  return new Harness({
    ...options,
    settings: {
      MaxShellsPerUser: 1,
      MaxConcurrentUsers: 1,
      MaxConcurrentOperationsPerUser: 2,
      MaxProcessesPerShell: 1,
      ...options.settings,
    },
  });
}

/** Body of a Create with a ShellId that the client chose. */
export function chosenShell(id = shellId, inner = "", attributes = ""): string {
  return `<rsp:Shell ShellId="${id}"${attributes}>${inner}<rsp:InputStreams>stdin</rsp:InputStreams>` +
    "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>";
}

/** A whole dialogue, as our client leads it, with ids that the client chose. */
export function dialogue(h: Harness): readonly Uint8Array[] {
  return [
    h.request({ action: actions.create, body: chosenShell() }),
    h.request({
      action: actions.command,
      selectors: { ShellId: shellId },
      body:
        `<rsp:CommandLine CommandId="${commandId}"><rsp:Command>run</rsp:Command><rsp:Arguments>é</rsp:Arguments>` +
        `</rsp:CommandLine>`,
    }),
    h.request(h.send(shellId, commandId, "input")),
    h.request(h.receive(shellId, commandId)),
    h.request(h.signal(shellId, commandId)),
    h.request({ action: actions.delete, selectors: { ShellId: shellId } }),
  ];
}

/** The envelope of a request, without its HTTP head. */
export function envelopeOf(request: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(request);
  return request.subarray(text.indexOf("\r\n\r\n") + 4);
}

/** The client's side of a logon. */
export function initiator(h: Harness, username = "alice", secret = password): SecurityContext {
  return createNegotiateInitiator({
    credential: { username, domain: "", password: new Secret(secret) },
    random: (length) => h.test.random.bytes(length),
    now: () => h.test.clock.now(),
    workstation: "CLIENT",
    targetName: "HTTP/test",
  });
}

/** One step of an initiator. */
export function step(context: SecurityContext, token: Uint8Array | undefined): Uint8Array | undefined {
  let out: Uint8Array | undefined;
  context.step(token, (outcome) => {
    if (outcome.kind === "failed") throw outcome.error;
    out = outcome.token;
  });
  return out;
}

/** Token of the last answer. */
export function tokenOf(client: FakeClient): Uint8Array | undefined {
  const value = client.answers.at(-1)?.headers.get("www-authenticate");
  return value?.startsWith("Negotiate ") ? Uint8Array.fromBase64(value.slice(10)) : undefined;
}

/** A request with a token. */
export function negotiate(token: Uint8Array | string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = typeof token === "string" ? token : token.toBase64();
  return serializeRequest({
    method: "POST",
    target: "/wsman",
    headers: [["Host", "t"], ["Content-Type", soap], ["Authorization", `Negotiate ${text}`]],
  }, body);
}

/** A sealed request; `length` lies about the plaintext. */
export function sealed(context: SecurityContext, envelope: Uint8Array, length?: number): Uint8Array {
  const [part] = sealMessage(context, "Negotiate", soap, envelope) as [EncryptedPart];
  return multipart(encodeEncrypted([length === undefined ? part : { ...part, originalLength: length }]));
}

/** A request with a multipart body. */
export function multipart(body: Uint8Array): Uint8Array {
  return serializeRequest({
    method: "POST",
    target: "/wsman",
    headers: [["Host", "t"], ["Content-Type", encryptedContentType(sealedProtocol("Negotiate"), 1)]],
  }, body);
}

/** Logs on, with the empty last request of the native client. */
export function logOn(client: FakeClient, context: SecurityContext): void {
  client.sendBytes(negotiate(step(context, undefined)!));
  client.sendBytes(negotiate(step(context, tokenOf(client))!));
  assert.equal(client.answers.at(-1)!.status, 200);
  if (!context.established) step(context, tokenOf(client));
}

/** Opens the last answer. */
export function opened(client: FakeClient, context: SecurityContext): Result {
  const answer = client.answers.at(-1)!;
  const parser = new EncryptedParser(parseContentType(answer.headers.get("content-type")!));
  const [part] = parser.push(answer.body);
  return result({ ...answer, body: unsealPart(context, part!) });
}

/** Plain bytes as a request's text. */
export function raw(text: string): Uint8Array {
  return utf8(text.replace(/\r?\n/g, "\r\n"));
}

/**
 * After an attack: somebody else is served at once, and when everything is closed and time has passed, no actor, timer,
 * process, shell or permit is left, and nothing has crashed.
 */
export function assertUnharmed(h: Harness): void {
  assert.deepEqual(h.test.crashes, []);
  const bystander = h.connect();
  if (h.call(bystander, { action: actions.create, body: chosenShell() }).status !== 200) {
    // The attacker's own shell may be there until its time is over, but must not be stuck.
    h.call(bystander, { action: actions.delete, selectors: { ShellId: shellId } });
    const again = h.call(bystander, { action: actions.create, body: chosenShell() });
    assert.equal(again.status, 200, again.text);
  }
  const started = h.start(bystander, shellId);
  h.processes.last.output("fine");
  h.processes.last.exit(0);
  h.test.run();
  assert.equal(h.call(bystander, h.receive(shellId, started)).stream("stdout"), "fine");
  h.call(bystander, { action: actions.delete, selectors: { ShellId: shellId } });
  bystander.endInput();
  h.test.advance(400_000);
  assert.deepEqual(h.test.crashes, []);
  const { actors, timers } = h.test.system.stats;
  assert.deepEqual({ actors, timers }, h.idle);
  assert.equal(h.processes.alive, 0);
}
