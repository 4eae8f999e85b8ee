// What our service answers is what our client reads, and no answer is larger than the client allowed.
import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputBuffer } from "../../actors/service/output_buffer.ts";
import {
  commandElement,
  readCommandResponse,
  readCreateResponse,
  readReceiveResponse,
  readShellInfo,
  receiveCapacity,
  type ShellView,
  writeCommandResponse,
  writeCreateResponse,
  writeDeleteResponse,
  writeEnumerateResponse,
  writeGetShellResponse,
  writePullResponse,
  writeReceiveResponse,
  writeReleaseResponse,
  writeSendResponse,
  writeSignalResponse,
} from "../../protocol/shell/mod.ts";
import { actions, type Envelope, ns, readEnvelope } from "../../protocol/soap/mod.ts";
import { formatAge, formatDuration } from "../../protocol/duration.ts";
import { readRequestHeaders, RequestWriter } from "../../protocol/wsman/mod.ts";
import { bytes, guid, text, trimmedText, variableName, word } from "../helpers/shell_arbitraries.ts";

const context = fc.record({ messageId: guid.map((id) => `uuid:${id}`), relatesTo: word });
const exitCode = fc.integer({ min: -0x8000_0000, max: 0xffff_ffff });
const stream = fc.constantFrom("stdout" as const, "stderr" as const);

function read(answer: Uint8Array, from: { messageId: string; relatesTo: string }, action: string): Envelope {
  const envelope = readEnvelope(answer);
  assert.equal(envelope.messageId, from.messageId);
  assert.equal(envelope.relatesTo, from.relatesTo);
  assert.equal(envelope.action, `${action}Response`);
  return envelope;
}

const view: fc.Arbitrary<ShellView> = fc.record({
  shellId: guid,
  name: fc.option(trimmedText, { nil: undefined }),
  owner: trimmedText,
  clientIp: trimmedText,
  env: fc.dictionary(variableName, text, { maxKeys: 4 }).map((env) => new Map(Object.entries(env))),
  cwd: fc.option(text, { nil: undefined }),
  idleTimeoutMs: fc.integer({ min: 0, max: 2_147_483_647 }),
  lifetimeMs: fc.option(fc.integer({ min: 0, max: 2_147_483_647 }), { nil: undefined }),
  inputStreams: fc.constant(["stdin"]),
  outputStreams: fc.constant(["stdout", "stderr"]),
  ageMs: fc.integer({ min: 0, max: 2_147_483_647 }),
  inactivityMs: fc.integer({ min: 0, max: 2_147_483_647 }),
  processes: fc.option(fc.nat(), { nil: undefined }),
});

Deno.test("a created shell is known by its id, and shown as it is", () => {
  fc.assert(fc.property(context, text, view, fc.boolean(), (from, to, asked, posix) => {
    const shell: ShellView = posix ? { ...asked, platform: "posix" } : asked;
    const envelope = read(writeCreateResponse(from, to, shell), from, actions.create);
    assert.deepEqual(readCreateResponse(envelope), {
      shellId: shell.shellId,
      platform: posix ? "posix" : "windows",
    });
    const got = read(writeGetShellResponse(from, shell), from, actions.get);
    for (const element of [envelope.body.child(ns.rsp, "Shell")!, got.content!]) {
      assert.deepEqual(readShellInfo(element), {
        shellId: shell.shellId,
        resourceUri: `${ns.rsp}/cmd`,
        name: shell.name,
        owner: shell.owner,
        clientIp: shell.clientIp,
        idleTimeout: formatDuration(shell.idleTimeoutMs),
        runTime: formatAge(shell.ageMs),
        inactivity: formatAge(shell.inactivityMs),
        state: undefined,
      });
      const variables = element.child(ns.rsp, "Environment")?.childrenNamed(ns.rsp, "Variable") ?? [];
      assert.deepEqual(
        new Map(variables.map((variable) => [variable.attribute("", "Name"), variable.text])),
        shell.env,
      );
      assert.equal(element.child(ns.rsp, "WorkingDirectory")?.text, shell.cwd);
      assert.equal(element.child(ns.rsp, "ChildProcesses")?.text, shell.processes?.toString());
    }
  }));
});

Deno.test("a started command is known by its id; short answers are empty", () => {
  fc.assert(fc.property(context, guid, (from, id) => {
    assert.equal(readCommandResponse(read(writeCommandResponse(from, id), from, actions.command)), id);
    assert.equal(read(writeSendResponse(from), from, actions.send).content?.local, "SendResponse");
    assert.equal(read(writeSignalResponse(from), from, actions.signal).content?.local, "SignalResponse");
    assert.equal(read(writeDeleteResponse(from), from, actions.delete).content, undefined);
    assert.equal(read(writeReleaseResponse(from), from, actions.release).content, undefined);
  }));
});

Deno.test("output arrives byte for byte and in order, with ends, state and exit code", () => {
  fc.assert(fc.property(
    context,
    guid,
    fc.array(fc.record({ name: stream, bytes }), { maxLength: 8 }),
    fc.uniqueArray(stream, { maxLength: 2 }),
    fc.option(exitCode, { nil: undefined }),
    (from, commandId, pieces, ended, code) => {
      const state = code === undefined ? "Running" : "Done";
      const answer = writeReceiveResponse(from, { commandId, pieces, ended, state, exitCode: code });
      assert.deepEqual(readReceiveResponse(read(answer, from, actions.receive)), {
        pieces: [
          ...pieces.map((piece) => ({ ...piece, commandId, end: false })),
          ...ended.map((name) => ({ name, commandId, bytes: new Uint8Array(0), end: true })),
        ],
        state,
        exitCode: code,
      });
    },
  ));
});

/** Message ids that are as long as allowed and grow most: by escapes, by UTF-8, by both. */
const hostileId = fc.oneof(
  word,
  fc.tuple(fc.constantFrom("&", "<", "\r", "\u20ac", "\u{1F600}", `"`), fc.integer({ min: 1, max: 1022 }))
    .map(([character, count]) => `x${character.repeat(Math.floor(count / character.length))}x`),
);

Deno.test("an answer filled with output is never larger than MaxEnvelopeSize, whatever the message id", () => {
  const writer = new RequestWriter({ to: "urn:to", maxEnvelopeSize: 8192, locale: "en-US", sessionId: "S" });
  const request = writer.write({
    action: "urn:a",
    resourceUri: "urn:r",
    messageId: "MESSAGE",
    operationTimeoutMs: 1,
    body: "",
  });
  const decoded = new TextDecoder().decode(request);
  fc.assert(
    fc.property(
      hostileId,
      fc.oneof(fc.constant(8192), fc.integer({ min: 8192, max: 60_000 })),
      fc.array(
        fc.tuple(stream, fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 40_000 }))),
        {
          minLength: 1,
          maxLength: 200,
        },
      ),
      fc.uniqueArray(stream, { minLength: 1, maxLength: 2 }),
      (id, maxEnvelopeSize, output, wanted) => {
        const escaped = id.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
          .replaceAll("\r", "&#xD;");
        const { messageId } = readRequestHeaders(
          readEnvelope(new TextEncoder().encode(decoded.replace("uuid:MESSAGE", () => escaped))),
        );
        assert.equal(messageId, id.trim());
        const buffer = new OutputBuffer();
        for (const [name, length] of output) buffer.push(name, new Uint8Array(length));
        const held = wanted.reduce((sum, name) => sum + buffer.held(name), 0);
        let taken = 0;
        while (taken < held) {
          const pieces = buffer.take(new Set(wanted), receiveCapacity(maxEnvelopeSize, messageId));
          const length = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
          assert.ok(length > 0, "an answer without progress");
          taken += length;
          const answer = writeReceiveResponse(
            { messageId: "uuid:4DB571F9-F8DE-48FD-872C-2AF08D996249", relatesTo: messageId },
            {
              commandId: "{4DB571F9-F8DE-48FD-872C-2AF08D996249}",
              pieces,
              ended: wanted,
              state: "Done",
              exitCode: -0x8000_0000,
            },
          );
          assert.ok(
            answer.length <= maxEnvelopeSize,
            `${answer.length} bytes of ${maxEnvelopeSize}, ${pieces.length} pieces`,
          );
          // Answers of one byte each would take long; a few show it.
          if (receiveCapacity(maxEnvelopeSize, messageId) === 0 && taken > 20) break;
        }
        assert.ok(taken <= held);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a filled answer uses what it may: at least nine tenths of a usual envelope", () => {
  const relatesTo = "uuid:4DB571F9-F8DE-48FD-872C-2AF08D996249";
  for (const size of [51_200, 153_600, 512_000]) {
    const bytes = new Uint8Array(receiveCapacity(size, relatesTo) - 128);
    const answer = writeReceiveResponse({ messageId: relatesTo, relatesTo }, {
      commandId: relatesTo,
      pieces: [{ name: "stdout", bytes }],
      ended: [],
      state: "Running",
      exitCode: undefined,
    });
    assert.ok(answer.length <= size && answer.length >= size * 0.9, `${answer.length} of ${size}`);
  }
});

Deno.test("pages of enumerations hold their items, and say where to go on or that they end", () => {
  fc.assert(fc.property(
    context,
    fc.array(
      fc.record({ commandId: guid, commandLine: trimmedText, state: fc.constantFrom("Running", "Done") }),
    ),
    fc.option(guid, { nil: undefined }),
    (from, commands, enumerationContext) => {
      const items = commands.map(commandElement);
      const check = (answer: Uint8Array, action: string, namespace: string) => {
        const page = read(answer, from, action).content!;
        const list = page.child(namespace, "Items")!.children;
        assert.deepEqual(
          list.map((item) =>
            ["CommandId", "CommandLine", "CommandState"].map((local) => item.child(ns.rsp, local)?.text)
          ),
          commands.map((command) => [command.commandId, command.commandLine, command.state]),
        );
        assert.equal(page.child(ns.n, "EnumerationContext")?.text ?? "", enumerationContext ?? "");
        assert.equal(page.child(namespace, "EndOfSequence") !== undefined, enumerationContext === undefined);
      };
      check(writeEnumerateResponse(from, { items, enumerationContext }), actions.enumerate, ns.w);
      check(writePullResponse(from, { items, enumerationContext }), actions.pull, ns.n);
      if (enumerationContext === undefined) return;
      const plain = writeEnumerateResponse(from, { items: undefined, enumerationContext });
      const page = read(plain, from, actions.enumerate).content!;
      assert.equal(page.child(ns.w, "Items"), undefined);
      assert.equal(page.child(ns.n, "EnumerationContext")?.text, enumerationContext);
    },
  ));
});
