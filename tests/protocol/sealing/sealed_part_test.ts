import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { createNegotiateAcceptor, createNegotiateInitiator } from "../../../protocol/auth/mod.ts";
import { utf16le } from "../../../protocol/auth/ntlm_crypto.ts";
import { SealedMessages, sealedProtocol, sealMessage, unsealPart } from "../../../protocol/sealing/mod.ts";
import { acceptorOptions, initiatorOptions, logOn } from "../../helpers/auth_pair.ts";

const utf8Type = "application/soap+xml;charset=UTF-8";

/** A context that seals nothing, for what does not depend on it. */
const clear = { seal: (bytes: Uint8Array) => bytes, unseal: (bytes: Uint8Array) => bytes };

function through(plaintext: Uint8Array, type = utf8Type, padding: "trim" | "keep" = "trim"): Uint8Array {
  return unsealPart(clear, sealMessage(clear, "Negotiate", type, plaintext)[0]!, { padding });
}

Deno.test("a message is sealed into a part and comes out again on the other side", () => {
  const client = createNegotiateInitiator(initiatorOptions());
  const server = createNegotiateAcceptor(acceptorOptions());
  logOn(client, server);
  const part = sealMessage(client, "Negotiate", utf8Type, utf8("<Envelope/>"))[0]!;
  assert.equal(part.protocol, "application/HTTP-SPNEGO-session-encrypted");
  assert.equal(part.originalContentType, utf8Type);
  assert.equal(part.originalLength, 11);
  assert.deepEqual(unsealPart(server, part), utf8("<Envelope/>"));
});

Deno.test("each scheme has its protocol", () => {
  assert.equal(sealedProtocol("Kerberos"), "application/HTTP-Kerberos-session-encrypted");
  assert.equal(sealedProtocol("CredSSP"), "application/HTTP-CredSSP-session-encrypted");
});

Deno.test("a length that the plaintext does not have is refused", () => {
  const part = sealMessage(clear, "Negotiate", utf8Type, utf8("<a/>"))[0]!;
  assert.throws(() => unsealPart(clear, { ...part, originalLength: 5 }), { code: "SealedLength" });
});

Deno.test("padding to 16 bytes is cut off, other NULs stay", () => {
  assert.deepEqual(through(utf8("<a/>" + "\0".repeat(12))), utf8("<a/>"));
  assert.deepEqual(through(utf8("<a/>" + "\0".repeat(12)), utf8Type, "keep").length, 16);
  assert.deepEqual(through(utf8("<a/>\0\0\0")).length, 7);
  assert.deepEqual(through(utf8("\0".repeat(48))).length, 32);
  assert.deepEqual(through(new Uint8Array(0)).length, 0);
});

Deno.test("the last character of UTF-16 keeps its NUL", () => {
  const type = "application/soap+xml;charset=UTF-16";
  assert.deepEqual(through(utf16le("<a></a>>"), type), utf16le("<a></a>>"));
  assert.deepEqual(through(utf16le("<a/>\0\0\0\0"), type), utf16le("<a/>"));
});

Deno.test("CredSSP carries a message in pieces of 16 KB, and they are put together again", () => {
  for (const size of [0, 1, 16_383, 16_384, 16_385, 32_768, 40_000]) {
    const plaintext = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const parts = sealMessage(clear, "CredSSP", utf8Type, plaintext);
    assert.equal(parts.length, Math.max(1, Math.ceil(size / 16_384)));
    assert.ok(
      parts.every(({ protocol, originalLength }) =>
        protocol === sealedProtocol("CredSSP") && originalLength <= 16_384
      ),
    );
    const messages = new SealedMessages(clear, true, 100_000);
    for (const part of parts) assert.equal(messages.take(part), undefined);
    assert.deepEqual(messages.end(), plaintext);
  }
});

Deno.test("pieces that never end are given up at the limit, and other schemes know no pieces", () => {
  const [part] = sealMessage(clear, "CredSSP", utf8Type, new Uint8Array(16_384).fill(1));
  const messages = new SealedMessages(clear, true, 40_000);
  messages.take(part!);
  messages.take(part!);
  assert.throws(() => messages.take(part!), { code: "SealedTooLarge" });
  assert.equal(sealMessage(clear, "Negotiate", utf8Type, new Uint8Array(50_000)).length, 1);
  assert.equal(new SealedMessages(clear, false, 10).take(part!)?.length, 16_384);
});
