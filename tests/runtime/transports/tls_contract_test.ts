/** What goes wrong on its way to either TLS engine, and what passes all the same. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { ListenerHandle, TlsClientOptions, TlsEngineName } from "../../../actors/ports.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { createConnector, createListenerHost } from "../../../runtime/transports/mod.ts";
import { makeCertificate } from "../../helpers/client_ca.ts";
import { Recorder } from "./recorder.ts";
import { Relay } from "./relay.ts";

const identity = await createSelfSigned(["localhost", "127.0.0.1"], Date.now());

interface Server extends Disposable {
  readonly port: number;
  readonly sides: Recorder[];
}

async function serve(
  engine: TlsEngineName,
  { certificate, key }: { readonly certificate: string; readonly key: string } = identity,
  make: () => Recorder = () => new Recorder({ echo: true, keep: false }),
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
): Promise<Server> {
  const listening = Promise.withResolvers<number>();
  const sides: Recorder[] = [];
  const handle: ListenerHandle = createListenerHost().listen(
    { host: "127.0.0.1", port: 0, tls: { certificate, key, maxVersion, engine } },
    {
      onListening: ({ port }) => listening.resolve(port),
      onConnection: (accept) => {
        const side = make();
        side.connection = accept(side);
        sides.push(side);
      },
      onClosed: listening.reject,
    },
  );
  return { port: await listening.promise, sides, [Symbol.dispose]: () => handle.close() };
}

function open(port: number, tls: TlsClientOptions, side = new Recorder({ keep: false }), host = "127.0.0.1") {
  side.connection = createConnector().connect({ host, port, timeoutMs: 60_000, tls }, side);
  return side;
}

for (const engine of ["platform", "openssl"] as const) {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    Deno.test(`${engine}, ${version}: a connection cut at any byte of the handshake is an error on both sides, and no more`, async () => {
      using server = await serve(engine, identity, undefined, version);
      // How long the handshake is, from a whole one.
      await using whole = await Relay.to(server.port);
      const first = open(whole.port, { verify: "ignore", engine });
      await first.opened.promise;
      await server.sides[0]!.opened.promise;
      const length = whole.forward;
      first.connection!.abort();
      assert.ok(length > 200);
      const cuts = Array.from({ length: 24 }, (_, index) => Math.floor(length * index / 24));
      const both = [
        ...cuts.map((at) => ["forward", at] as const),
        ...cuts.map((at) => ["backward", at] as const),
      ];
      await Promise.all(both.map(async ([direction, at]) => {
        await using relay = await Relay.to(server.port, { direction, at });
        const client = open(relay.port, { verify: "ignore", engine });
        // Behind the client's last message it is open already, and what comes is the end of an open connection.
        await Promise.race([client.closed.promise, client.ended.promise]);
        client.connection!.abort();
        const error = await client.closed.promise;
        assert.match(error?.code ?? "in order", /^(TlsHandshakeFailed|ConnectionReset|ConnectionClosed)$/);
        assert.equal(client.received, 0);
      }));
      for (const side of server.sides) {
        side.connection!.abort();
        await side.closed.promise;
        assert.equal(side.received, 0);
        assert.equal(side.log.filter((entry) => entry.startsWith("closed")).length, 1);
      }
    });

    Deno.test(`${engine}, ${version}: megabytes go both ways at once through a slow network, unchanged`, async () => {
      using server = await serve(engine, identity, undefined, version);
      await using relay = await Relay.to(server.port, { pieces: 30_011 });
      const hash = createHash("sha256");
      const side = new Recorder({ keep: false });
      const receive = side.onData.bind(side);
      side.onData = (bytes) => {
        hash.update(bytes);
        receive(bytes);
      };
      const client = open(relay.port, { verify: "ignore", engine }, side);
      const sent = createHash("sha256");
      const block = new Uint8Array(700_001);
      for (let index = 0; index < 8; index++) {
        crypto.getRandomValues(block.subarray(0, 65_536));
        const bytes = block.slice();
        sent.update(bytes);
        if (!client.connection!.write(bytes)) await client.drained();
      }
      client.connection!.end();
      assert.equal(await client.closed.promise, undefined);
      assert.equal(hash.digest("hex"), sent.digest("hex"));
    });

    Deno.test(`${engine}, ${version}: bytes that were changed on their way reach nobody`, async () => {
      using server = await serve(engine, identity, undefined, version);
      await using relay = await Relay.to(server.port);
      const client = open(relay.port, { verify: "ignore", engine });
      await client.opened.promise;
      client.connection!.write(new Uint8Array(10));
      await client.got(10);
      relay.spoil();
      client.connection!.write(new Uint8Array(1000));
      const server0 = server.sides[0]!;
      // The platform says no more than that it is over.
      const error = await server0.closed.promise;
      if (engine === "openssl") assert.equal(error?.code, "ConnectionClosed");
      assert.equal(server0.received, 10);
      client.connection!.abort();
      await client.closed.promise;
    });
  }

  const ca = makeCertificate({ name: "CA", authority: {} });
  const made = (options: Partial<Parameters<typeof makeCertificate>[0]>) =>
    makeCertificate({ name: "localhost", dns: "localhost", issuer: ca, uses: [1], ...options });
  const day = 86_400_000;
  for (
    const [what, certificate, expected] of [
      ["right", made({}), "open"],
      ["expired", made({ notBefore: Date.now() - 3 * day, notAfter: Date.now() - day }), "TlsUntrusted"],
      [
        "not valid yet",
        made({ notBefore: Date.now() + day, notAfter: Date.now() + 3 * day }),
        "TlsUntrusted",
      ],
      ["for another name", made({ dns: "other.example" }), "TlsUntrusted"],
      ["for a name of which this is a part", made({ dns: "localhost.example" }), "TlsUntrusted"],
      ["for clients only", made({ uses: [2] }), "TlsUntrusted"],
      [
        "of an unknown authority with a known name",
        made({ issuer: makeCertificate({ name: "CA", authority: {} }) }),
        "TlsUntrusted",
      ],
      ["issued by what is no authority", made({ issuer: made({}) }), "TlsUntrusted"],
    ] as const
  ) {
    Deno.test(`${engine}: a server's certificate ${what}: ${expected}`, async () => {
      using server = await serve(engine, certificate);
      const client = open(
        server.port,
        { verify: "system", ca: ca.certificate, engine },
        new Recorder(),
        "localhost",
      );
      const result = await Promise.race([
        client.opened.promise.then(() => "open"),
        client.closed.promise.then((error) => error?.code),
      ]);
      assert.equal(result, expected);
      client.connection!.abort();
      await client.closed.promise;
    });
  }

  Deno.test(`${engine}: an authority of the chain that the server sends along is found`, async () => {
    const middle = makeCertificate({ name: "middle", issuer: ca, authority: {} });
    const leaf = made({ issuer: middle });
    using server = await serve(engine, { certificate: leaf.certificate + middle.certificate, key: leaf.key });
    const client = open(
      server.port,
      { verify: "system", ca: ca.certificate, engine },
      new Recorder(),
      "localhost",
    );
    const facts = await client.opened.promise;
    assert.deepEqual(facts.tls?.peerCertificate, leaf.der);
    assert.match(facts.tls?.cipher ?? "", /GCM|CHACHA20/);
    client.connection!.abort();
    await client.closed.promise;
  });
}

// The platform takes it for an end like any other.
for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test(`openssl, ${version}: an end without TLS's own end is a reset, for anybody may have cut the connection`, async () => {
    using server = await serve("openssl", identity, undefined, version);
    await using relay = await Relay.to(server.port);
    const client = open(relay.port, { verify: "ignore", engine: "openssl" });
    await client.opened.promise;
    client.connection!.write(new Uint8Array(10));
    await client.got(10);
    relay.end();
    assert.equal((await client.closed.promise)?.code, "ConnectionReset");
    assert.equal((await server.sides[0]!.closed.promise)?.code, "ConnectionReset");
  });
}
