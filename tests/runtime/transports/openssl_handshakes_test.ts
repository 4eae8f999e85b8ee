/** Servers that begin one handshake after the other: a client of OpenSSL's engine goes along with some, not with all. */
import assert from "node:assert/strict";
import { OpensslConnection, OpensslContext, type OpensslLibrary } from "../../../ffi/openssl/mod.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import type { NetworkError } from "../../../protocol/errors.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { opensslLibrary } from "../../../runtime/security/openssl.ts";
import { secured } from "../../../runtime/transports/openssl_socket.ts";
import type { RawSocket } from "../../../runtime/transports/stream_connection.ts";

const identity = await createSelfSigned(["localhost"], Date.now());

const x = utf8("x");

/** What only a hostile server needs of the library. */
const hostile = {
  SSL_renegotiate: { parameters: ["pointer"], result: "i32" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_key_update: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_verify_client_post_handshake: { parameters: ["pointer"], result: "i32" },
} as const;

/** A server in memory, whose SSL is within reach. */
class HostileServer implements RawSocket, Disposable {
  readonly facts = { localAddress: "", localPort: 0, remoteAddress: "", remotePort: 0, tls: undefined };
  readonly #library = Deno.dlopen("libssl.so.3", hostile);
  readonly #ssl: Deno.PointerValue;
  readonly #context: OpensslContext;
  readonly #connection: OpensslConnection;
  readonly #version: "TLSv1.2" | "TLSv1.3";
  #said: Uint8Array[] = [];
  #waiting: (() => void) | undefined;
  #shaken = false;
  #closed = false;
  #begun = false;

  constructor(version: "TLSv1.2" | "TLSv1.3", requestCertificate: boolean) {
    const library = opensslLibrary("test");
    this.#version = version;
    this.#context = new OpensslContext(library, {
      role: "server",
      minVersion: version,
      maxVersion: version,
      certificate: identity.certificate,
      key: identity.key,
      lateCertificate: true,
      requestCertificate,
    });
    let made: Deno.PointerValue = null;
    const watched: OpensslLibrary = Object.create(library, {
      functions: {
        value: {
          ...library.functions,
          SSL_new: (context: Deno.PointerValue) => made = library.functions.SSL_new(context),
        },
      },
    });
    const { pointer, role } = this.#context;
    this.#connection = new OpensslConnection({ library: watched, pointer, role } as OpensslContext);
    this.#ssl = made;
  }

  /** Begins another handshake, and says `x` when it is done. */
  again(): void {
    this.#begun = true;
    const f = this.#library.symbols;
    if (this.#version === "TLSv1.2") assert.equal(f.SSL_renegotiate(this.#ssl), 1);
    else assert.equal(f.SSL_verify_client_post_handshake(this.#ssl), 1);
    f.SSL_do_handshake(this.#ssl);
    this.#say(this.#connection.takeOutput());
  }

  /** Wants new keys so often in one breath, and says `x` behind it. */
  rekey(times: number): void {
    const f = this.#library.symbols;
    const said: Uint8Array[] = [];
    for (let time = 0; time < times; time++) {
      assert.equal(f.SSL_key_update(this.#ssl, 1), 1);
      f.SSL_do_handshake(this.#ssl);
      said.push(this.#connection.takeOutput());
    }
    this.#connection.send(x);
    this.#say(concat([...said, this.#connection.takeOutput()]));
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#said.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return this.#said.shift();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#shaken) this.#connection.receive(bytes);
    else {
      const { output, done } = this.#connection.handshake(bytes);
      this.#say(output);
      this.#shaken = done;
    }
    if (this.#begun && !this.#connection.isShakingHands) {
      this.#begun = false;
      this.#connection.send(x);
    }
    this.#say(this.#connection.takeOutput());
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#closed = true;
    this.#waiting?.();
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
    this.#context[Symbol.dispose]();
    this.#library.close();
  }

  #say(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#said.push(bytes);
    this.#waiting?.();
  }
}

/** A client of `server` whose handshake is done. */
async function clientOf(server: HostileServer, version: "TLSv1.2" | "TLSv1.3") {
  using context = new OpensslContext(opensslLibrary("test"), {
    role: "client",
    minVersion: version,
    maxVersion: version,
    lateCertificate: true,
  });
  const { signal } = new AbortController();
  return await secured(server, () => new OpensslConnection(context), undefined, signal);
}

Deno.test("a peer may want new keys a few times, and not in thousands: each costs more than it takes to send", async () => {
  using server = new HostileServer("TLSv1.3", false);
  const client = await clientOf(server, "TLSv1.3");
  server.rekey(100);
  assert.deepEqual(await client.read(), x);
  server.rekey(2_000);
  await assert.rejects(client.read(), (error: NetworkError) => error.code === "TlsTooManyHandshakes");
  client.close();
});

for (const [version, asks] of [["TLSv1.2", true], ["TLSv1.2", false], ["TLSv1.3", true]] as const) {
  Deno.test(`${version}: a server may begin a few more handshakes${asks ? " for a certificate" : ""}, and then no more`, async () => {
    using server = new HostileServer(version, asks);
    const client = await clientOf(server, version);
    let rounds = 0;
    const talk = async () => {
      for (; rounds < 100; rounds++) {
        server.again();
        assert.deepEqual(await client.read(), x);
      }
    };
    await assert.rejects(talk(), (error: NetworkError) => error.code === "TlsTooManyHandshakes");
    assert.ok(rounds >= 8 && rounds <= 16, `after ${rounds}`);
    client.close();
  });
}
