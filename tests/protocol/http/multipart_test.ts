import assert from "node:assert/strict";
import { concat } from "../../../protocol/bytes.ts";
import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type EncryptedPart,
  parseContentType,
} from "../../../protocol/http/mod.ts";
import { bytes, singles, split } from "./collect.ts";

const protocol = "application/HTTP-SPNEGO-session-encrypted";
const contentType = parseContentType(encryptedContentType(protocol, 1));

/** Sealed bytes as NTLM and Kerberos make them: token length, token, as much ciphertext as plaintext. */
function sealed(tokenLength: number, ciphertext: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + tokenLength + ciphertext.length);
  new DataView(whole.buffer).setUint32(0, tokenLength, true);
  whole.set(ciphertext, 4 + tokenLength);
  return whole;
}

function part(ciphertext: Uint8Array, tokenLength = 16): EncryptedPart {
  return {
    protocol,
    originalContentType: "application/soap+xml;charset=UTF-8",
    originalLength: ciphertext.length,
    sealed: sealed(tokenLength, ciphertext),
  };
}

function parse(chunks: readonly Uint8Array[], limits?: { maxPartBytes: number }): EncryptedPart[] {
  const parser = new EncryptedParser(contentType, limits);
  const parts = chunks.flatMap((chunk) => parser.push(chunk));
  parser.end();
  return parts;
}

/** A body in the dialect of some client. */
function body(
  data: Uint8Array,
  length: number,
  { indent = "", before = "", close = "--\r\n" } = {},
): Uint8Array {
  return concat([
    bytes(
      `--Encrypted Boundary\r\n${indent}Content-Type: ${protocol}\r\n` +
        `${indent}OriginalContent: type=application/soap+xml;charset=UTF-8;Length=${length}\r\n` +
        `--Encrypted Boundary\r\n${indent}Content-Type: application/octet-stream\r\n`,
    ),
    data,
    bytes(`${before}--Encrypted Boundary${close}`),
  ]);
}

function refuses(action: () => unknown, code: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof ProtocolError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

Deno.test("a sealed message is written byte for byte as Windows writes it", () => {
  const written = encodeEncrypted([part(bytes("xyz"), 2)]);
  assert.equal(
    String.fromCharCode(...written),
    "--Encrypted Boundary\r\n" +
      "Content-Type: application/HTTP-SPNEGO-session-encrypted\r\n" +
      "OriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n" +
      "--Encrypted Boundary\r\n" +
      "Content-Type: application/octet-stream\r\n" +
      "\x02\0\0\0\0\0xyz--Encrypted Boundary--\r\n",
  );
  assert.equal(
    encryptedContentType(protocol, 1),
    'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"',
  );
  assert.throws(() => encodeEncrypted([{ ...part(bytes("x")), protocol: "a\r\nb" }]), UsageError);
  assert.throws(() => encodeEncrypted([{ ...part(bytes("x")), originalContentType: "" }]), UsageError);
});

Deno.test("part headers can be indented, for the clients that look for a tab", () => {
  const written = encodeEncrypted([part(bytes("xyz"))], { indented: true });
  assert.deepEqual([...written], [...body(sealed(16, bytes("xyz")), 3, { indent: "\t" })]);
  const parser = new EncryptedParser(contentType);
  assert.deepEqual(parser.push(written), [part(bytes("xyz"))]);
  assert.ok(parser.indented);
  parser.push(encodeEncrypted([part(bytes("xyz"))]));
  assert.ok(!parser.indented);
});

Deno.test("several messages back to back are read however the bytes are split", () => {
  const parts = [
    part(bytes("first")),
    part(bytes(""), 60),
    part(bytes("--Encrypted Boundary--\r\n--Encrypted Boundary\r\n")),
  ];
  const whole = concat(parts.map((each) => encodeEncrypted([each])));
  assert.deepEqual(parse([whole]), parts);
  assert.deepEqual(parse(singles(whole)).map(copied), parts);
  for (let cut = 1; cut < whole.length; cut++) {
    assert.deepEqual(parse(split(whole, [cut])).map(copied), parts, `cut at ${cut}`);
  }
});

Deno.test("a part is given as soon as its boundary is there", () => {
  const parser = new EncryptedParser(contentType);
  const whole = encodeEncrypted([part(bytes("keepalive"))]);
  assert.equal(parser.push(whole.subarray(0, whole.length - 2)).length, 1);
  assert.equal(parser.push(whole.subarray(whole.length - 2)).length, 0);
  parser.end();
});

Deno.test("the dialects of other clients are read", () => {
  const data = sealed(16, bytes("ciphertext\r\n"));
  for (const indent of ["", "\t", "  "]) {
    for (const before of ["", "\r\n"]) {
      for (const close of ["--\r\n", "--"]) {
        const whole = body(data, 12, { indent, before, close });
        for (const chunks of [[whole], singles(whole)]) {
          const [found] = parse(chunks);
          assert.deepEqual([...found!.sealed], [...data], JSON.stringify({ indent, before, close }));
          assert.equal(found!.protocol, protocol);
          assert.equal(found!.originalContentType, "application/soap+xml;charset=UTF-8");
        }
      }
    }
  }
});

Deno.test("one multipart with several parts and a single close is read", () => {
  const datas = [bytes("one"), bytes("second"), bytes("3")].map((ciphertext) => sealed(16, ciphertext));
  const whole = concat(
    datas.map((data, i) => body(data, data.length - 20, { indent: "\t", close: i === 2 ? "--\r\n" : "" })),
  )
    .subarray();
  const glued = bytes(
    String.fromCharCode(...whole).replaceAll(
      "--Encrypted Boundary--Encrypted Boundary",
      "--Encrypted Boundary",
    ),
  );
  const parser = new EncryptedParser({
    type: "multipart/x-multi-encrypted",
    parameters: new Map([["boundary", "Encrypted Boundary"]]),
  });
  const parts = parser.push(glued);
  parser.end();
  assert.deepEqual(parts.map((each) => each.originalLength), [3, 6, 1]);
  assert.deepEqual(parts.map((each) => [...each.sealed]), datas.map((each) => [...each]));
});

Deno.test("CredSSP's TLS records tell the end, whatever they contain", () => {
  const record = (payload: Uint8Array) =>
    concat([new Uint8Array([0x17, 3, 3, payload.length >> 8, payload.length & 255]), payload]);
  const evil = bytes("12345678" + "x".repeat(30) + "--Encrypted Boundary--\r\n" + "y".repeat(16) + "\r\n");
  const data = concat([new Uint8Array([16, 0, 0, 0]), record(evil), record(evil)]);
  const whole = body(data, 60);
  for (const chunks of [[whole], singles(whole)]) {
    assert.deepEqual([...parse(chunks)[0]!.sealed], [...data]);
  }
});

Deno.test("sealed bytes of an unknown form end at the next boundary", () => {
  for (
    const data of [
      concat([new Uint8Array([255, 255, 255, 255]), bytes("some longer ciphertext with - and -- in it")]),
      concat([new Uint8Array([1, 0, 0, 0]), bytes("--Encrypted Boundary is text, the end is not here")]),
    ]
  ) {
    const whole = body(data, 10);
    for (const chunks of [[whole], singles(whole)]) {
      assert.deepEqual([...parse(chunks)[0]!.sealed], [...data]);
    }
  }
});

Deno.test("malformed multiparts are refused", () => {
  const data = sealed(16, bytes("abc"));
  const good = String.fromCharCode(...body(data, 3));
  const cases = [
    good.replace("--Encrypted", "--Other"),
    good.replace("--Encrypted Boundary\r\n", "--Encrypted Boundary\n"),
    good.replace("--Encrypted Boundary\r\n", "--Encrypted Boundary--\r\n"),
    good.replace("OriginalContent", "Original"),
    good.replace("OriginalContent", "OriginalContent: type=a;Length=3\r\nOriginalContent"),
    good.replace("Content-Type: application/HTTP", "Content-Kind: application/HTTP"),
    good.replace("Content-Type: application/HTTP", "Content-Type: x\r\nContent-Type: application/HTTP"),
    good.replace("Content-Type: application/HTTP", "no colon\r\nContent-Type: application/HTTP"),
    good.replace("Length=3", "Length=-3"),
    good.replace("Length=3", "Length=3x"),
    good.replace("Length=3", "Length="),
    good.replace(";Length=3", ""),
    good.replace("type=", "kind="),
    good.replace("octet-stream", "octet-streams"),
    good + "rubbish behind the end\r\n",
  ];
  for (const text of cases) {
    refuses(() => parse([bytes(text)]), "MultipartMalformed");
    refuses(() => parse(singles(bytes(text))), "MultipartMalformed");
  }
  for (
    const value of [
      "application/soap+xml",
      "multipart/mixed;boundary=a",
      "multipart/encrypted",
      'multipart/encrypted;boundary=""',
    ]
  ) {
    refuses(() => new EncryptedParser(parseContentType(value)), "MultipartMalformed");
  }
});

Deno.test("a body that ends early is incomplete, wherever it ends", () => {
  const whole = encodeEncrypted([part(bytes("abc"))]);
  for (let length = 0; length < whole.length - 2; length++) {
    refuses(() => parse([whole.subarray(0, length)]), "MultipartIncomplete");
  }
});

Deno.test("parts and header lines have limits, and an error stays", () => {
  const data = sealed(16, new Uint8Array(1000));
  assert.equal(parse([body(data, 1000)], { maxPartBytes: data.length }).length, 1);
  refuses(() => parse([body(data, 1000)], { maxPartBytes: 1019 }), "MultipartTooLarge");
  refuses(() => parse([body(data, 1000)], { maxPartBytes: 999 }), "MultipartTooLarge");
  refuses(() => parse([body(data, 999999999999999)]), "MultipartTooLarge");
  refuses(() => parse([bytes("-".repeat(5000))]), "MultipartTooLarge");
  const open = body(data, 1000).subarray(0, 300);
  refuses(() => parse([bytes(`--Encrypted Boundary\r\n${"X: y\r\n".repeat(17)}`)]), "MultipartTooLarge");
  const parser = new EncryptedParser(contentType, { maxPartBytes: 2000 });
  parser.push(open);
  refuses(() => {
    for (;;) parser.push(new Uint8Array(1000).fill(0x61));
  }, "MultipartTooLarge");
  refuses(() => parser.push(bytes("x")), "MultipartTooLarge");
  refuses(() => parser.end(), "MultipartTooLarge");
});

function copied(each: EncryptedPart): EncryptedPart {
  return { ...each, sealed: each.sealed.slice() };
}
