// Mutated envelopes against every reader of SOAP, WS-Management and shells: nothing but results and typed errors.
import assert from "node:assert/strict";
import { utf8 } from "../../protocol/bytes.ts";
import { DroverError } from "../../protocol/errors.ts";
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
} from "../../protocol/shell/mod.ts";
import {
  actions,
  ns,
  readEnvelope,
  readIdentifyResponse,
  resources,
  writeIdentify,
  writeIdentifyResponse,
} from "../../protocol/soap/mod.ts";
import {
  readRequestHeaders,
  reportedFault,
  RequestWriter,
  writeFault,
  WsmanFaultError,
} from "../../protocol/wsman/mod.ts";
import { seededBytes } from "../helpers/auth_pair.ts";

const seed = 20_260_101;
const execs = 12_000;

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

class Mutator {
  readonly #bytes: (length: number) => Uint8Array;

  constructor(seed: number) {
    this.#bytes = seededBytes(seed);
  }

  below(limit: number): number {
    const [a, b, c] = this.#bytes(3);
    return (a! << 16 | b! << 8 | c!) % limit;
  }

  /** Some bits flipped; or elements removed, copied elsewhere or replaced, values and texts exchanged. */
  mutate(original: Uint8Array): Uint8Array {
    if (this.below(6) === 0) return this.#mutateBytes(original.slice());
    let text = new TextDecoder().decode(original);
    for (let count = 1 + this.below(3); count > 0; count--) text = this.#mutateText(text);
    return utf8(text);
  }

  #mutateBytes(bytes: Uint8Array): Uint8Array {
    for (let count = 1 + this.below(3); count > 0; count--) {
      bytes[this.below(bytes.length)]! ^= 1 << this.below(8);
    }
    return this.below(4) === 0 ? bytes.subarray(0, this.below(bytes.length)) : bytes;
  }

  #mutateText(text: string): string {
    const pieces = text.split(/(<[^<>]*>)/).filter((piece) => piece !== "");
    if (pieces.length === 0) return text;
    const at = this.below(pieces.length);
    const word = words[this.below(words.length)]!;
    switch (this.below(8)) {
      case 0:
        pieces[at] = word;
        break;
      case 1:
        pieces.splice(at, 0, word);
        break;
      case 2:
      case 3:
        pieces.splice(at, elementLength(pieces, at));
        break;
      case 4: {
        const element = pieces.slice(at, at + elementLength(pieces, at));
        pieces.splice(this.below(pieces.length), 0, ...element);
        break;
      }
      default: {
        // A name, a value or a text in a piece; mostly one that is no tag, or one inside of quotes.
        const parts = pieces[at]!.startsWith("<")
          ? pieces[at]!.split(/(?<=")([^"<>=]*)(?=")/)
          : ["", pieces[at]!, ""];
        const odd = 1 + 2 * this.below(Math.max(1, parts.length >> 1));
        if (parts[odd] !== undefined) {
          parts[odd] = this.below(2) === 0 ? word.replace(/[<"&].*/, "") : pieces[0]!.slice(3, 9);
        }
        pieces[at] = parts.join("");
      }
    }
    return pieces.join("");
  }
}

/** How many pieces the element that opens at `at` has, with its end; 1 where none opens there. */
function elementLength(pieces: readonly string[], at: number): number {
  let depth = 0;
  for (let end = at; end < pieces.length; end++) {
    const piece = pieces[end]!;
    if (piece.startsWith("</")) depth--;
    else if (piece.startsWith("<") && !piece.endsWith("/>")) depth++;
    if (depth <= 0) return end - at + 1;
  }
  return 1;
}

/** Runs `use`; the outcome as one of few words, so that outcomes can be counted. */
function outcomeOf(use: () => unknown): string {
  try {
    use();
    return "accepted";
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    assert.notEqual(error.blame, "caller", `blamed on us: ${error.message}`);
    assert.ok(error.message.length < 1_000 + 2 * 4_096, "an endless text");
    return error.code;
  }
}

Deno.test("mutated envelopes give results or typed errors that blame the peer, in every reader", () => {
  const mutator = new Mutator(seed);
  const corpus = fixtures();
  const states = new Set<string>();
  let read = 0;
  const since = performance.now();
  for (let i = 0; i < execs; i++) {
    const bytes = mutator.mutate(corpus[i % corpus.length]!);
    const outcomes: string[] = [];
    const use = (action: () => unknown) => outcomes.push(outcomeOf(action));
    use(() => {
      const envelope = readEnvelope(bytes, { maxBytes: 65_536 });
      read++;
      use(() => {
        const headers = readRequestHeaders(envelope);
        assert.ok(headers.messageId.length > 0 && headers.messageId.length <= 1024);
        outcomes.push(readShellOperation(headers, envelope).kind);
      });
      const reported = reportedFault(envelope);
      if (reported !== undefined) {
        outcomes.push(`fault ${reported.faultCode === undefined} ${reported.isOperationTimeout}`);
      }
      for (
        const reader of [readReceiveResponse, readCreateResponse, readCommandResponse, readIdentifyResponse]
      ) {
        use(() => reader(envelope));
      }
      if (envelope.content !== undefined) readShellInfo(envelope.content);
    });
    states.add(outcomes.join(" "));
  }
  const seconds = (performance.now() - since) / 1_000;
  console.log(`FUZZ name=soap execs_per_s=${Math.round(execs / seconds)} states=${states.size}`);
  assert.ok(read > execs / 5, `only ${read} of ${execs} mutated documents were still envelopes`);
  assert.ok(states.size > 45, `only ${states.size} different outcomes were reached`);
});

Deno.test("random bytes are never an envelope", () => {
  const random = seededBytes(seed + 1);
  for (let length = 0; length < 600; length++) {
    assert.notEqual(outcomeOf(() => readEnvelope(random(length))), "accepted");
  }
});
