import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { utf8 } from "../../../protocol/bytes.ts";
import { createNegotiateAcceptor, createNegotiateInitiator } from "../../../protocol/auth/mod.ts";
import { CredSspAcceptor } from "../../../protocol/auth/credssp_acceptor.ts";
import { CredSspInitiator } from "../../../protocol/auth/credssp_initiator.ts";
import { encodeTsRequest, parseTsRequest, type TsRequest } from "../../../protocol/auth/credssp_tokens.ts";
import type { TlsSession } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { acceptorOptions, failureOf, initiatorOptions, stepNow } from "../../helpers/auth_pair.ts";

const spki = () =>
  new Uint8Array(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" }),
  );
const key = spki();

/** Stands for TLS, and hides nothing: a handshake of two flights, and bytes that go through as they are. The real one is OpenSSL's. */
class StandInTls implements TlsSession {
  readonly trailerLength = 16;
  readonly serverKey: Uint8Array;
  disposed = false;
  readonly #flights: string[];

  constructor(role: "client" | "server", serverKey: Uint8Array = key) {
    this.#flights = role === "client" ? ["hello", "finished", ""] : ["hello", "finished"];
    this.serverKey = serverKey;
  }

  handshake(_input: Uint8Array) {
    const output = utf8(this.#flights.shift()!);
    return { output, done: this.#flights.length === 0 };
  }

  encrypt(plaintext: Uint8Array) {
    return plaintext.slice();
  }

  decrypt(records: Uint8Array) {
    return records.slice();
  }

  dispose() {
    this.disposed = true;
  }
}

function pair(options: { seenKey?: Uint8Array; minVersion?: 2 | 5 } = {}) {
  const clientTls = new StandInTls("client", options.seenKey);
  const serverTls = new StandInTls("server");
  const version = options.minVersion === undefined ? {} : { minVersion: options.minVersion };
  const client = new CredSspInitiator({
    tls: clientTls,
    inner: createNegotiateInitiator(initiatorOptions()),
    credentials: { domain: "DOM", username: "alice", password: new Secret("Passw0rd!") },
    random: (length) => new Uint8Array(length).fill(9),
    ...version,
  });
  const server = new CredSspAcceptor({
    tls: serverTls,
    inner: createNegotiateAcceptor(acceptorOptions()),
    ...version,
  });
  return { client, server, clientTls, serverTls };
}

type Side = CredSspInitiator | CredSspAcceptor;

/** Runs a dialogue to its end, or to its first failure; `change` may exchange what is on its way. */
function run(
  { client, server }: { client: Side; server: Side },
  change: (message: TsRequest | undefined, from: "client" | "server") => TsRequest | undefined = (message) =>
    message,
) {
  const messages: TsRequest[] = [];
  const onWay = (token: Uint8Array, from: "client" | "server") => {
    if (token[0] !== 0x30) return token;
    const message = change(parseTsRequest(token), from)!;
    messages.push(message);
    return encodeTsRequest(message);
  };
  let token: Uint8Array | undefined;
  for (let round = 0; round < 10; round++) {
    const ours = stepNow(client, token);
    if (ours.kind === "failed") return { failed: ours.error, by: "client", messages };
    const theirs = stepNow(server, onWay(ours.token!, "client"));
    if (theirs.kind === "failed") return { failed: theirs.error, by: "server", messages };
    if (ours.kind === "done") return { failed: undefined, by: undefined, messages };
    token = onWay(theirs.token!, "server");
  }
  throw new Error("the dialogue does not end");
}

Deno.test("CredSSP logs on inside of TLS, proves the key both ways, hands the password over, and seals", () => {
  const both = pair();
  const { failed, messages } = run(both);
  assert.equal(failed, undefined);
  assert.deepEqual(
    messages.map((message) =>
      Object.entries(message).filter(([, value]) => value !== undefined).map(([name]) => name).join()
    ),
    [
      "version,negoToken",
      "version,negoToken",
      "version,negoToken",
      "version,negoToken",
      "version,pubKeyAuth,clientNonce",
      "version,pubKeyAuth",
      "version,authInfo",
    ],
  );
  const { client, server } = both;
  assert.deepEqual([client.mechanism, server.principal], ["CredSSP", "DOM\\alice"]);
  const { domain, username, password } = server.delegated!;
  assert.deepEqual([domain, username, password.reveal()], ["DOM", "alice", "Passw0rd!"]);
  const sealed = client.seal(utf8("hello"));
  // The length of the suite's trailer, then the record ([MS-WSMV] 2.2.9.1.3).
  assert.deepEqual(sealed.subarray(0, 4), Uint8Array.of(16, 0, 0, 0));
  assert.deepEqual(server.unseal(sealed), utf8("hello"));
  server.dispose();
  assert.equal(server.delegated, undefined);
  assert.ok(both.serverTls.disposed);
});

Deno.test("a server whose key is not the one at the end of TLS gets no credentials", () => {
  const { failed, by, messages } = run(pair({ seenKey: spki() }));
  assert.deepEqual([failed?.code, by], ["CredSspKey", "server"]);
  assert.ok(messages.every(({ authInfo }) => authInfo === undefined));
});

Deno.test("a server that proves another key than the client sees gets no credentials, whatever it thinks of the client's proof", () => {
  const both = pair();
  const keys = [key, spki()];
  // The client's own proof is made with the first: the server's check passes, the client's must not.
  Object.defineProperty(both.clientTls, "serverKey", { get: () => keys.length > 1 ? keys.shift() : keys[0] });
  const { failed, by, messages } = run(both);
  assert.deepEqual([failed?.code, by], ["CredSspKey", "client"]);
  assert.ok(messages.every(({ authInfo }) => authInfo === undefined));
});

Deno.test("a proof of the server's that is replayed from the client's gets no credentials", () => {
  let seen: Uint8Array | undefined;
  const { failed, by, messages } = run(pair(), (message, from) => {
    if (message?.pubKeyAuth === undefined) return message;
    if (from === "client") {
      seen = message.pubKeyAuth;
      return message;
    }
    return { ...message, pubKeyAuth: seen };
  });
  assert.equal(by, "client");
  assert.equal(failed?.code, "SealBroken");
  assert.ok(messages.every(({ authInfo }) => authInfo === undefined));
});

Deno.test("versions below 5 are refused by both sides, unless they are allowed", () => {
  for (const side of ["client", "server"] as const) {
    const { failed, by } = run(
      pair(),
      (message, from) => from === side ? { ...message!, version: 4 } : message,
    );
    assert.deepEqual([failed?.code, by], ["CredSspVersion", side === "client" ? "server" : "client"]);
    assert.match(failed!.message, /CVE-2018-0886/);
  }
});

Deno.test("a peer cannot fall back to an older version in the middle", () => {
  let count = 0;
  const { failed } = run(
    pair({ minVersion: 2 }),
    (message, from) => from === "server" && ++count === 2 ? { ...message!, version: 3 } : message,
  );
  assert.equal(failed?.code, "CredSspVersion");
});

Deno.test("a refusal is told with its NTSTATUS", () => {
  const { failed } = run(
    pair(),
    (message, from) => from === "server" ? { version: 6, errorCode: 0xc000006d } : message,
  );
  assert.equal(failed?.code, "CredSspRefused");
  assert.match(failed!.message, /0xc000006d/);
});

Deno.test("whatever a message lacks ends the dialogue with a typed error, and nothing is sealed before the end", () => {
  const lacks = (name: keyof TsRequest, side: "client" | "server") =>
    run(pair(), (message, from) => from === side ? { ...message!, [name]: undefined } : message);
  for (
    const [name, side] of [
      ["negoToken", "client"],
      ["negoToken", "server"],
      ["pubKeyAuth", "client"],
      ["pubKeyAuth", "server"],
      ["clientNonce", "client"],
      ["authInfo", "client"],
    ] as const
  ) {
    assert.equal(lacks(name, side).failed?.code, "CredSspOutOfOrder", `${name} of the ${side}`);
  }
  const { client } = pair();
  assert.throws(() => client.seal(utf8("x")), { code: "NotSealing" });
  assert.equal(failureOf(stepNow(pair().server, undefined)), "CredSspOutOfOrder");
});
