/** Bodies of requests that hold nothing. */
import assert from "node:assert/strict";
import { RequestBody } from "../../../actors/service/request_body.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { parseContentType } from "../../../protocol/http/mod.ts";

const sealed = parseContentType(
  `multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"`,
);

Deno.test("an empty body is no message, whatever its type", () => {
  for (const type of [undefined, sealed]) {
    assert.equal(new RequestBody(type, 1000).open(undefined), undefined);
  }
});

Deno.test("a sealed body without a whole message is refused, never taken for an empty one", () => {
  const frame = "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n" +
    "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=300\r\n" +
    "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n--Encrypted Boundary--\r\n";
  for (const text of [frame, frame.slice(0, 40), "\r\n"]) {
    const body = new RequestBody(sealed, 1000);
    body.push(utf8(text));
    assert.throws(() => body.open(undefined), { name: "ProtocolError" });
  }
});
