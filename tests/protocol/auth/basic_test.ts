import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { basicAuthorization, parseBasic } from "../../../protocol/auth/mod.ts";

Deno.test("the examples of RFC 7617 are written and read", () => {
  assert.equal(
    basicAuthorization("Aladdin", new Secret("open sesame")),
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
  );
  assert.equal(basicAuthorization("test", new Secret("123£")), "Basic dGVzdDoxMjPCow==");
  const { username, password } = parseBasic("dGVzdDoxMjPCow==");
  assert.deepEqual([username, password.reveal()], ["test", "123£"]);
});

Deno.test("credentials that are not UTF-8 are read as Latin-1, which Python's requests sends", () => {
  const { username, password } = parseBasic(btoa("j\xf6rg:Gr\xfc\xdfe"));
  assert.deepEqual([username, password.reveal()], ["jörg", "Grüße"]);
});

Deno.test("a password may have colons, a user name may not", () => {
  const token = basicAuthorization("alice", new Secret("a:b:c")).slice(6);
  assert.equal(parseBasic(token).password.reveal(), "a:b:c");
  assert.throws(() => basicAuthorization("a:b", new Secret("c")), { code: "BasicCredential" });
});

Deno.test("control characters are refused both ways, and never quoted", () => {
  for (const [user, password] of [["a\n", "secret"], ["a", "secret\r\nX: y"], ["a\0", "secret"]] as const) {
    assert.throws(
      () => basicAuthorization(user, new Secret(password)),
      (error) => error instanceof Error && !error.message.includes("secret"),
    );
  }
  assert.throws(() => parseBasic(btoa("a:secret\n")), { code: "BasicMalformed" });
});

Deno.test("malformed tokens are typed errors without the credentials in them", () => {
  for (const token of ["", "!!!", "YWxpY2U=", btoa("a:\xff\x00"), "A".repeat(5_000)]) {
    assert.throws(() => parseBasic(token), (error) => {
      assert.ok(error instanceof Error && error.name === "ProtocolError" && error.cause === undefined);
      return true;
    });
  }
});
