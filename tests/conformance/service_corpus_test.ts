/**
 * Requests of recorded clients, fed to the service as bytes over a simulated network, with the ids that a server chooses
 * replaced. What is expected comes from the request itself, read by an independent XML reader.
 */
import assert from "node:assert/strict";
import { utf8 } from "../../protocol/bytes.ts";
import { decodeText, independentTree, type Node } from "./shell/independent_xml.ts";
import { messages } from "./shell/messages.ts";
import { basic, Harness, post, type Received, result } from "../actors/service/harness.ts";

const shellNs = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const configUri = "http://schemas.microsoft.com/wbem/wsman/1/config";
const soap = "http://www.w3.org/2003/05/soap-envelope";

interface RecordedRequest {
  readonly path: string;
  readonly text: string;
  readonly root: Node;
  readonly action: string;
  readonly messageId: string | undefined;
  readonly resource: string;
}

function header(root: Node, local: string): string | undefined {
  const headers = root.children.find((child) => child.local === "Header")?.children ?? [];
  return headers.find((child) => child.local === local)?.text.trim();
}

/** Everything in the corpus that is well-formed and asks for something. */
function* requests(): Generator<RecordedRequest> {
  for (const message of messages()) {
    let text: string;
    let root: Node;
    try {
      text = decodeText(message.bytes);
      root = independentTree(text);
    } catch {
      continue;
    }
    if (root.local !== "Envelope" || message.side === "response" || message.kind === "response") continue;
    const action = header(root, "Action");
    const asks = action !== undefined && !/(Response|fault)$/i.test(action);
    const identify = root.children.some((child) => child.children[0]?.local === "Identify");
    if (!asks && !identify) continue;
    const resource = header(root, "ResourceURI") ?? "";
    yield {
      path: message.path,
      text,
      root,
      action: action ?? "Identify",
      messageId: header(root, "MessageID"),
      resource,
    };
  }
}

const recorded = [...requests()];

/** Sends the text to a service on which a shell and a command with output are open; their ids replace the recorded ones. */
function serve(request: RecordedRequest): { answer: Received; harness: Harness } {
  const h = new Harness();
  const client = h.connect();
  const shell = h.open(client);
  const command = h.start(client, shell);
  h.processes.last.output("out");
  h.processes.last.output("err", "stderr");
  h.processes.last.exit(0);
  h.test.run();
  let { text } = request;
  if (!request.action.endsWith("/Create")) {
    text = text.replace(/(Name=["']ShellId["'][^>]*>\s*)[^<]+?(\s*<)/gi, `$1${shell}$2`);
  }
  if (!request.action.endsWith("/Command")) {
    text = text.replace(/(CommandId=["'])[^"']+/g, `$1${command}`);
  }
  const before = client.answers.length;
  client.sendBytes(
    post(utf8(text.replace(/^(<\?xml[^>]*encoding=["'])[^"']+/, "$1utf-8")), [[
      "Authorization",
      basic("alice"),
    ]]),
  );
  h.test.advance(1_000);
  const answer = client.answers[before];
  assert.ok(answer !== undefined, `${request.path}: no answer`);
  assert.deepEqual(h.test.crashes, [], request.path);
  return { answer, harness: h };
}

/** Deliberate refusals: path and the code that Windows has for it. */
const refusals: readonly (readonly [RegExp, number])[] = [
  // Command shells cannot be disconnected here (nor on Windows before 2012): ActionNotSupported.
  [/4\.7\.9_057_Disconnect-Shell/, 2150858771],
  [/4\.7\.10_059_Reconnect-Shell/, 2150858771],
  // A Pull of an enumeration that this service never began: InvalidEnumerationContext.
  [/4\.7\.6_051_Enumerate-Remote-Shells/, 2150858779],
];

Deno.test("recorded requests to shells get the answer of their action, with their MessageID", () => {
  let count = 0;
  const wrong: string[] = [];
  for (const request of recorded) {
    if (![`${shellNs}/cmd`, shellNs, `${shellNs}/Command`].includes(request.resource)) continue;
    const { answer } = serve(request);
    const { envelope, code, text } = result(answer);
    count++;
    const refusal = refusals.find(([path]) => path.test(request.path));
    if (refusal !== undefined) {
      if (code !== refusal[1]) wrong.push(`${request.path}: ${code} instead of ${refusal[1]}`);
      continue;
    }
    const expected = `${request.action}Response`;
    if (answer.status !== 200 || envelope.action !== expected || envelope.relatesTo !== request.messageId) {
      wrong.push(`${request.path}: ${answer.status} ${envelope.action} ${code} ${text.slice(-300)}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count >= 60, `only ${count} requests`);
});

Deno.test("recorded Identify requests are answered", () => {
  let count = 0;
  for (const request of recorded) {
    if (request.action !== "Identify") continue;
    count++;
    assert.match(result(serve(request).answer).text, /IdentifyResponse/, request.path);
  }
  assert.ok(count > 0);
});

Deno.test("recorded requests for what the service does not have get a typed fault that names the request", () => {
  const codes = new Map<string, number>();
  for (const request of recorded) {
    if (request.action === "Identify") continue;
    if ([`${shellNs}/cmd`, shellNs, `${shellNs}/Command`].includes(request.resource)) continue;
    // tests/conformance/config_corpus_test.ts
    if (request.resource === configUri && request.action.endsWith("/Get")) continue;
    const { answer } = serve(request);
    assert.equal(answer.status, 500, request.path);
    const { envelope, code, text } = result(answer);
    assert.match(envelope.action ?? "", /fault$/, request.path);
    assert.ok(code !== undefined || text.includes("NotUnderstood"), request.path);
    // Some documentation writes its namespaces with https: that is no SOAP 1.2, whose headers could be read.
    if (request.messageId && request.root.uri === soap) {
      assert.equal(envelope.relatesTo, request.messageId, request.path);
    }
    codes.set(`${code}`, (codes.get(`${code}`) ?? 0) + 1);
    const powershell = request.resource.startsWith("http://schemas.microsoft.com/powershell/");
    if (powershell && code !== undefined) assert.equal(code, 2150858752, request.path);
  }
  assert.ok(codes.size > 0);
});
