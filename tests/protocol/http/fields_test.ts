import assert from "node:assert/strict";
import { ProtocolError } from "../../../protocol/errors.ts";
import { parseAuthorization, parseChallenges, parseContentType } from "../../../protocol/http/mod.ts";

function refuses(action: () => unknown, code = "HttpMalformed"): void {
  assert.throws(action, (error) => error instanceof ProtocolError && error.code === code);
}

const plain = (values: string[]) =>
  parseChallenges(values).map((
    { scheme, token, parameters },
  ) => [scheme, token, Object.fromEntries(parameters)]);

Deno.test("challenges are read, one or several per field", () => {
  assert.deepEqual(plain(["Negotiate", "Kerberos", 'Basic realm="WSMAN"']), [
    ["Negotiate", undefined, {}],
    ["Kerberos", undefined, {}],
    ["Basic", undefined, { realm: "WSMAN" }],
  ]);
  assert.deepEqual(
    plain(['Negotiate oYG2MIGz==, Kerberos abc+/._~-, ,Basic Realm = x , charset="UTF-8",NTLM']),
    [
      ["Negotiate", "oYG2MIGz==", {}],
      ["Kerberos", "abc+/._~-", {}],
      ["Basic", undefined, { realm: "x", charset: "UTF-8" }],
      ["NTLM", undefined, {}],
    ],
  );
  assert.deepEqual(
    plain(['Digest qop="auth,auth-int",algorithm=MD5-sess,nonce="+Up\\"gr\\\\aded",realm=a/b@c']),
    [
      ["Digest", undefined, {
        qop: "auth,auth-int",
        algorithm: "MD5-sess",
        nonce: '+Up"gr\\aded',
        realm: "a/b@c",
      }],
    ],
  );
  assert.deepEqual(plain(["", " , ,"]), []);
  assert.deepEqual(plain(["CredSSP "]), [["CredSSP", undefined, {}]]);
});

Deno.test("malformed challenges are refused", () => {
  for (
    const value of [
      "=",
      'Basic realm="open',
      "Basic a b",
      "Basic realm=x realm=y",
      "Basic realm=x, realm=y",
      "Basic/x",
      'Basic realm="a"b',
      "Basic =x",
    ]
  ) {
    refuses(() => parseChallenges([value]));
  }
  refuses(() => parseChallenges([Array(33).fill("a").join()]), "HttpTooLarge");
  refuses(
    () => parseChallenges(["a " + Array.from({ length: 33 }, (_, i) => `p${i}=1`).join()]),
    "HttpTooLarge",
  );
});

Deno.test("an authorization is exactly one credential", () => {
  const basic = parseAuthorization("Basic YWxpY2U6c2VjcmV0");
  assert.deepEqual([basic.scheme, basic.token], ["Basic", "YWxpY2U6c2VjcmV0"]);
  assert.equal(parseAuthorization('Digest username="a", nc=00000001').parameters.get("nc"), "00000001");
  assert.equal(parseAuthorization("negotiate").token, undefined);
  for (const value of ["", " ", "Basic a, Basic b", "Basic a b", "Negotiate a, x"]) {
    refuses(() => parseAuthorization(value));
  }
});

Deno.test("content types are read as clients write them", () => {
  const sealed = parseContentType(
    'Multipart/Encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"',
  );
  assert.equal(sealed.type, "multipart/encrypted");
  assert.equal(sealed.parameters.get("protocol"), "application/HTTP-SPNEGO-session-encrypted");
  assert.equal(sealed.parameters.get("boundary"), "Encrypted Boundary");
  const loose = parseContentType(
    " multipart/encrypted ; protocol=application/X; BOUNDARY=Encrypted Boundary ;; ",
  );
  assert.equal(loose.parameters.get("boundary"), "Encrypted Boundary");
  assert.equal(loose.parameters.get("protocol"), "application/X");
  assert.equal(parseContentType("application/soap+xml;charset=UTF-8").parameters.get("charset"), "UTF-8");
  assert.equal(parseContentType('a/b;c=""').parameters.get("c"), "");
  for (
    const value of [
      "",
      "text",
      "text/",
      "/x",
      "a/b c",
      "a/b;c",
      "a/b;c=",
      'a/b;c="x',
      'a/b;c="x"y',
      "a/b;c=1;C=2",
      "a/b;=1",
    ]
  ) {
    refuses(() => parseContentType(value));
  }
});
