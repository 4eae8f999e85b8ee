// What our client asks is what our service reads, whatever the texts, bytes and names are.
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../protocol/errors.ts";
import {
  type CommandOptions,
  createShell,
  type CreateShellOptions,
  deleteShell,
  readShellOperation,
  receiveOutput,
  runCommand,
  sendInput,
  type ShellOperation,
  type ShellRequest,
  signalCommand,
} from "../../protocol/shell/mod.ts";
import { readEnvelope } from "../../protocol/soap/mod.ts";
import { readRequestHeaders, type RequestHeaders, RequestWriter } from "../../protocol/wsman/mod.ts";
import { bytes, guid, text, trimmedText, variableName, word } from "../helpers/shell_arbitraries.ts";

const endpoint = {
  to: "http://host:5985/wsman",
  maxEnvelopeSize: 512_000,
  locale: "en-US",
  sessionId: "5E6FD101-710A-4EEA-A50D-70C0BF863AA3",
};
const messageId = "4DB571F9-F8DE-48FD-872C-2AF08D996249";

function served(request: ShellRequest): { headers: RequestHeaders; operation: ShellOperation } {
  const written = new RequestWriter(endpoint).write({ ...request, messageId, operationTimeoutMs: 20_000 });
  const envelope = readEnvelope(written);
  const headers = readRequestHeaders(envelope);
  assert.equal(headers.messageId, `uuid:${messageId}`);
  assert.equal(headers.operationTimeoutMs, 20_000);
  assert.equal(headers.action, request.action);
  assert.equal(headers.resourceUri, request.resourceUri);
  return { headers, operation: readShellOperation(headers, envelope) };
}

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** The record without the properties that are undefined, as callers write options. */
function given<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

const time = fc.integer({ min: 0, max: 2_147_483_647 });

Deno.test("a created shell has the name, directory, environment, times and options that were asked for", () => {
  fc.assert(fc.property(
    fc.record({
      shellId: optional(guid),
      name: optional(text),
      cwd: optional(word),
      env: optional(fc.dictionary(variableName, text, { maxKeys: 6 })),
      idleTimeoutMs: optional(time),
      lifetimeMs: optional(time),
      noProfile: optional(fc.boolean()),
      codepage: optional(fc.integer({ min: 0, max: 99_999 })),
    }),
    (asked) => {
      const { operation } = served(createShell(given<CreateShellOptions>(asked)));
      assert.deepEqual(operation, {
        kind: "Create",
        shellId: asked.shellId,
        name: asked.name,
        cwd: asked.cwd,
        env: new Map(Object.entries(asked.env ?? {})),
        idleTimeoutMs: asked.idleTimeoutMs,
        lifetimeMs: asked.lifetimeMs,
        inputStreams: ["stdin"],
        outputStreams: ["stdout", "stderr"],
        noProfile: asked.noProfile ?? false,
        codepage: asked.codepage,
      });
    },
  ));
});

Deno.test("a command and its arguments arrive character for character", () => {
  fc.assert(fc.property(
    guid,
    fc.record({
      commandId: optional(guid),
      command: text,
      args: optional(fc.array(text, { maxLength: 6 })),
      skipCmdShell: optional(fc.boolean()),
      consoleModeStdin: optional(fc.boolean()),
    }),
    (shellId, asked) => {
      assert.deepEqual(served(runCommand(shellId, given<CommandOptions>(asked))).operation, {
        kind: "Command",
        shellId,
        commandId: asked.commandId,
        command: asked.command,
        args: asked.args ?? [],
        consoleModeStdin: asked.consoleModeStdin ?? false,
        skipCmdShell: asked.skipCmdShell ?? false,
      });
    },
  ));
});

Deno.test("input arrives byte for byte with its end", () => {
  fc.assert(fc.property(guid, guid, bytes, fc.boolean(), (shellId, commandId, input, end) => {
    assert.deepEqual(served(sendInput(shellId, commandId, input, end)).operation, {
      kind: "Send",
      shellId,
      pieces: [{ commandId, stream: "stdin", bytes: input, end }],
    });
  }));
});

Deno.test("Receive, Signal and Delete name the shell and the command", () => {
  fc.assert(fc.property(
    guid,
    guid,
    fc.constantFrom("terminate" as const, "ctrl_c" as const, "ctrl_break" as const),
    (shellId, commandId, signal) => {
      assert.deepEqual(served(receiveOutput(shellId, commandId)).operation, {
        kind: "Receive",
        shellId,
        commandId,
        streams: ["stdout", "stderr"],
        keepAlive: true,
      });
      assert.deepEqual(served(signalCommand(shellId, commandId, signal)).operation, {
        kind: "Signal",
        shellId,
        commandId,
        signal,
      });
      assert.deepEqual(served(deleteShell(shellId)).operation, { kind: "Delete", shellId });
    },
  ));
});

Deno.test("ids are the same in lower case and with uuid: before them", () => {
  fc.assert(fc.property(guid, guid, (shellId, commandId) => {
    const { operation } = served(
      receiveOutput(`uuid:${shellId.toLowerCase()}`, `uuid:${commandId.toLowerCase()}`),
    );
    assert.deepEqual(operation, served(receiveOutput(shellId, commandId)).operation);
  }));
});

Deno.test("selectors and options of a request arrive, one request does not change another", () => {
  fc.assert(fc.property(
    fc.dictionary(word.filter((name) => name !== "__proto__"), trimmedText, { maxKeys: 5 }),
    fc.dictionary(word.filter((name) => name !== "__proto__"), text, { maxKeys: 5 }),
    word,
    (selectors, options, resourceUri) => {
      const writer = new RequestWriter({ ...endpoint, to: resourceUri });
      const parts = { action: "urn:a", resourceUri, messageId, operationTimeoutMs: 1, body: "" };
      const first = writer.write({ ...parts, selectors, options });
      const copy = first.slice();
      writer.write({ ...parts, body: "<rsp:X/>".repeat(50) });
      assert.deepEqual(first, copy);
      const headers = readRequestHeaders(readEnvelope(first));
      assert.deepEqual(headers.selectors, new Map(Object.entries(selectors)));
      assert.deepEqual(
        headers.options,
        Object.entries(options).map(([name, value]) => ({ name, value, mustComply: false })),
      );
      assert.equal(headers.resourceUri, resourceUri);
      assert.equal(headers.maxEnvelopeSize, endpoint.maxEnvelopeSize);
      assert.equal(headers.locale, "en-US");
      assert.equal(headers.dataLocale, "en-US");
    },
  ));
});

Deno.test("text that XML cannot say is the caller's error", () => {
  for (const wrong of ["\0", "\u0001", "\uD800", "\uFFFF"]) {
    const isUsage = (error: unknown) => error instanceof UsageError;
    assert.throws(() => runCommand("A", { command: wrong }), isUsage);
    assert.throws(() => runCommand("A", { command: "a", args: [wrong] }), isUsage);
    assert.throws(() => createShell({ env: { A: wrong } }), isUsage);
    assert.throws(() => createShell({ env: { [wrong]: "" } }), isUsage);
    assert.throws(() => createShell({ cwd: wrong }), isUsage);
    assert.throws(() => createShell({ name: wrong }), isUsage);
    assert.throws(() => createShell({ idleTimeoutMs: -1 }), isUsage);
  }
});
