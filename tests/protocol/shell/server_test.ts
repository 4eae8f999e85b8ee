// Which requests to a shell the service refuses, and with which fault; what it reads is held to in tests/property.
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { readShellOperation } from "../../../protocol/shell/mod.ts";
import { actions, openEnvelope, readEnvelope, resources } from "../../../protocol/soap/mod.ts";
import { faultCode, readRequestHeaders, WsmanFaultError } from "../../../protocol/wsman/mod.ts";

const shellId = `<w:SelectorSet><w:Selector Name="shellid">uuid:a1</w:Selector></w:SelectorSet>`;

function operation(action: string, body: string, headers = shellId, resource: string = resources.cmd) {
  const envelope = readEnvelope(utf8(
    `${
      openEnvelope("s a w p n rsp")
    }<s:Header><a:Action>${action}</a:Action><a:MessageID>uuid:1</a:MessageID>` +
      `<w:ResourceURI>${resource}</w:ResourceURI>${headers}</s:Header><s:Body>${body}</s:Body></s:Envelope>`,
  ));
  return readShellOperation(readRequestHeaders(envelope), envelope);
}

function assertFault(shortName: string, ...request: Parameters<typeof operation>): void {
  assert.throws(
    () => operation(...request),
    (error) => error instanceof WsmanFaultError && error.faultCode === faultCode(shortName),
    request.join(" "),
  );
}

const options = (xml: string) => `${shellId}<w:OptionSet>${xml}</w:OptionSet>`;
const line = "<rsp:CommandLine><rsp:Command>a</rsp:Command></rsp:CommandLine>";

Deno.test("a body that is not the one of its action is against the schema", () => {
  const cases: readonly [string, string][] = [
    [actions.create, ""],
    [actions.create, "<rsp:Send/>"],
    [actions.create, "<rsp:Shell/><rsp:Shell/>"],
    [actions.create, "<rsp:Shell><rsp:IdleTimeOut>7</rsp:IdleTimeOut></rsp:Shell>"],
    [actions.command, line + line],
    [actions.command, "<rsp:CommandLine/>"],
    [
      actions.command,
      "<rsp:CommandLine><rsp:Command>a</rsp:Command><rsp:Argument>b</rsp:Argument></rsp:CommandLine>",
    ],
    [actions.send, "<rsp:Send/>"],
    [actions.send, `<rsp:Send><rsp:Stream Name="stdin">YQ==</rsp:Stream></rsp:Send>`],
    [actions.receive, "<rsp:Receive/>"],
    [actions.signal, `<rsp:Signal><rsp:Code>${resources.shell}/signal/terminate</rsp:Code></rsp:Signal>`],
    [actions.enumerate, "<n:Pull/>"],
    [actions.pull, "<n:Enumerate/>"],
    [actions.release, ""],
  ];
  for (const [action, body] of cases) assertFault("SCHEMA_VALIDATION_ERROR", action, body);
});

Deno.test("input and signals without a command are for custom shells only", () => {
  const custom = `${resources.shell}/test`;
  const send = `<rsp:Send><rsp:Stream Name="stdin">YQ==</rsp:Stream></rsp:Send>`;
  assert.deepEqual(operation(actions.send, send, shellId, custom), {
    kind: "Send",
    shellId: "A1",
    pieces: [{ commandId: "", stream: "stdin", bytes: utf8("a"), end: false }],
  });
  const signal = `<rsp:Signal><rsp:Code>powershell/signal/crtl_c</rsp:Code></rsp:Signal>`;
  assert.deepEqual(operation(actions.signal, signal, shellId, custom), {
    kind: "Signal",
    shellId: "A1",
    commandId: "",
    signal: "ctrl_c",
  });
});

Deno.test("options count in any case; an unknown one is refused only where it must be complied with", () => {
  const flags: readonly [string, boolean][] = [["TRUE", true], ["1", true], [" true ", true], [
    "False",
    false,
  ], ["", false]];
  for (const [value, expected] of flags) {
    const read = operation(
      actions.command,
      line,
      options(`<w:Option Name="winrs_skip_cmd_shell">${value}</w:Option>`),
    );
    assert.equal(read.kind === "Command" && read.skipCmdShell, expected, value);
  }
  assertFault(
    "INVALID_OPTIONS",
    actions.command,
    line,
    options(`<w:Option Name="WINRS_SKIP_CMD_SHELL">yes</w:Option>`),
  );
  const unknown = `<w:Option Name="X" MustComply="true">1</w:Option>`;
  assertFault("INVALID_OPTIONS", actions.command, line, options(unknown));
  assertFault("INVALID_OPTIONS", actions.create, "<rsp:Shell/>", options(unknown));
  assert.equal(operation(actions.command, line, options(unknown.replace("true", "false"))).kind, "Command");
  assert.equal(
    operation(actions.create, "<rsp:Shell/>", options(unknown), `${resources.powershellPrefix}X`).kind,
    "Create",
  );
  for (const page of ["utf8", "", "-1", "123456"]) {
    assertFault(
      "ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED",
      actions.create,
      "<rsp:Shell/>",
      options(`<w:Option Name="WINRS_CODEPAGE">${page}</w:Option>`),
    );
  }
});

Deno.test("environment variables need a name without an equals sign", () => {
  for (const attribute of ["", `Name=""`, `Name="a=b"`]) {
    const body =
      `<rsp:Shell><rsp:Environment><rsp:Variable ${attribute}>1</rsp:Variable></rsp:Environment></rsp:Shell>`;
    assertFault("INVALID_PARAMETER", actions.create, body);
  }
});

Deno.test("the shell has to be named, the signal known, the filter one for a shell's commands", () => {
  assertFault("INVALID_SELECTORS", actions.delete, "", "");
  assertFault(
    "INVALID_SELECTORS",
    actions.get,
    "",
    `<w:SelectorSet><w:Selector Name="Id">1</w:Selector></w:SelectorSet>`,
  );
  assertFault(
    "INVALID_PARAMETER",
    actions.signal,
    `<rsp:Signal CommandId="1"><rsp:Code>x</rsp:Code></rsp:Signal>`,
  );
  const filtered = "<n:Enumerate><w:Filter/></n:Enumerate>";
  assertFault(
    "ENUMERATE_FILTER_DIALECT_REQUESTED_UNAVAILABLE",
    actions.enumerate,
    filtered,
    "",
    resources.shell,
  );
  assertFault("ENUMERATE_CANNOT_PROCESS_FILTER", actions.enumerate, filtered, "", resources.command);
  for (const action of [actions.connect, actions.disconnect, actions.reconnect, actions.put, "urn:x"]) {
    assertFault("ACTION_NOT_SUPPORTED", action, "");
  }
});

Deno.test("what is left out has a default", () => {
  assert.deepEqual(operation(actions.create, "<rsp:Shell/>", ""), {
    kind: "Create",
    shellId: undefined,
    name: undefined,
    cwd: undefined,
    env: new Map(),
    idleTimeoutMs: undefined,
    lifetimeMs: undefined,
    inputStreams: ["stdin"],
    outputStreams: ["stdout", "stderr"],
    noProfile: false,
    codepage: undefined,
  });
  assert.deepEqual(operation(actions.enumerate, "<n:Enumerate/>", "", resources.shell), {
    kind: "EnumerateShells",
    optimized: false,
    maxElements: 0,
  });
  const pull = (elements: string) =>
    operation(actions.pull, `<n:Pull><n:EnumerationContext> c </n:EnumerationContext>${elements}</n:Pull>`);
  assert.deepEqual(pull(""), { kind: "Pull", context: "c", maxElements: 1 });
  assert.deepEqual(pull("<n:MaxElements> 20 </n:MaxElements>"), {
    kind: "Pull",
    context: "c",
    maxElements: 20,
  });
});
