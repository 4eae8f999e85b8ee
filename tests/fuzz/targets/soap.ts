/**
 * SOAP, WS-Management and shells: what a hostile service answers and what a hostile client asks. Typed errors that blame the
 * peer, values inside of their bounds, the same on every split, and what was received can be written and read again.
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { DroverError } from "../../../protocol/errors.ts";
import {
  createShell,
  deleteShell,
  readCommandResponse,
  readCreateResponse,
  readReceiveResponse,
  readShellInfo,
  readShellOperation,
  receiveOutput,
  runCommand,
  sendInput,
  shellElement,
  type ShellRequest,
  signalCommand,
  writeCommandResponse,
  writeCreateResponse,
  writeEnumerateResponse,
  writeGetShellResponse,
  writeReceiveResponse,
} from "../../../protocol/shell/mod.ts";
import {
  actions,
  type Envelope,
  EnvelopeReader,
  ns,
  readEnvelope,
  readIdentifyResponse,
  resources,
  writeIdentify,
  writeIdentifyResponse,
} from "../../../protocol/soap/mod.ts";
import {
  readConfig,
  readEnumeration,
  readLastBootUpTime,
  readRequestHeaders,
  reportedFault,
  RequestWriter,
  writeFault,
  WsmanFaultError,
} from "../../../protocol/wsman/mod.ts";
import { latin1, type Target } from "../engine.ts";
import { mutateMarkup } from "../mutate_markup.ts";

const id = "4DB571F9-F8DE-48FD-872C-2AF08D996249";
const context = { messageId: `uuid:${id}`, relatesTo: `uuid:${id}` };
const shell = {
  shellId: id,
  name: "n",
  owner: "web01\\alice",
  clientIp: "fe80::1%4",
  env: new Map([["A", "1"], ["B", "<&>"]]),
  cwd: "C:\\",
  idleTimeoutMs: 7_200_000,
  lifetimeMs: 1,
  inputStreams: ["stdin"],
  outputStreams: ["stdout", "stderr"],
  ageMs: 9_000,
  inactivityMs: 1_000,
  processes: 1,
};

/** An answer with `body`. */
function answer(body: string): Uint8Array {
  return utf8(
    `<s:Envelope xmlns:s="${ns.s}" xmlns:n="${ns.n}" xmlns:c="${ns.cfg}"><s:Header/><s:Body>${body}</s:Body></s:Envelope>`,
  );
}

/** Own fixtures: one message of each kind. */
function fixtures(): Uint8Array[] {
  const writer = new RequestWriter({
    to: "http://host:5985/wsman",
    maxEnvelopeSize: 153_600,
    locale: "en-US",
    sessionId: id,
  });
  const request = (parts: ShellRequest) =>
    writer.write({ ...parts, messageId: id, operationTimeoutMs: 60_000 });
  const enumerate = (resourceUri: string, filter: string): ShellRequest => ({
    action: actions.enumerate,
    resourceUri,
    body: `<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>20</w:MaxElements>${filter}</n:Enumerate>`,
  });
  const context_ = `<n:EnumerationContext>${id}</n:EnumerationContext>`;
  return [
    request(
      createShell({
        name: "n",
        cwd: "/",
        env: { A: "1" },
        idleTimeoutMs: 1,
        codepage: 65001,
        noProfile: true,
      }),
    ),
    request(runCommand(id, { command: "echo", args: ["a", "<b>"], skipCmdShell: true })),
    request(sendInput(id, id, utf8("hello"), true)),
    request(receiveOutput(id, id)),
    request(signalCommand(id, id, "terminate")),
    request(deleteShell(id)),
    request({ action: actions.get, resourceUri: resources.cmd, selectors: { ShellId: id }, body: "" }),
    request(enumerate(resources.shell, "")),
    request(enumerate(
      resources.command,
      `<w:Filter><w:SelectorSet><w:Selector Name="ShellId">${id}</w:Selector></w:SelectorSet></w:Filter>`,
    )),
    request({ action: actions.pull, resourceUri: resources.shell, body: `<n:Pull>${context_}</n:Pull>` }),
    request({
      action: actions.release,
      resourceUri: resources.shell,
      body: `<n:Release>${context_}</n:Release>`,
    }),
    writeCreateResponse(context, "http://host/wsman", shell),
    writeGetShellResponse(context, shell),
    writeCommandResponse(context, id),
    writeReceiveResponse(context, {
      commandId: id,
      pieces: [{ name: "stdout", bytes: utf8("out") }, { name: "stderr", bytes: utf8("err") }],
      ended: ["stdout", "stderr"],
      state: "Done",
      exitCode: -1,
    }),
    writeEnumerateResponse(context, { items: [shellElement(shell)], enumerationContext: undefined }),
    writeFault(WsmanFaultError.of("OPERATION_TIMEDOUT"), { ...context, machine: "m" }),
    writeFault(WsmanFaultError.mustUnderstand([{ namespace: ns.w, local: "X" }]), {
      ...context,
      machine: "m",
    }),
    writeIdentify(),
    writeIdentifyResponse({
      protocolVersion: ns.w,
      productVendor: "v",
      productVersion: "1",
      securityProfiles: ["p"],
    }),
    answer(
      `<n:PullResponse><n:EnumerationContext>c</n:EnumerationContext><n:Items><e/><e/></n:Items></n:PullResponse>`,
    ),
    answer(
      "<c:Config><c:MaxEnvelopeSizekb>500</c:MaxEnvelopeSizekb><c:Service><c:MaxConnections>300</c:MaxConnections></c:Service>" +
        "<c:Winrs><c:MaxShellsPerUser>30</c:MaxShellsPerUser><c:IdleTimeout>7200000</c:IdleTimeout></c:Winrs></c:Config>",
    ),
    answer("<o><LastBootUpTime><t>2026-03-01T10:20:30.5Z</t></LastBootUpTime></o>"),
    answer("<o><LastBootUpTime>20260301102030.500000+060</LastBootUpTime></o>"),
    utf8(`<?xml version="1.0" encoding="utf-16"?><s:Envelope xmlns:s="${ns.s}"><s:Body/></s:Envelope>`),
  ];
}

/** Pieces that change meaning rather than only break the XML. */
const words = [
  `s:mustUnderstand="true"`,
  `xmlns:s="urn:x"`,
  `CommandId="`,
  `Name="ShellId"`,
  `<w:X s:mustUnderstand="1"/>`,
  `<rsp:Stream Name="stdout">AAA=</rsp:Stream>`,
  `<rsp:ExitCode>4294967296</rsp:ExitCode>`,
  "<s:Body/>",
  "<s:Header/>",
  "PT-1S",
  "PT99999999999S",
  "8191",
  "&#0;",
  "&lt;",
  "<![CDATA[x]]>",
  "<!--x-->",
  "urn:x",
  "",
  "/Done",
  "Terminate",
];

/** Runs `use`; what became of it in few words. */
function outcomeOf(use: () => unknown): string {
  try {
    const result = use();
    return typeof result === "string" ? result : "accepted";
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    assert.notEqual(error.blame, "caller", `blamed on us: ${error.message}`);
    assert.ok(error.message.length < 1_000 + 2 * 4_096, "an endless text");
    return error instanceof WsmanFaultError
      ? `fault ${error.message.slice(0, 60).replace(/\d+/g, "n")}`
      : error.code;
  }
}

/** What a service makes of an envelope. */
function serve(envelope: Envelope): string {
  const headers = readRequestHeaders(envelope);
  assert.ok(headers.messageId.length > 0 && headers.messageId.length <= 1024);
  assert.ok((headers.operationTimeoutMs ?? 0) >= 0 && (headers.maxEnvelopeSize ?? 8192) >= 8192);
  const operation = readShellOperation(headers, envelope);
  if ("shellId" in operation && operation.shellId !== undefined) {
    assert.equal(operation.shellId, operation.shellId.toUpperCase());
  }
  if ("maxElements" in operation) assert.ok(operation.maxElements >= 0 && operation.maxElements < 1e9);
  if (operation.kind === "Create") {
    assert.ok((operation.idleTimeoutMs ?? 0) >= 0 && (operation.lifetimeMs ?? 0) >= 0);
    for (const name of operation.env.keys()) assert.ok(name !== "" && !/[=\0]/.test(name));
  }
  return operation.kind;
}

/** What was received, written by the service and read again. */
function receive(envelope: Envelope): string {
  const result = readReceiveResponse(envelope);
  assert.ok(result.exitCode === undefined || result.state === "Done", "an exit code without an end");
  const code = result.exitCode ?? 0;
  assert.ok(Number.isInteger(code) && code >= -0x8000_0000 && code <= 0xffff_ffff);
  const written = writeReceiveResponse(context, {
    commandId: id,
    pieces: result.pieces.map(({ bytes }, i) => ({ name: `s${i}`, bytes })),
    ended: [],
    state: result.state === "Done" ? "Done" : "Running",
    exitCode: result.exitCode,
  });
  const again = readReceiveResponse(readEnvelope(written));
  assert.deepEqual(again.pieces.map(({ bytes }) => bytes), result.pieces.map(({ bytes }) => bytes));
  assert.equal(again.exitCode, result.exitCode);
  return `${Math.min(result.pieces.length, 3)} ${result.state} ${result.exitCode !== undefined}`;
}

/** The client's readers of answers and the service's of requests, all on every envelope. */
export const soap: Target = {
  name: "soap",
  tokens: words.map(utf8),
  seeds: fixtures,
  mutate: (random, input) => mutateMarkup(random, input, words),
  run(input, random) {
    const limits = { maxBytes: 65_536, maxDepth: 64 };
    let envelope: Envelope | undefined;
    const outcome = outcomeOf(() => void (envelope = readEnvelope(input, limits)));
    // A document that names an encoding falsely is read only when it is whole; all others the same in pieces.
    const split = outcomeOf(() => {
      const reader = new EnvelopeReader(limits);
      for (const piece of random.cut(input)) reader.write(piece);
      reader.end();
    });
    if (split === "accepted" || !/encoding/i.test(latin1(input.subarray(0, 128)))) {
      assert.equal(split === "accepted", outcome === "accepted", `${outcome}, in pieces ${split}`);
    }
    if (envelope === undefined) return outcome;
    const read = envelope;
    return [
      () => serve(read),
      () => receive(read),
      () => {
        const fault = reportedFault(read);
        return fault === undefined
          ? ""
          : `fault ${fault.faultCode !== undefined} ${fault.isOperationTimeout}`;
      },
      () => readCreateResponse(read).platform,
      () => void readCommandResponse(read),
      () => {
        const page = readEnumeration(read);
        assert.notEqual(page.context, "", "a context that can be pulled with nothing");
        return `${Math.min(page.items.length, 2)} ${page.context !== undefined}`;
      },
      () => {
        const settings = Object.values(readConfig(read));
        assert.ok(settings.every((value) => Number.isSafeInteger(value) && value >= 0));
        return String(settings.length);
      },
      () => {
        assert.ok(Number.isFinite(readLastBootUpTime(read)));
      },
      () => void readIdentifyResponse(read),
      () => void (read.content === undefined ? undefined : readShellInfo(read.content)),
    ].map(outcomeOf).join("; ");
  },
};
