/**
 * winrm/config: the recorded requests get an answer in the shape of the recorded ones, and the recorded answers of several versions
 * of Windows become the limits that they state.
 */
import assert from "node:assert/strict";
import { limitsOfConfig } from "../../actors/scheduler/mod.ts";
import { utf8 } from "../../protocol/bytes.ts";
import { readEnvelope } from "../../protocol/soap/mod.ts";
import { readConfig } from "../../protocol/wsman/mod.ts";
import { basic, Harness, post } from "../actors/service/harness.ts";
import { decodeText, independentTree, type Node } from "./shell/independent_xml.ts";
import { type Message, messages } from "./shell/messages.ts";

const configUri = "http://schemas.microsoft.com/wbem/wsman/1/config";

/** Written where nothing is bounded. */
const unbounded = 2_147_483_647;

interface Recorded {
  readonly message: Message;
  readonly text: string;
  readonly root: Node;
}

const recorded: Recorded[] = [];
for (const message of messages()) {
  try {
    const text = decodeText(message.bytes);
    if (text.includes(configUri)) recorded.push({ message, text, root: independentTree(text) });
  } catch {
    // Samples with broken XML are the business of other tests.
  }
}

function part(root: Node, name: "Header" | "Body"): readonly Node[] {
  return root.children.find(({ local }) => local === name)?.children ?? [];
}

function header(root: Node, local: string): string {
  return part(root, "Header").find((node) => node.local === local)?.text.trim() ?? "";
}

/** Names of all elements with those around them, in order. */
function shape(node: Node, above = ""): string[] {
  const path = `${above}/${node.local}`;
  return [`${node.uri} ${path}`, ...node.children.flatMap((child) => shape(child, path))];
}

const requests = recorded.filter(({ root }) =>
  header(root, "ResourceURI") === configUri && header(root, "Action").endsWith("/Get")
);
const answers = recorded.flatMap(({ message, root }) => {
  const [config] = part(root, "Body");
  return config?.local === "Config" && header(root, "Action").endsWith("/GetResponse")
    ? [{ message, config }]
    : [];
});

Deno.test("recorded requests for winrm/config get all elements of a recorded answer, in order", () => {
  assert.ok(requests.length >= 5, `${requests.length} requests`);
  const windows = answers.filter(({ message }) => !message.path.includes("ms-specs"));
  assert.ok(windows.length >= 5, `${windows.length} answers`);
  for (const { message, text, root } of requests) {
    const h = new Harness({ settings: { MaxShellsPerUser: 77, MaxEnvelopeSizekb: 321 } });
    const client = h.connect();
    client.sendBytes(post(utf8(text), [["Authorization", basic("alice")]]));
    const answer = client.answers[0]!;
    assert.equal(answer.status, 200, message.path);
    const tree = independentTree(new TextDecoder().decode(answer.body));
    assert.equal(header(tree, "Action"), "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse");
    assert.equal(header(tree, "RelatesTo"), header(root, "MessageID"));
    const [config] = part(tree, "Body");
    for (const { config: theirs } of windows) assert.deepEqual(shape(config!), shape(theirs), message.path);
    const values = new Map(
      config!.children.flatMap((node) => [node, ...node.children]).map((node) => [node.local, node.text]),
    );
    assert.deepEqual(
      ["MaxEnvelopeSizekb", "MaxShellsPerUser", "MaxConcurrentOperationsPerUser", "AllowUnencrypted"].map((
        name,
      ) => values.get(name)),
      ["321", "77", "1500", "true"],
    );
  }
});

/** What the answers say, read by eye: paths with operations, shells, and processes in a shell. */
const limits: readonly (readonly [path: RegExp, operations: number, shells: number, processes: number])[] = [
  [/pywinrm\/history\/test_run_(ps_script|ps_with_error_stop|with_multiple_fragments)_1-/, 1_500, 30, 25],
  [
    /pywinrm\/history\/test_run_with_pipeline_input_1-/,
    1_500,
    unbounded,
    unbounded,
  ],
  [/pypsrp\/sessions\/test_wsman_update_envelope_size_500/, 1_500, unbounded, unbounded],
  // Windows Vista has no limit of operations per user to tell: the smallest default holds.
  [/MS-WSM/, 15, 2, 5],
];

Deno.test("recorded answers become the limits that they state", () => {
  for (const { message } of answers) {
    const config = readConfig(readEnvelope(message.bytes));
    const known = limits.find(([path]) => path.test(message.path));
    assert.ok(known !== undefined, message.path);
    const [, operations, shells, processesPerShell] = known;
    const { connections, users, ...others } = limitsOfConfig(config);
    assert.deepEqual(others, { operations, shells, processesPerShell }, message.path);
    assert.deepEqual([connections, users], [
      Math.min(33, config.MaxConnections ?? 25),
      config.MaxConcurrentUsers ?? 5,
    ]);
  }
});

Deno.test("whatever else was recorded says nothing of limits", () => {
  // A Put and its answer are about winrm/config, too.
  const others = recorded.filter(({ root }) => part(root, "Body")[0]?.local !== "Config");
  assert.ok(others.length > 50, `${others.length} messages`);
  for (const { message } of others) {
    try {
      assert.deepEqual(readConfig(readEnvelope(message.bytes)), {}, message.path);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
    }
  }
});
