/**
 * All messages in clear of the corpus through the readers of SOAP, WS-Management and shells. What is expected comes from
 * INDEX.tsv or from an independent XML reader, never from our own output.
 */
import assert from "node:assert/strict";
import { parseDuration } from "../../protocol/duration.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  readCommandResponse,
  readCreateResponse,
  readReceiveResponse,
  readShellInfo,
  readShellOperation,
  type ShellOperation,
} from "../../protocol/shell/mod.ts";
import { type Envelope, isIdentify, readEnvelope, readIdentifyResponse } from "../../protocol/soap/mod.ts";
import { faultName, readRequestHeaders, reportedFault, WsmanFaultError } from "../../protocol/wsman/mod.ts";
import {
  attribute,
  child,
  childrenOf,
  decodeText,
  descendant,
  independentTree,
  type Node,
  trimmed,
} from "./shell/independent_xml.ts";
import { corpus, index, type Message, messages } from "./shell/messages.ts";

const soap = "http://www.w3.org/2003/05/soap-envelope";
const addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const xmlNamespace = "http://www.w3.org/XML/1998/namespace";
const shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

/** How many messages of each class were compared. */
const counts = new Map<string, number>();
function counted(name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** One message read by both readers; those that only one can read are settled before. */
interface Pair {
  readonly message: Message;
  readonly ours: Envelope;
  readonly header: Node | undefined;
  readonly body: Node;
}

/**
 * Not base64 where base64 belongs: names of template placeholders and of a unit test. These are read with the text
 * replaced by base64 (and must be refused as they are).
 */
const fakeStreams = /\$\{[\w.]+\}|(?<=>)streamData(?=<)/g;

function settle(): Pair[] {
  const pairs: Pair[] = [];
  for (const message of messages()) {
    const { path, kind } = message;
    let ours = attempt(() => readEnvelope(message.bytes));
    let text = attempt(() => decodeText(message.bytes));
    if (typeof text === "string" && /^<\?xml[^>]*utf-16/.test(text) && message.bytes[0] === 0x3c) {
      // WinRMSharp serialises to a .NET string and sends that as UTF-8; Windows takes it.
      counted("declared as UTF-16, sent as UTF-8");
    }
    if (path.includes("/decrypted-") && message.bytes.at(-1) === 0) {
      // The padding of a sealed message belongs to the seal, which takes it off.
      ours = attempt(() => readEnvelope(message.bytes.subarray(0, lengthWithoutPadding(message.bytes))));
      counted("padded plaintext");
    }
    if (ours instanceof ProtocolError && ours.code === "XmlBase64" && typeof text === "string") {
      assert.match(text, fakeStreams, path);
      text = text.replaceAll(fakeStreams, "AAEC");
      ours = readEnvelope(new TextEncoder().encode(text));
      counted("placeholder in a stream");
    }
    const root = text instanceof Error ? text : attempt(() => independentTree(text));
    if (root instanceof Error || root.local !== "Envelope" || root.uri !== soap) {
      assert.ok(ours instanceof ProtocolError, `${path}: accepted, though it is no envelope`);
      const code = root instanceof Error ? /^Xml[A-Z]/ : /^SoapMalformed$/;
      assert.match(ours.code, code, path);
      counted(root instanceof Error ? "malformed XML refused" : "other document refused");
      continue;
    }
    assert.ok(!(ours instanceof Error), `${path}: ${ours}`);
    const body = child(root, "Body", soap);
    assert.ok(body !== undefined, path);
    pairs.push({ message, ours, header: child(root, "Header", soap), body });
    if (/malformed|unparsable/.test(kind)) counted("called malformed, yet well-formed");
  }
  return pairs;
}

function lengthWithoutPadding(bytes: Uint8Array): number {
  let length = bytes.length;
  while (bytes[length - 1] === 0) length--;
  return length;
}

const pairs = settle();

/** Content that says what a message is: the first child of the body. */
function contentOf(pair: Pair): Node | undefined {
  return pair.body.children[0];
}

function action(pair: Pair): string {
  return trimmed(child(pair.header, "Action", addressing)) ?? "";
}

Deno.test("every envelope of the corpus has the addressing that an independent reader finds", () => {
  assert.ok(pairs.length > 2_000, `only ${pairs.length} envelopes were found`);
  for (const { message, ours, header, body } of pairs) {
    const of = (local: string) => trimmed(child(header, local, addressing));
    assert.equal(ours.action, of("Action"), message.path);
    assert.equal(ours.messageId, of("MessageID"), message.path);
    assert.equal(ours.relatesTo, of("RelatesTo"), message.path);
    assert.equal(ours.headers.length, header?.children.length ?? 0, message.path);
    assert.equal(ours.content?.local, body.children[0]?.local, message.path);
    assert.equal(ours.content?.namespace, body.children[0]?.uri, message.path);
    counted("envelope");
    if (of("RelatesTo") === undefined && child(body, "Fault", soap) !== undefined) {
      counted("fault without RelatesTo");
    }
  }
});

/** Resolves a QName in content with the prefixes that saxes saw. */
function resolved(node: Node | undefined): { namespace: string; local: string } | undefined {
  if (node === undefined) return undefined;
  const [prefix, local] = node.text.trim().includes(":")
    ? node.text.trim().split(":") as [string, string]
    : ["", node.text.trim()];
  return { namespace: node.resolve(prefix) ?? "", local };
}

/** `Fault s:Sender/w:InvalidSelectors 2150858843` of the index, as local names and number. */
function indexedFault(operation: string): { code: string; subcode?: string; number?: number } | undefined {
  const match = /Fault [\w-]+:(\w+)(?:\/[\w-]+:(\w+))?(?: (\d+))?/.exec(operation);
  if (match === null) return undefined;
  return {
    code: match[1]!,
    ...(match[2] === undefined ? {} : { subcode: match[2] }),
    ...(match[3] === undefined ? {} : { number: Number(match[3]) }),
  };
}

Deno.test("every fault of the corpus is reported with the code, subcode and number that the index and its XML say", () => {
  const perFile = new Map<string, Set<string>>();
  for (const { message, ours, header, body } of pairs) {
    const fault = child(body, "Fault", soap);
    const reported = reportedFault(ours);
    assert.equal(reported !== undefined, fault !== undefined, message.path);
    if (reported === undefined || fault === undefined) continue;
    const code = child(fault, "Code", soap);
    assert.equal(reported.fault.code, resolved(child(code, "Value", soap))?.local ?? "Unknown", message.path);
    assert.deepEqual(
      reported.fault.subcode,
      resolved(child(child(code, "Subcode", soap), "Value", soap)),
      message.path,
    );
    const text = childrenOf(child(fault, "Reason", soap), "Text")[0];
    assert.equal(reported.fault.reason, trimmed(text) ?? "", message.path);
    const wsman = descendant(fault, "WSManFault");
    const wmi = descendant(fault, "error_Code");
    const expected = attribute(wsman, "Code") ?? trimmed(wmi);
    assert.equal(reported.faultCode, expected === undefined ? undefined : Number(expected), message.path);
    assert.equal(
      reported.isOperationTimeout,
      expected === undefined
        ? resolved(child(child(code, "Subcode", soap), "Value", soap))?.local === "TimedOut"
        : Number(expected) === 2150858793,
      message.path,
    );
    assert.equal(
      reported.fault.notUnderstood.length,
      childrenOf(header, "NotUnderstood").length,
      message.path,
    );
    counted(
      wsman !== undefined ? "fault: WSManFault" : wmi !== undefined ? "fault: WMI error" : "fault: bare",
    );
    if (reported.fault.notUnderstood.length > 0) counted("fault: NotUnderstood");
    const row = indexedFault(message.operation);
    if (row !== undefined) {
      assert.equal(reported.fault.code, row.code, message.path);
      assert.equal(reported.fault.subcode?.local, row.subcode, message.path);
      assert.equal(reported.faultCode, row.number, message.path);
      counted("fault: as indexed");
    }
    const seen = perFile.get(message.file) ?? new Set();
    perFile.set(
      message.file,
      seen.add(
        [reported.fault.code, reported.fault.subcode?.local, reported.faultCode].join(" "),
      ),
    );
  }
  // Sessions name their fault in the list of their operations.
  for (const [path, row] of index) {
    const fault = row.kind === "session" ? indexedFault(row.operation) : undefined;
    if (fault === undefined) continue;
    assert.ok(perFile.get(path)?.has([fault.code, fault.subcode, fault.number].join(" ")), path);
    counted("fault: indexed session");
  }
});

Deno.test("every IdentifyResponse of the corpus is read, whatever namespace it is in", () => {
  for (const pair of pairs) {
    const content = contentOf(pair);
    if (content?.local === "Identify" && /wsmanidentity/.test(content.uri)) {
      assert.ok(isIdentify(pair.ours), pair.message.path);
      counted("Identify request");
    }
    if (content?.local !== "IdentifyResponse") continue;
    const identity = readIdentifyResponse(pair.ours);
    assert.equal(identity.productVendor, trimmed(child(content, "ProductVendor")) ?? "", pair.message.path);
    assert.equal(identity.productVersion, trimmed(child(content, "ProductVersion")) ?? "", pair.message.path);
    assert.equal(
      identity.protocolVersion,
      trimmed(child(content, "ProtocolVersion")) ?? "",
      pair.message.path,
    );
    assert.equal(
      identity.securityProfiles.length,
      child(content, "SecurityProfiles")?.children.length ?? 0,
      pair.message.path,
    );
    counted(content.uri === soap ? "IdentifyResponse in the SOAP namespace" : "IdentifyResponse");
  }
});

/** Bytes of a stream element by a reader of base64 that is not ours. */
function streamBytes(node: Node): number[] {
  return [...atob(node.text.replace(/\s+/g, ""))].map((character) => character.charCodeAt(0));
}

function isTrue(value: string | undefined): boolean {
  return value?.trim().toLowerCase() === "true" || value?.trim() === "1";
}

/** What the index calls a response, e.g. `ReceiveResponse microsoft.com/…`. */
function assertIndexed(pair: Pair, local: string): void {
  if (pair.message.operation === "") return;
  assert.equal(pair.message.operation.split(" ")[0], local, pair.message.path);
  counted("response: as indexed");
}

Deno.test("every answer of a shell gives the ids, bytes, ends, states and exit codes that an independent reader extracts", () => {
  for (const pair of pairs) {
    const { message: { path }, ours } = pair;
    const content = contentOf(pair);
    const made = action(pair) === "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse";
    if (made && (descendant(pair.body, "Shell") ?? descendant(pair.body, "ResourceCreated")) !== undefined) {
      const selector = childrenOf(descendant(pair.body, "SelectorSet"), "Selector")
        .find((at) => attribute(at, "Name") === "ShellId");
      const expected = trimmed(selector) ?? trimmed(descendant(pair.body, "ShellId"));
      if (expected === undefined) {
        assert.ok(attempt(() => readCreateResponse(ours)) instanceof ProtocolError, path);
        counted("CreateResponse of something else");
        continue;
      }
      assert.deepEqual(readCreateResponse(ours), { shellId: expected, platform: "windows" }, path);
      const view = descendant(pair.body, "Shell");
      if (view === undefined) counted("CreateResponse without rsp:Shell");
      else {
        const info = readShellInfo(ours.body.child(shell, "Shell")!);
        assert.equal(info.shellId, trimmed(child(view, "ShellId")) ?? "", path);
        assert.equal(info.owner, trimmed(child(view, "Owner")), path);
        assert.equal(info.clientIp, trimmed(child(view, "ClientIP")), path);
        assert.equal(info.idleTimeout, trimmed(child(view, "IdleTimeOut")), path);
        if (info.idleTimeout !== undefined) assert.ok(parseDuration(info.idleTimeout) > 0, path);
        counted("CreateResponse");
      }
      assertIndexed(pair, "CreateResponse");
    }
    if (content?.local === "CommandResponse") {
      assert.equal(readCommandResponse(ours), trimmed(child(content, "CommandId")), path);
      assertIndexed(pair, "CommandResponse");
      counted("CommandResponse");
    }
    if (content?.local === "ReceiveResponse") {
      const result = readReceiveResponse(ours);
      assert.deepEqual(
        result.pieces.map((piece) => ({ ...piece, bytes: [...piece.bytes] })),
        childrenOf(content, "Stream").map((stream) => ({
          name: attribute(stream, "Name") ?? "",
          commandId: attribute(stream, "CommandId"),
          bytes: streamBytes(stream),
          end: isTrue(attribute(stream, "End")),
        })),
        path,
      );
      const states = childrenOf(content, "CommandState");
      const state = states.at(-1);
      if (states.length > 1) counted("ReceiveResponse with several states");
      const word = attribute(state, "State")?.split("/").at(-1);
      assert.equal(result.state, word, path);
      const code = trimmed(child(state, "ExitCode"));
      assert.equal(result.exitCode, word === "Done" && code !== undefined ? Number(code) : undefined, path);
      counted(state === undefined ? "ReceiveResponse without CommandState" : `ReceiveResponse ${word}`);
      if (code !== undefined && word !== "Done") counted("ReceiveResponse with ExitCode before Done");
      if (result.pieces.some((piece) => piece.commandId === undefined)) counted("ReceiveResponse of a pool");
      if (result.pieces.some((piece) => piece.end)) counted("ReceiveResponse with End");
      assertIndexed(pair, "ReceiveResponse");
    }
    if (content?.local === "SendResponse" || content?.local === "SignalResponse") {
      assert.equal(ours.action, `${shell}/${content.local}`, path);
      assertIndexed(pair, content.local);
      counted(content.local);
    }
    if (ours.action?.endsWith("/DeleteResponse")) counted("DeleteResponse");
  }
});

/** Requests: those whose action is not that of an answer, and that name a resource. */
function isRequest(pair: Pair): boolean {
  const uri = action(pair);
  return pair.message.side !== "response" && uri !== "" && !/Response$|\/fault$/i.test(uri) &&
    child(pair.body, "Fault", soap) === undefined;
}

function header(pair: Pair, local: string): Node | undefined {
  return pair.header?.children.find((at) => at.local === local && at.uri !== soap);
}

/** ISO 8601 duration in milliseconds, worked out apart from ours. */
function milliseconds(text: string): number {
  const time = /^P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(text);
  assert.ok(time !== null, text);
  const [days, hours, minutes, seconds] = time.slice(1).map((part) => Number(part ?? 0));
  return Math.round(((days! * 24 + hours!) * 60 + minutes!) * 60_000 + seconds! * 1000);
}

Deno.test("every request of the corpus has the headers that an independent reader finds, or a fault that is known to be due", () => {
  const refused: string[] = [];
  for (const pair of pairs.filter(isRequest)) {
    const { message: { path, operation }, ours } = pair;
    const read = attempt(() => readRequestHeaders(ours));
    const old = header(pair, "ResourceURI")?.uri === "http://schemas.xmlsoap.org/ws/2005/06/management";
    if (read instanceof Error) {
      assert.ok(read instanceof WsmanFaultError, `${path}: ${read}`);
      if (old && read.soapCode === "MustUnderstand") counted("request of WS-Management 2005 refused");
      else refused.push(`${path} ${read.code}: ${read.message}`);
      continue;
    }
    assert.equal(read.action, action(pair), path);
    assert.equal(read.messageId, trimmed(child(pair.header, "MessageID", addressing)), path);
    assert.equal(read.resourceUri, trimmed(header(pair, "ResourceURI")) ?? "", path);
    assert.deepEqual(
      [...read.selectors],
      childrenOf(header(pair, "SelectorSet"), "Selector")
        .map((at) => [attribute(at, "Name"), trimmed(at)]),
      path,
    );
    assert.deepEqual(
      read.options,
      childrenOf(header(pair, "OptionSet"), "Option").map((at) => ({
        name: attribute(at, "Name"),
        value: at.text,
        mustComply: isTrue(attribute(at, "MustComply")),
      })),
      path,
    );
    const timeout = trimmed(header(pair, "OperationTimeout"));
    assert.equal(
      read.operationTimeoutMs,
      timeout === undefined ? undefined : milliseconds(timeout),
      path,
    );
    const size = trimmed(header(pair, "MaxEnvelopeSize"));
    assert.equal(read.maxEnvelopeSize, size === undefined ? undefined : Number(size), path);
    assert.equal(read.locale, attribute(header(pair, "Locale"), "lang", xmlNamespace), path);
    assert.equal(read.dataLocale, attribute(header(pair, "DataLocale"), "lang", xmlNamespace), path);
    assert.equal(read.replyTo, trimmed(child(header(pair, "ReplyTo"), "Address")), path);
    if (read.options.some((option) => option.mustComply)) counted("request with MustComply");
    if (pair.header!.children.some((at) => attribute(at, "mustUnderstand", addressing) !== undefined)) {
      counted("request with a:mustUnderstand");
    }
    counted("request headers");
    const [word, resource] = operation.split(" ");
    if (/^(Create|Command|Send|Receive|Signal|Delete|Get|Enumerate|Pull|Put)$/.test(word ?? "")) {
      assert.equal(read.action.split("/").at(-1), word, path);
      const tail = resource?.replace(/\*$/, "") ?? "";
      assert.ok(read.resourceUri.includes(tail), `${path}: ${read.resourceUri} is not ${tail}`);
      counted("request: as indexed");
    }
  }
  assert.deepEqual(refused, []);
});

const upper = (id: string | undefined): string | undefined =>
  id === undefined ? undefined : id.trim().replace(/^uuid:/i, "").toUpperCase();

/** An attribute of the shell's elements, with the shell's prefix (winrm4j) or without. */
function shellAttribute(node: Node | undefined, local: string): string | undefined {
  const prefixed = attribute(node, local, shell);
  if (prefixed !== undefined) counted("shell attribute with a prefix");
  return attribute(node, local) ?? prefixed;
}

/** The operation that an independent reader sees in a request to a shell. */
function expectedOperation(pair: Pair): unknown {
  const content = contentOf(pair);
  const id = upper(
    trimmed(
      childrenOf(header(pair, "SelectorSet"), "Selector").find((at) =>
        /^shellid$/i.test(attribute(at, "Name")!)
      ),
    ),
  );
  const option = (name: string) =>
    trimmed(
      childrenOf(header(pair, "OptionSet"), "Option").find((at) =>
        attribute(at, "Name")!.toUpperCase() === name
      ),
    );
  const words = (local: string) => trimmed(child(content, local))!.split(/\s+/);
  const time = (local: string) => {
    const text = trimmed(child(content, local));
    return text === undefined ? undefined : milliseconds(text);
  };
  switch (action(pair).split("/").at(-1)) {
    case "Create": {
      const codepage = option("WINRS_CODEPAGE");
      return {
        kind: "Create",
        shellId: upper(shellAttribute(content, "ShellId")),
        name: shellAttribute(content, "Name") ?? trimmed(child(content, "Name")),
        cwd: trimmed(child(content, "WorkingDirectory")),
        env: new Map(
          childrenOf(child(content, "Environment"), "Variable").map((
            at,
          ) => [shellAttribute(at, "Name")!, at.text]),
        ),
        idleTimeoutMs: time("IdleTimeOut") ?? time("IdleTimeout"),
        lifetimeMs: time("Lifetime"),
        inputStreams: words("InputStreams"),
        outputStreams: words("OutputStreams"),
        noProfile: isTrue(option("WINRS_NOPROFILE")),
        codepage: codepage === undefined ? undefined : Number(codepage),
      };
    }
    case "Command":
      return {
        kind: "Command",
        shellId: id,
        commandId: upper(shellAttribute(content, "CommandId")),
        command: child(content, "Command")!.text,
        args: childrenOf(content, "Arguments").map((at) => at.text),
        consoleModeStdin: isTrue(option("WINRS_CONSOLEMODE_STDIN")),
        skipCmdShell: isTrue(option("WINRS_SKIP_CMD_SHELL")),
      };
    case "Send":
      return {
        kind: "Send",
        shellId: id,
        pieces: childrenOf(content, "Stream").map((at) => ({
          commandId: upper(shellAttribute(at, "CommandId")) ?? "",
          stream: shellAttribute(at, "Name"),
          bytes: streamBytes(at),
          end: isTrue(shellAttribute(at, "End")),
        })),
      };
    case "Receive": {
      const desired = child(content, "DesiredStream");
      return {
        kind: "Receive",
        shellId: id,
        commandId: upper(shellAttribute(desired, "CommandId")),
        streams: trimmed(desired)!.split(/\s+/),
        keepAlive: isTrue(option("WSMAN_CMDSHELL_OPTION_KEEPALIVE")),
      };
    }
    case "Signal":
      return {
        kind: "Signal",
        shellId: id,
        commandId: upper(shellAttribute(content, "CommandId")),
        signal: trimmed(child(content, "Code"))!.split("/").at(-1)!.toLowerCase().replace("crtl_c", "ctrl_c"),
      };
    case "Delete":
      return { kind: "Delete", shellId: id };
    case "Get":
      return { kind: "Get", shellId: id };
    case "Pull":
      return {
        kind: "Pull",
        context: trimmed(child(content, "EnumerationContext")),
        maxElements: Number(trimmed(child(content, "MaxElements")) ?? 1),
      };
    case "Enumerate": {
      const optimized = child(content, "OptimizeEnumeration") !== undefined;
      const maxElements = optimized ? Number(trimmed(child(content, "MaxElements")) ?? 1) : 0;
      const filter = descendant(child(content, "Filter"), "Selector");
      return filter === undefined
        ? { kind: "EnumerateShells", optimized, maxElements }
        : { kind: "EnumerateCommands", shellId: upper(trimmed(filter)), optimized, maxElements };
    }
    default:
      return undefined;
  }
}

/** Bytes as plain numbers, to be compared. */
function plain(operation: ShellOperation): unknown {
  if (operation.kind !== "Send") return operation;
  return { ...operation, pieces: operation.pieces.map((piece) => ({ ...piece, bytes: [...piece.bytes] })) };
}

Deno.test("every request to a shell of the corpus is the operation that an independent reader sees, or a fault that is known to be due", () => {
  const refused: string[] = [];
  for (const pair of pairs.filter(isRequest)) {
    const resource = trimmed(header(pair, "ResourceURI")) ?? "";
    if (!/windows\/shell|\/powershell\//i.test(resource)) continue;
    const { message: { path }, ours } = pair;
    const read = attempt(() => readShellOperation(readRequestHeaders(ours), ours));
    if (read instanceof Error) {
      assert.ok(read instanceof WsmanFaultError, `${path}: ${read}`);
      const unsupported = /\/(Connect|Disconnect|Reconnect)$/.test(action(pair));
      if (unsupported && read.code === "ERROR_WSMAN_ACTION_NOT_SUPPORTED") {
        counted("request to a detached shell refused");
      } else refused.push(`${path} ${read.code}: ${read.message}`);
      continue;
    }
    assert.deepEqual(plain(read), expectedOperation(pair), path);
    counted(`request ${read.kind}`);
  }
  assert.deepEqual(refused, []);
});

Deno.test("every fault number has the name that the table of the corpus gives it", () => {
  const path = `${corpus}/winrm/ms-reference/wsman_error_codes.json`;
  const table = JSON.parse(Deno.readTextFileSync(path)) as { code: number; name: string }[];
  assert.equal(table.length, 512);
  for (const { code, name } of table) assert.equal(faultName(code), name);
});

Deno.test("every class of messages was there to be checked", () => {
  for (const [name, count] of [...counts].toSorted()) console.log(`${String(count).padStart(6)} ${name}`);
  const classes = [
    "envelope",
    "malformed XML refused",
    "other document refused",
    "padded plaintext",
    "shell attribute with a prefix",
    "declared as UTF-16, sent as UTF-8",
    "ReceiveResponse with several states",
    "request to a detached shell refused",
    "placeholder in a stream",
    "fault without RelatesTo",
    "fault: WSManFault",
    "fault: WMI error",
    "fault: bare",
    "fault: NotUnderstood",
    "fault: as indexed",
    "fault: indexed session",
    "Identify request",
    "IdentifyResponse",
    "IdentifyResponse in the SOAP namespace",
    "CreateResponse",
    "CreateResponse without rsp:Shell",
    "CommandResponse",
    "ReceiveResponse Running",
    "ReceiveResponse Pending",
    "ReceiveResponse Done",
    "ReceiveResponse without CommandState",
    "ReceiveResponse with ExitCode before Done",
    "ReceiveResponse of a pool",
    "ReceiveResponse with End",
    "SendResponse",
    "SignalResponse",
    "DeleteResponse",
    "response: as indexed",
    "request headers",
    "request: as indexed",
    "request with MustComply",
    "request with a:mustUnderstand",
    ...["Create", "Command", "Send", "Receive", "Signal", "Delete", "Get", "Pull"].map((kind) =>
      `request ${kind}`
    ),
    "request EnumerateShells",
  ];
  for (const name of classes) assert.ok((counts.get(name) ?? 0) > 0, `nothing to check: ${name}`);
});
