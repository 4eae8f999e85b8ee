// What the fuzzers have found, each as a test that failed before its bug was mended.
import assert from "node:assert/strict";
import { HttpError, HttpRequestParser } from "../../protocol/http/mod.ts";
import { readReceiveResponse } from "../../protocol/shell/mod.ts";
import { readEnvelope } from "../../protocol/soap/mod.ts";
import { XmlParser } from "../../protocol/xml/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { selectNames } from "../../runtime/inventory/patterns.ts";
import { endlessPattern, minusZero, references, slowConstructs, twoLimitsAtOnce } from "./findings.ts";

Deno.test("of two limits that are passed the same one is told on every split", () => {
  const errorOf = (size: number): string => {
    const parser = new HttpRequestParser({ maxHeaders: 12, maxHeaderBytes: 600 });
    try {
      for (let at = 0; at < twoLimitsAtOnce.length; at += size) {
        parser.push(twoLimitsAtOnce.subarray(at, at + size));
      }
    } catch (error) {
      assert.ok(error instanceof HttpError);
      return error.message;
    }
    return "";
  };
  const whole = errorOf(twoLimitsAtOnce.length);
  assert.notEqual(whole, "");
  for (let size = 1; size < 80; size++) assert.equal(errorOf(size), whole);
});

Deno.test("an exit code of minus zero is 0", () => {
  assert.ok(Object.is(readReceiveResponse(readEnvelope(minusZero)).exitCode, 0));
});

Deno.test("an error about a pattern does not repeat an endless pattern", () => {
  assert.throws(
    () => selectNames(["a"], new Map(), endlessPattern),
    (error) => error instanceof UsageError && error.message.length < 1_000,
  );
});

/** Reads with all text as base64 or as text, and gives how many elements there were. */
function read(pieces: Iterable<Uint8Array>, mode: "text" | "base64"): number {
  let elements = 0;
  const parser = new XmlParser({
    startElement: () => mode,
    text: () => {},
    base64: () => {},
    endElement: () => void elements++,
  });
  for (const piece of pieces) parser.write(piece);
  parser.end();
  return elements;
}

function* singles(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

// These take a second each; with work that grows by the square they took hours, which the suite's budget ends.
Deno.test("what arrives byte by byte costs in proportion to its length", () => {
  for (const bytes of slowConstructs) assert.equal(read(singles(bytes), "text"), 1);
});

Deno.test("references in base64 cost in proportion to their number", () => {
  assert.equal(read([references], "base64"), 1);
});
