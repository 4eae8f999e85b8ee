import assert from "node:assert/strict";
import { DigestSession } from "../../../protocol/auth/digest.ts";
import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import { parseAuthorization, parseChallenges } from "../../../protocol/http/challenge.ts";
import { Secret } from "../../../protocol/secret.ts";

const none = new Uint8Array(0);
const bytes = (text: string) => new TextEncoder().encode(text);

/** A session whose cnonce is fixed; the challenges are the fields of one 401. */
function session(
  fields: readonly string[],
  more: { username?: string; password?: string; integrity?: boolean } = {},
) {
  const made = new DigestSession({
    username: more.username ?? "Mufasa",
    password: new Secret(more.password ?? "Circle of Life"),
    ...(more.integrity === undefined ? {} : { integrity: more.integrity }),
    random: (length) => new Uint8Array(length).fill(0xab),
  });
  assert.equal(made.take(parseChallenges(fields)), true);
  return made;
}

const field = (session: DigestSession, name: string, uri = "/dir/index.html", body = none, method = "GET") =>
  parseAuthorization(session.answer(method, uri, body).authorization).parameters.get(name);

/** The same by the formulas of RFC 7616, section 3.4, written with the platform's own hashes. */
async function reference(algorithm: "SHA-256", a1: string, middle: string, a2: string): Promise<string> {
  const hash = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest(algorithm, bytes(text))).toHex();
  return await hash(`${await hash(a1)}:${middle}:${await hash(a2)}`);
}

Deno.test("the example of RFC 2617, section 3.5, without qop as RFC 2069 had it, gives the known response", () => {
  // RFC 2069, section 2.4, as corrected by its erratum 749.
  const made = session(
    ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'],
    { password: "CircleOfLife" },
  );
  assert.equal(field(made, "response"), "1949323746fe6a43ef61f9606e7febea");
  assert.equal(field(made, "qop"), undefined);
  assert.equal(field(made, "nc"), undefined);
  assert.equal(field(made, "opaque"), "5ccc069c403ebaf9f0171e9517f40e41");
});

Deno.test("SHA-256 with auth is what the formulas of RFC 7616 give, and every request has its own count", async () => {
  const made = session(['Digest realm="r", qop="auth", algorithm=SHA-256, nonce="n"']);
  const cnonce = "ab".repeat(16);
  for (const count of ["00000001", "00000002", "00000003"]) {
    const { parameters } = parseAuthorization(made.answer("POST", "/wsman", none).authorization);
    assert.equal(parameters.get("nc"), count);
    assert.equal(
      parameters.get("response"),
      await reference("SHA-256", "Mufasa:r:Circle of Life", `n:${count}:${cnonce}:auth`, "POST:/wsman"),
    );
  }
});

Deno.test("the published example of RFC 7616, section 3.9.1, comes out for MD5 and SHA-256", () => {
  const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  const expected = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
  };
  for (const [algorithm, response] of Object.entries(expected)) {
    const made = new DigestSession({
      username: "Mufasa",
      password: new Secret("Circle of Life"),
      // The example's cnonce is base64; ours is hex of what is random. Both are texts of the client's choice.
      random: () => Object.assign(new Uint8Array(16), { toHex: () => cnonce }),
    });
    made.take(parseChallenges([
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
      'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    ]));
    assert.equal(field(made, "response"), response);
  }
});

Deno.test("of several algorithms the strongest is taken, whatever their order", () => {
  const offer = (algorithm: string) =>
    `Digest realm="r", nonce="${algorithm}", qop="auth", algorithm=${algorithm}`;
  for (const order of [["MD5", "SHA-256", "SHA-512-256"], ["SHA-512-256", "MD5", "SHA-256"]]) {
    assert.equal(field(session(order.map(offer)), "nonce"), "SHA-512-256");
  }
  assert.equal(field(session(["MD5", "SHA-256"].map(offer)), "algorithm"), "SHA-256");
});

Deno.test("auth-int answers for the body, only when it is asked for or there is nothing else", () => {
  const both = ['Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=MD5'];
  assert.equal(field(session(both), "qop"), "auth");
  assert.equal(field(session(both, { integrity: true }), "qop"), "auth-int");
  const only = ['Digest realm="r", nonce="n", qop="auth-int"'];
  const one = field(session(only), "response", "/", bytes("one"));
  assert.notEqual(one, field(session(only), "response", "/", bytes("two")));
  assert.equal(one, field(session(only), "response", "/", bytes("one")));
});

Deno.test("-sess keeps its key when the server gives the next nonce, and counts from one again", async () => {
  const made = session(['Digest realm="r", nonce="first", qop="auth", algorithm=SHA-256-sess']);
  const { proof } = made.answer("GET", "/", none);
  made.confirm('nextnonce="second"', proof);
  const { parameters } = parseAuthorization(made.answer("GET", "/", none).authorization);
  assert.equal(parameters.get("nonce"), "second");
  assert.equal(parameters.get("nc"), "00000001");
  const cnonce = parameters.get("cnonce")!;
  const inner = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes("Mufasa:r:Circle of Life")))
    .toHex();
  assert.equal(
    parameters.get("response"),
    await reference("SHA-256", `${inner}:first:${cnonce}`, `second:00000001:${cnonce}:auth`, "GET:/"),
  );
});

Deno.test("the server's proof is checked: of another password, another count or another nonce it is refused", () => {
  const offer = ['Digest realm="r", nonce="n", qop="auth", algorithm=MD5'];
  const made = session(offer);
  const { proof } = made.answer("POST", "/wsman", none);
  const right = proof.expected("");
  const info = (rspauth: string, nc = proof.count) =>
    `rspauth="${rspauth}", cnonce="${proof.cnonce}", nc=${nc}, qop=auth`;
  made.confirm(info(right), proof);
  for (
    const wrong of [
      info("0".repeat(32)),
      info(right, "00000002"),
      info(right).replace("qop=auth", "qop=auth-int"),
    ]
  ) {
    assert.throws(
      () => made.confirm(wrong, proof),
      (error) => error instanceof ProtocolError && error.code === "DigestServer",
    );
  }
  const other = session(offer, { password: "another" }).answer("POST", "/wsman", none).proof.expected("");
  assert.throws(() => made.confirm(info(other), proof), { code: "DigestServer" });
});

Deno.test("names beyond ASCII: as username* where the server says UTF-8, else as the bytes of Latin-1", () => {
  const utf = session(['Digest realm="r", nonce="n", qop="auth", charset=UTF-8'], { username: "Jäsøn Doe" });
  assert.equal(field(utf, "username*"), "UTF-8''J%C3%A4s%C3%B8n%20Doe");
  assert.equal(field(utf, "username"), undefined);
  const latin = session(['Digest realm="r", nonce="n", qop="auth"'], { username: "Jäsøn" });
  assert.equal(field(latin, "username"), "Jäsøn");
});

Deno.test("a hashed user name hides the name (RFC 7616, section 3.4.4)", () => {
  const made = session(
    ['Digest realm="api@example.org", nonce="n", qop="auth", algorithm=SHA-512-256, userhash=true, charset=UTF-8'],
    { username: "Jäsøn Doe" },
  );
  // The published value of section 3.9.2 is of another hash (its erratum 4897); this is SHA-512/256 of the name and the realm.
  const { authorization } = made.answer("GET", "/", none);
  assert.match(authorization, /username="[0-9a-f]{64}".*userhash=true/);
  assert.doesNotMatch(authorization, /Doe/);
});

Deno.test("quotes and backslashes in names are escaped, colons and control characters refused", () => {
  const offer = ['Digest realm="r\\"x", nonce="n", qop="auth"'];
  const made = session(offer, { username: 'DOM\\us"er' });
  assert.equal(field(made, "username"), 'DOM\\us"er');
  assert.equal(field(made, "realm"), 'r"x');
  for (const username of ["a:b", "a\nb"]) {
    assert.throws(
      () => session(offer, { username }).answer("GET", "/", none),
      (error) => error instanceof UsageError && error.code === "DigestCredential",
    );
  }
});

Deno.test("what cannot be answered is a typed error: unknown algorithms, qop, no nonce, endless texts", () => {
  const take = (text: string) => () => session([text]);
  assert.throws(take('Digest realm="r", nonce="n", algorithm=SHA-1'), { code: "DigestUnsupported" });
  assert.throws(take('Digest realm="r", nonce="n", qop="auth-conf"'), { code: "DigestUnsupported" });
  assert.throws(take('Digest realm="r", nonce="n", algorithm=MD5-sess'), { code: "DigestUnsupported" });
  assert.throws(take('Digest realm="r", qop="auth"'), { code: "DigestMalformed" });
  assert.throws(take(`Digest realm="${"r".repeat(5_000)}", nonce="n"`), { code: "DigestMalformed" });
  const made = new DigestSession({
    username: "u",
    password: new Secret("p"),
    random: (n) => new Uint8Array(n),
  });
  assert.equal(made.take(parseChallenges(["Negotiate", 'Basic realm="x"'])), false);
  assert.throws(() => made.answer("GET", "/", none), { code: "DigestOutOfOrder" });
});
