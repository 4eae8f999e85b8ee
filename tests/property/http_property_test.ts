import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../protocol/bytes.ts";
import { UsageError } from "../../protocol/errors.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type EncryptedPart,
  HttpRequestParser,
  HttpResponseParser,
  lastChunk,
  parseAuthorization,
  parseChallenges,
  parseContentType,
  serializeChunk,
  serializeRequest,
  serializeRequestHead,
  serializeResponse,
} from "../../protocol/http/mod.ts";
import { messages, split } from "../protocol/http/collect.ts";

const tokenCharacters = [..."!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"];
const token = fc.string({ unit: fc.constantFrom(...tokenCharacters), minLength: 1, maxLength: 12 });
const fieldName = token.filter((name) =>
  !/^(content-length|transfer-encoding|connection|host|expect)$/i.test(name)
);
const latin1 = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f).map((code) =>
  String.fromCharCode(code)
);
const fieldValue = fc.string({ unit: latin1, maxLength: 40 }).map((value) =>
  value.replace(/^[ \t]+|[ \t]+$/g, "")
);
const fields = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 8 });
const target = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x23).map((code) =>
    String.fromCharCode(code)
  ),
  maxLength: 30,
}).map((rest) => `/${rest}`);
const body = fc.uint8Array({ maxLength: 200 });
const cuts = fc.array(fc.nat(2000), { maxLength: 12 });

function pieces(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
  return split(whole, at.map((cut) => cut % (whole.length + 1)));
}

Deno.test("requests come back as they were written, on any split", () => {
  const request = fc.record({
    method: token.filter((method) => method !== "CONNECT"),
    target,
    fields,
    body: fc.option(body, { nil: undefined }),
    chunks: fc.option(fc.array(body, { maxLength: 5 }), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(request, { maxLength: 5 }), cuts, (requests, at) => {
    const written = requests.map(({ method, target, fields, body, chunks }) => {
      const head = { method, target, headers: [["Host", "h:1"], ...fields] as [string, string][] };
      if (chunks === undefined) return serializeRequest(head, body);
      return concat([serializeRequestHead(head, "chunked"), ...chunks.map(serializeChunk), lastChunk]);
    });
    const parser = new HttpRequestParser();
    const found = messages(
      pieces(concat([new Uint8Array(0), ...written]), at).flatMap((piece) => parser.push(piece)),
    );
    assert.ok(parser.idle);
    assert.equal(found.length, requests.length);
    found.forEach(({ head, body, complete }, i) => {
      const sent = requests[i]!;
      assert.ok(complete && head.kind === "request");
      assert.deepEqual([head.method, head.target], [sent.method, sent.target]);
      assert.deepEqual([...head.headers.entries()].slice(1, 1 + sent.fields.length), sent.fields);
      for (const [name] of sent.fields) {
        assert.deepEqual(
          head.headers.getAll(name.toUpperCase()),
          sent.fields.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) =>
            value
          ),
        );
      }
      const expected = sent.chunks === undefined
        ? sent.body ?? []
        : sent.chunks.flatMap((chunk) => [...chunk]);
      assert.deepEqual([...body], [...expected]);
    });
  }));
});

Deno.test("responses come back as they were written, on any split", () => {
  const response = fc.record({
    status: fc.integer({ min: 200, max: 599 }),
    reason: fieldValue,
    fields,
    body,
    head: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(response, { maxLength: 5 }), cuts, (responses, at) => {
    const parser = new HttpResponseParser();
    const written = responses.map(({ status, reason, fields, body, head }) => {
      parser.expect(head ? "HEAD" : "POST");
      const bodiless = status === 204 || status === 304;
      const whole = serializeResponse({ status, reason, headers: fields }, bodiless ? undefined : body);
      return head && !bodiless ? whole.subarray(0, whole.length - body.length) : whole;
    });
    const found = messages(
      pieces(concat([new Uint8Array(0), ...written]), at).flatMap((piece) => parser.push(piece)),
    );
    assert.ok(parser.idle);
    assert.equal(parser.outstanding, 0);
    found.forEach(({ head, body, complete }, i) => {
      const sent = responses[i]!;
      assert.ok(complete && head.kind === "response");
      assert.deepEqual([head.status, head.reason], [sent.status, sent.reason]);
      assert.deepEqual([...head.headers.entries()].slice(0, sent.fields.length), sent.fields);
      const bodiless = sent.head || sent.status === 204 || sent.status === 304;
      assert.deepEqual([...body], bodiless ? [] : [...sent.body]);
    });
    assert.equal(found.length, responses.length);
  }));
});

Deno.test("whatever strings a caller passes, the head has its lines and no more, or is refused", () => {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 10 }),
    fc.constantFrom("\r\n", "a\r\nb: c", "x\0", "ok"),
  );
  fc.assert(fc.property(any, any, any, any, (method, target, name, value) => {
    let written: Uint8Array;
    try {
      written = serializeRequest({ method, target, headers: [["Host", "h"], [name, value]] });
    } catch (error) {
      assert.ok(error instanceof UsageError);
      return;
    }
    const lines = String.fromCharCode(...written).split("\r\n");
    assert.ok(
      lines.length === 5 || (lines.length === 6 && lines[3] === "Content-Length: 0"),
      String(lines.length) + lines,
    );
    assert.ok(!lines.some((line) => /[\r\n\0]/.test(line)));
  }));
});

Deno.test("sealed parts come back as they were written, on any split, whatever bytes they hold", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom("--Encrypted Boundary", "--Encrypted Boundary--\r\n", "\r\n", "--").map((text) =>
      new TextEncoder().encode(text)
    ),
  );
  const ciphertext = fc.array(piece, { maxLength: 4 }).map((all) => concat([new Uint8Array(0), ...all]));
  const part = fc.tuple(ciphertext, fc.uint8Array({ maxLength: 80 })).map(([data, token]): EncryptedPart => ({
    protocol: "application/HTTP-Kerberos-session-encrypted",
    originalContentType: "application/soap+xml;charset=UTF-8",
    originalLength: data.length,
    sealed: concat([new Uint8Array([token.length, 0, 0, 0]), token, data]),
  }));
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), cuts, (parts, at) => {
    const parser = new EncryptedParser(parseContentType(encryptedContentType(parts[0]!.protocol, 1)));
    const found = pieces(concat(parts.map((each) => encodeEncrypted([each]))), at).flatMap((piece) =>
      parser.push(piece)
    );
    parser.end();
    assert.deepEqual(
      found.map((each) => ({ ...each, sealed: [...each.sealed] })),
      parts.map((each) => ({ ...each, sealed: [...each.sealed] })),
    );
  }));
});

Deno.test("challenges come back as they were written", () => {
  const quoted = fc.string({ unit: latin1, maxLength: 12 });
  const challenge = fc.record({
    scheme: token,
    token: fc.option(fc.base64String({ minLength: 4, maxLength: 24 }), { nil: undefined }),
    parameters: fc.uniqueArray(fc.tuple(token.map((name) => name.toLowerCase()), quoted), {
      selector: ([name]) => name,
      maxLength: 4,
    }),
  });
  fc.assert(fc.property(fc.array(challenge, { maxLength: 5 }), fc.boolean(), (challenges, oneField) => {
    const texts = challenges.map(({ scheme, token, parameters }) => {
      if (token !== undefined) return `${scheme} ${token}`;
      const list = parameters.map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`);
      return `${scheme} ${list.join(", ")}`;
    });
    const found = parseChallenges(oneField ? [texts.join(", ")] : texts);
    const expected = challenges.map(({ scheme, token, parameters }) => ({
      scheme,
      token,
      parameters: token === undefined ? Object.fromEntries(parameters) : {},
    }));
    assert.deepEqual(
      found.map((each) => ({ ...each, parameters: Object.fromEntries(each.parameters) })),
      expected,
    );
    texts.forEach((text, i) => assert.equal(parseAuthorization(text).scheme, challenges[i]!.scheme));
  }));
});
