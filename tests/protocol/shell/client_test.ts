// Answers of odd services; what our own service answers is read in tests/property.
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import { readCommandResponse, readCreateResponse, readReceiveResponse } from "../../../protocol/shell/mod.ts";
import { type Envelope, openEnvelope, readEnvelope, resources } from "../../../protocol/soap/mod.ts";

function body(xml: string): Envelope {
  return readEnvelope(utf8(`${openEnvelope("s a x w rsp")}<s:Body>${xml}</s:Body></s:Envelope>`));
}

function assertRefused(read: (envelope: Envelope) => unknown, xml: string, code: string): void {
  assert.throws(() => read(body(xml)), (error) => error instanceof ProtocolError && error.code === code, xml);
}

const created = (selectors: string) =>
  `<x:ResourceCreated><a:ReferenceParameters><w:SelectorSet>${selectors}</w:SelectorSet></a:ReferenceParameters>` +
  `</x:ResourceCreated>`;
const received = (xml: string) => `<rsp:ReceiveResponse>${xml}</rsp:ReceiveResponse>`;
const state = (name: string, code: string) =>
  `<rsp:CommandState State="${resources.shell}/CommandState/${name}"><rsp:ExitCode>${code}</rsp:ExitCode></rsp:CommandState>`;

Deno.test("the id of a shell is that of the selector, else that of rsp:Shell", () => {
  const selector = `<w:Selector Name="Other">1</w:Selector><w:Selector Name="ShellId">\n A \n</w:Selector>`;
  const shell = "<rsp:Shell><rsp:ShellId> B </rsp:ShellId></rsp:Shell>";
  assert.equal(readCreateResponse(body(created(selector) + shell)).shellId, "A");
  assert.equal(readCreateResponse(body(shell + created(""))).shellId, "B");
  assert.equal(readCreateResponse(body(shell)).platform, "windows");
  const without = [
    "",
    created(""),
    created(`<w:Selector Name="ShellId"> </w:Selector>`),
    "<rsp:Shell><rsp:ShellId/></rsp:Shell>",
    `<w:SelectorSet>${selector}</w:SelectorSet>`,
  ];
  for (const xml of without) assertRefused(readCreateResponse, xml, "ShellIdMissing");
});

Deno.test("a CommandResponse without id is refused", () => {
  for (
    const xml of [
      "",
      "<rsp:CommandResponse/>",
      "<rsp:CommandResponse><rsp:CommandId> </rsp:CommandId></rsp:CommandResponse>",
    ]
  ) {
    assertRefused(readCommandResponse, xml, "CommandIdMissing");
  }
});

Deno.test("an exit code counts with Done only, has 32 bits, and the last state holds", () => {
  const read = (xml: string) => readReceiveResponse(body(received(xml)));
  assert.deepEqual(read(""), { pieces: [], state: undefined, exitCode: undefined });
  assert.deepEqual(read(state("Running", "0")), { pieces: [], state: "Running", exitCode: undefined });
  assert.equal(read(state("Done", " -1073741510 ")).exitCode, -1073741510);
  assert.equal(read(state("Done", "4294967295")).exitCode, 4294967295);
  assert.equal(read(state("Done", "")).exitCode, undefined);
  assert.deepEqual(read(state("Done", "7") + state("Running", "0")), {
    pieces: [],
    state: "Running",
    exitCode: undefined,
  });
  assert.equal(read(state("Exploded", "1")).state, undefined);
  for (const code of ["4294967296", "-2147483649", "1.5", "0x1", "one"]) {
    assertRefused(readReceiveResponse, received(state("Done", code)), "BadExitCode");
  }
  assertRefused(readReceiveResponse, "<rsp:SendResponse/>", "NotReceiveResponse");
});

Deno.test("streams are decoded with white space inside, without names or commands, and end in any spelling", () => {
  const { pieces } = readReceiveResponse(body(received(
    `<rsp:Stream Name="stdout" CommandId="1">\n aG\nk= \n</rsp:Stream><rsp:Stream Name=" stderr " End=" TRUE "/>` +
      `<rsp:Stream End="false"></rsp:Stream><other xmlns="urn:x"/>`,
  )));
  assert.deepEqual(pieces, [
    { name: "stdout", commandId: "1", bytes: utf8("hi"), end: false },
    { name: "stderr", commandId: undefined, bytes: new Uint8Array(0), end: true },
    { name: "", commandId: undefined, bytes: new Uint8Array(0), end: false },
  ]);
});
