/**
 * Sealed bodies: the form (`multipart/encrypted`) and what is inside of it. The same parts on every split; what was read can
 * be written and read again; and nothing that an NTLM session opens differs from what its peer sealed.
 * @module
 */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { NtlmSession } from "../../../protocol/auth/ntlm_session.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type EncryptedPart,
  parseContentType,
} from "../../../protocol/http/mod.ts";
import { sealedProtocol, sealMessage, unsealPart } from "../../../protocol/sealing/mod.ts";
import type { Target } from "../engine.ts";

const protocol = sealedProtocol("CredSSP");
const originalContentType = "application/soap+xml;charset=UTF-8";
const maxPartBytes = 500;

const tokens = [
  "\r\n",
  "\n",
  "\t",
  "--",
  "--Encrypted Boundary",
  "--Encrypted Boundary\r\n",
  "--Encrypted Boundary--",
  "--Encrypted Boundary--\r\n",
  "\r\n--Encrypted Boundary\r\n",
  "Content-Type: application/octet-stream\r\n",
  "\tContent-Type: application/octet-stream\r\n",
  "Content-Type: application/x\r\n",
  "OriginalContent: type=a;Length=3\r\n",
  "Length=0",
  "Length=9",
  "Length=500",
  "Length=501",
  "Length=999999999999999",
  "X: y\r\n",
].map(utf8);

function read(pieces: readonly Uint8Array[], contentType: string): { parts: EncryptedPart[]; error: string } {
  const parser = new EncryptedParser(parseContentType(contentType), { maxPartBytes });
  const parts: EncryptedPart[] = [];
  try {
    for (const piece of pieces) {
      // A copy, as the bytes may be views of what the parser goes on writing to.
      parts.push(...parser.push(piece).map((part) => ({ ...part, sealed: part.sealed.slice() })));
    }
    parser.end();
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    return { parts: [], error: `${thrown.code}: ${thrown.message}` };
  }
  return { parts, error: "" };
}

function part(sealed: Uint8Array, originalLength: number): Uint8Array {
  return encodeEncrypted([{ protocol, originalContentType, originalLength, sealed }]);
}

/** Bytes that a token length of 16 and `length` bytes of ciphertext begin. */
function known(length: number): Uint8Array {
  return concat([new Uint8Array([16, 0, 0, 0]), new Uint8Array(16 + length).fill(0x2d)]);
}

/** The form alone. */
export const multipart: Target = {
  name: "multipart",
  tokens,
  seeds: () => {
    const record = concat([new Uint8Array([16, 0, 0, 0, 0x17, 3, 3, 0, 40]), new Uint8Array(40).fill(0x2d)]);
    const unknown = part(new Uint8Array(60).fill(0x2d), 20);
    const seeds = [part(known(9), 9), part(record, 12), unknown];
    return [
      ...seeds,
      concat([seeds[0]!, unknown, seeds[0]!]),
      utf8(
        "--Encrypted Boundary\r\nand --Encrypted Boundary--\r\n in sealed bytes\r\n--Encrypted Boundary--\r\n",
      ),
      encodeEncrypted([{ protocol, originalContentType, originalLength: 9, sealed: known(9) }], {
        indented: true,
      }),
    ];
  },
  run(input, random) {
    const contentType = encryptedContentType(protocol, 1);
    // Whatever the sealed bytes are, boundaries among them: where their length is known they come back as they were.
    const plainLength = random.below(4) === 0 ? input.length : Math.max(0, input.length - 60);
    const own = concat([Uint8Array.of(input.length - plainLength, 0, 0, 0), input]);
    if (own.length <= maxPartBytes) {
      const found = read(random.cut(part(own, plainLength)), contentType);
      assert.deepEqual(found.parts.map(({ sealed }) => sealed), [own], found.error);
    }
    const whole = read([input], contentType);
    assert.deepEqual(read(random.cut(input), contentType), whole);
    let total = 0;
    for (const found of whole.parts) {
      total += found.sealed.length;
      assert.ok(found.sealed.length <= maxPartBytes && found.sealed.length >= 4 + found.originalLength);
      if (!/^[\x20-\x7e]+$/.test(found.protocol + found.originalContentType)) continue;
      // Where the end was only found by a delimiter, what follows had a part in it: such a part does not stand alone.
      const tokenLength = new DataView(found.sealed.buffer).getUint32(0, true);
      if (found.protocol === "" || found.sealed.length !== 4 + tokenLength + found.originalLength) continue;
      assert.deepEqual(read([encodeEncrypted([found])], contentType).parts, [found]);
    }
    assert.ok(total <= input.length, "more came out than went in");
    return `${Math.min(whole.parts.length, 3)} ${whole.error}`;
  },
};

const key = new Uint8Array(16).fill(7);
const plaintexts = ["<a/>", "", "<s:Envelope>" + "x".repeat(60) + "</s:Envelope>"].map(utf8);

/** A message as a client with that key seals it, alone in its session. */
function sealed(plaintext: Uint8Array): Uint8Array {
  const client = new NtlmSession(key, "client");
  return encodeEncrypted(sealMessage(client, "Negotiate", originalContentType, plaintext));
}

/** The form and the seal together: what comes out is what the peer sealed, or an error. */
export const sealedBody: Target = {
  name: "sealed_body",
  tokens,
  seeds: () => plaintexts.map(sealed),
  run(input, random) {
    const server = new NtlmSession(key, "server");
    const parser = new EncryptedParser(
      parseContentType(encryptedContentType(sealedProtocol("Negotiate"), 1)),
      {
        maxPartBytes,
      },
    );
    let opened = 0;
    try {
      for (const piece of random.cut(input)) {
        for (const found of parser.push(piece)) {
          const plaintext = unsealPart(server, found, { padding: "keep" });
          opened++;
          // All begin their session with sequence number 0, so each opens as the first message only.
          assert.equal(opened, 1, "a second message opened under the first one's number");
          const known = plaintexts.some((own) =>
            own.length === plaintext.length && own.every((byte, i) => byte === plaintext[i])
          );
          assert.ok(known, "a message opened that nobody sealed");
        }
      }
      parser.end();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return `${opened} ${error.code} ${error.message.replace(/\d+/g, "n")}`;
    }
    return String(opened);
  },
};
