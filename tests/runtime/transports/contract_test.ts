/** What every real transport promises, checked for plain TCP and for TLS by each engine. */
import assert from "node:assert/strict";
import type { ConnectTarget, ListenerHandle, TlsEngineName } from "../../../actors/ports.ts";
import type { NetworkError } from "../../../protocol/errors.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { createConnector, createListenerHost } from "../../../runtime/transports/mod.ts";
import { until } from "../os/process_recorder.ts";
import { Recorder } from "./recorder.ts";

const connector = createConnector();
const identity = await createSelfSigned(["localhost", "127.0.0.1"], Date.now());

interface Server {
  readonly port: number;
  readonly handle: ListenerHandle;
  readonly closed: Promise<NetworkError | undefined>;
  readonly sides: Recorder[];
  /** The accepting side of the n-th connection. */
  side(n: number): Promise<Recorder>;
}

type Kind = TlsEngineName | undefined;
const engines: readonly TlsEngineName[] = ["platform", "openssl"];

/** `kind`: who speaks TLS; `undefined`: nobody. */
async function serve(kind: Kind, make: () => Recorder = () => new Recorder()): Promise<Server> {
  const listening = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<NetworkError | undefined>();
  const sides: Recorder[] = [];
  const waiting = new Map<number, (side: Recorder) => void>();
  const handle = createListenerHost().listen(
    {
      host: "127.0.0.1",
      port: 0,
      ...(kind === undefined ? {} : {
        tls: { certificate: identity.certificate, key: identity.key, maxVersion: "TLSv1.2", engine: kind },
      }),
    },
    {
      onListening: ({ port }) => listening.resolve(port),
      onConnection: (accept) => {
        const side = make();
        side.connection = accept(side);
        sides.push(side);
        waiting.get(sides.length - 1)?.(side);
      },
      onClosed: (error) => closed.resolve(error),
    },
  );
  return {
    port: await listening.promise,
    handle,
    closed: closed.promise,
    sides,
    side: (n) => {
      const side = sides[n];
      return side === undefined ? new Promise((resolve) => waiting.set(n, resolve)) : Promise.resolve(side);
    },
  };
}

/** A client of `kind` that trusts the certificate of {@link serve}. */
function targetOf(kind: Kind, port: number): ConnectTarget {
  return {
    host: "127.0.0.1",
    port,
    timeoutMs: 60_000,
    ...(kind === undefined ? {} : { tls: { verify: "system", ca: identity.certificate, engine: kind } }),
  };
}

for (
  const [label, kind, serverKind] of [
    ["TCP", undefined, undefined],
    ["TLS of the platform", "platform", "platform"],
    ["TLS of OpenSSL", "openssl", "openssl"],
    ["TLS of OpenSSL with the platform's server", "openssl", "platform"],
    ["TLS of the platform with OpenSSL's server", "platform", "openssl"],
  ] as const
) {
  const secure = kind !== undefined;
  const target = (port: number) => targetOf(kind, port);
  const open = (port: number, side: Recorder) => {
    side.connection = connector.connect(target(port), side);
    return side;
  };
  const close = async (server: Server) => {
    server.handle.close();
    await server.closed;
  };

  Deno.test(`${label}: bytes go both ways, each side half-closes, and both close in order`, async () => {
    const server = await serve(serverKind, () => new Recorder({ echo: true }));
    const client = open(server.port, new Recorder());
    assert.deepEqual(client.log, [], "no event may come from inside connect");
    client.connection!.write(utf8("hello "));
    client.connection!.write(utf8("world"));
    const facts = await client.opened.promise;
    assert.equal(facts.remotePort, server.port);
    assert.equal(facts.tls?.protocol, secure ? "TLSv1.2" : undefined);
    if (secure) {
      const serverSide = await (await server.side(0)).opened.promise;
      assert.deepEqual(facts.tls?.peerCertificate, serverSide.tls?.localCertificate);
    }
    await client.got(11);
    client.connection!.end();
    assert.equal(await client.closed.promise, undefined);
    assert.equal(client.text, "hello world");
    assert.deepEqual(client.log, ["open", "data", "end", "closed in order"]);
    assert.equal(await (await server.side(0)).closed.promise, undefined);
    await close(server);
  });

  Deno.test(`${label}: after the peer's half-close we can still write`, async () => {
    const server = await serve(serverKind);
    const client = open(server.port, new Recorder());
    client.connection!.end();
    const side = await server.side(0);
    await side.ended.promise;
    side.connection!.write(utf8("late"));
    side.connection!.end();
    assert.equal(await client.closed.promise, undefined);
    assert.equal(client.text, "late");
    await close(server);
  });

  Deno.test(`${label}: one chunk for each resume, the first one too`, async () => {
    const server = await serve(serverKind);
    const client = open(server.port, new Recorder({ paused: true }));
    const side = await server.side(0);
    side.connection!.write(new Uint8Array(100_000));
    side.connection!.end();
    await client.opened.promise;
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    assert.equal(client.received, 0);
    let chunks = 0;
    while (client.received < 100_000) {
      const before: number = client.received;
      client.connection!.resume();
      assert.equal(client.received, before, "no event may come from inside resume");
      await client.got(before + 1);
      chunks++;
    }
    assert.ok(chunks > 0);
    client.connection!.resume();
    await client.ended.promise;
    client.connection!.end();
    assert.equal(await client.closed.promise, undefined);
    await close(server);
  });

  Deno.test(`${label}: a reader that does not read stops the writer, which drains later`, async () => {
    const server = await serve(serverKind, () => new Recorder({ paused: true, keep: false }));
    const client = open(server.port, new Recorder());
    await client.opened.promise;
    const block = new Uint8Array(64 * 1024);
    // Far above what socket buffers take: the writer is told to stop, and nothing more leaves.
    let written = 0;
    let drained = Promise.resolve();
    for (let rounds = 0; rounds < 1000; rounds++) {
      const more = client.connection!.write(block);
      written += block.length;
      if (more) continue;
      // It may come late, too, when nobody waits for it in the loop any more.
      drained = client.drained();
      const soon = await Promise.race([
        drained.then(() => true),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300)),
      ]);
      if (!soon) break;
    }
    assert.ok(written < 60_000_000, `only what the buffers hold was taken, not ${written}`);
    const side = await server.side(0);
    side.options.paused = false;
    side.connection!.resume();
    await drained;
    await side.got(written);
    client.connection!.abort();
    await close(server);
  });

  Deno.test(`${label}: abort closes at once, and once`, async () => {
    const server = await serve(serverKind);
    const client = open(server.port, new Recorder());
    await client.opened.promise;
    client.connection!.abort();
    client.connection!.abort();
    client.connection!.end();
    assert.equal(client.connection!.write(utf8("x")), false);
    assert.deepEqual(client.log, ["open"], "no event may come from inside abort");
    assert.equal((await client.closed.promise)?.code, "ConnectionClosed");
    assert.deepEqual(client.log, ["open", "closed ConnectionClosed"]);
    const side = await server.side(0);
    await Promise.race([side.ended.promise, side.closed.promise]);
    side.connection!.abort();
    await close(server);
  });

  Deno.test(`${label}: abort before the connection stands`, async () => {
    const server = await serve(serverKind);
    const client = open(server.port, new Recorder());
    client.connection!.abort();
    assert.equal((await client.closed.promise)?.code, "ConnectionClosed");
    assert.deepEqual(client.log, ["closed ConnectionClosed"]);
    await close(server);
  });

  if (kind === serverKind) {
    Deno.test(`${label}: nothing listens, no such name, no such address`, async () => {
      // Port 1 (tcpmux): nobody has it.
      const refused = open(1, new Recorder());
      assert.equal((await refused.closed.promise)?.code, "ConnectRefused");
      assert.deepEqual(refused.log, ["closed ConnectRefused"]);

      const nowhere = new Recorder();
      nowhere.connection = connector.connect({ ...target(1), host: "no-such-host.invalid" }, nowhere);
      assert.equal((await nowhere.closed.promise)?.code, "HostNotFound");
    });

    Deno.test(`${label}: an address in use and a foreign address`, async () => {
      const first = await serve(serverKind);
      const listen = (host: string, port: number) => {
        const closed = Promise.withResolvers<NetworkError | undefined>();
        createListenerHost().listen({
          host,
          port,
          ...(serverKind !== undefined
            ? {
              tls: {
                certificate: identity.certificate,
                key: identity.key,
                maxVersion: "TLSv1.3" as const,
                engine: serverKind,
              },
            }
            : {}),
        }, { onListening: () => {}, onConnection: () => {}, onClosed: (error) => closed.resolve(error) });
        return closed.promise;
      };
      assert.equal((await listen("127.0.0.1", first.port))?.code, "AddressInUse");
      assert.equal((await listen("192.0.2.1", 0))?.code, "AddressNotAvailable");
      await close(first);
    });
  }

  Deno.test(`${label}: 1,000 connections at a time`, async () => {
    const server = await serve(serverKind, () => new Recorder({ echo: true }));
    const count = secure ? 200 : 1000;
    const clients = Array.from({ length: count }, () => open(server.port, new Recorder()));
    for (const [index, client] of clients.entries()) client.connection!.write(utf8(`number ${index}`));
    await Promise.all(clients.map((client) => client.got(8)));
    for (const client of clients) client.connection!.end();
    for (const [index, client] of clients.entries()) {
      assert.equal(await client.closed.promise, undefined);
      assert.equal(client.text, `number ${index}`);
    }
    await close(server);
  });

  Deno.test(`${label}: whichever side aborts, after however many bytes, both are told once and nothing leaks`, async () => {
    const server = await serve(serverKind, () => new Recorder({ echo: true, keep: false }));
    const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = Deno.build.os === "linux" ? descriptors() : 0;
    const block = new Uint8Array(30_000);
    const rounds = Array.from({ length: 60 }, async (_, index) => {
      const client = open(server.port, new Recorder({ keep: false }));
      for (let i = 0; i < 20; i++) client.connection!.write(block);
      await Promise.race([client.got(1 + index * 7_000), client.closed.promise]);
      if (index % 2 === 0) client.connection!.abort();
      else (await server.side(index)).connection!.abort();
      // What the other side makes of it (an end or a reset) is the network's choice.
      await Promise.race([client.closed.promise, client.ended.promise]);
      client.connection!.abort();
      return client;
    });
    const clients = await Promise.all(rounds);
    for (const side of server.sides) {
      await Promise.race([side.closed.promise, side.ended.promise]);
      side.connection!.abort();
    }
    for (const side of [...clients, ...server.sides]) {
      await side.closed.promise;
      assert.equal(side.log.filter((entry) => entry.startsWith("closed")).length, 1);
      assert.match(side.log.at(-1)!, /^closed/);
    }
    if (Deno.build.os === "linux") await until("descriptors are closed", () => descriptors() <= before);
    await close(server);
  });

  Deno.test(`${label}: accepted connections outlive their listener`, async () => {
    const server = await serve(serverKind, () => new Recorder({ echo: true }));
    const client = open(server.port, new Recorder());
    await client.opened.promise;
    await close(server);
    client.connection!.write(utf8("still here"));
    await client.got(10);
    client.connection!.end();
    assert.equal(await client.closed.promise, undefined);
  });
}

/** A raw client that sends `bytes` (hex) and resets (SO_LINGER 0) when `when` is over. */
async function reset(port: number, bytes: string, when: () => Promise<unknown>): Promise<void> {
  const script = "import socket,struct,sys\n" +
    "s=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n" +
    "s.sendall(bytes.fromhex(sys.argv[2]))\n" +
    "sys.stdin.readline()\n" +
    "s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0))\n" +
    "s.close()\n";
  const child = new Deno.Command("python3", {
    args: ["-c", script, String(port), bytes],
    stdin: "piped",
  }).spawn();
  await when();
  await child.stdin.close();
  assert.ok((await child.status).success);
}

Deno.test("TCP: a reset is told even to a side that is not reading", async () => {
  const server = await serve(undefined, () => new Recorder({ paused: true }));
  await reset(server.port, "00", () => server.side(0));
  const side = await server.side(0);
  // The byte before the reset is for the side to ask for; with it gone, the reset is seen.
  side.connection!.resume();
  assert.equal((await side.closed.promise)?.code, "ConnectionReset");
  assert.equal(side.log.filter((entry) => entry.startsWith("closed")).length, 1);
  await close1(server);
});

Deno.test("TCP: what the peer said before it reset our writing is still read", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new Recorder();
  client.connection = connector.connect(
    { host: "127.0.0.1", port: listener.addr.port, timeoutMs: 60_000 },
    client,
  );
  const conn = await listener.accept();
  await client.opened.promise;
  await conn.write(utf8("413 go away"));
  conn.close();
  for (let i = 0; i < 100; i++) client.connection.write(new Uint8Array(100_000));
  assert.equal((await client.closed.promise)?.code, "ConnectionReset");
  assert.equal(client.text, "413 go away");
  listener.close();
});

async function close1(server: Server): Promise<void> {
  server.handle.close();
  await server.closed;
}

for (const engine of engines) {
  Deno.test(`TLS of ${engine}: resets and rubbish at any point of the handshake do not disturb others`, async () => {
    const server = await serve(engine, () => new Recorder({ echo: true }));
    const hello = "16030100050100000100";
    const openings = [
      "",
      hello.slice(0, 2),
      hello.slice(0, 10),
      hello,
      "474554202f20485454502f312e310d0a0d0a",
    ];
    for (const [index, bytes] of openings.entries()) {
      await reset(server.port, bytes, () => server.side(index));
    }
    for (const side of server.sides) {
      const error = await side.closed.promise;
      assert.match(error?.code ?? "", /^(TlsHandshakeFailed|ConnectionReset)$/);
      assert.equal(side.log.length, 1);
    }
    const client = new Recorder();
    client.connection = connector.connect(
      { host: "127.0.0.1", port: server.port, timeoutMs: 60_000, tls: { verify: "ignore", engine } },
      client,
    );
    client.connection.write(utf8("ok"));
    await client.got(2);
    client.connection.end();
    await client.closed.promise;
    await close1(server);
  });

  Deno.test(`TLS of ${engine}: a silent client does not hold up the next one`, async () => {
    const server = await serve(engine, () => new Recorder({ echo: true }));
    const silent = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const client = new Recorder();
    client.connection = connector.connect(
      { host: "127.0.0.1", port: server.port, timeoutMs: 60_000, tls: { verify: "ignore", engine } },
      client,
    );
    await client.opened.promise;
    client.connection.end();
    await client.closed.promise;
    silent.close();
    await (await server.side(0)).closed.promise;
    await close1(server);
  });

  Deno.test(`TLS of ${engine}: an unknown issuer and a wrong name are refused with advice`, async () => {
    const server = await serve(engine);
    const connect = async (host: string, ca?: string) => {
      const side = new Recorder();
      side.connection = connector.connect({
        host,
        port: server.port,
        timeoutMs: 60_000,
        tls: { verify: "system", engine, ...(ca === undefined ? {} : { ca }) },
      }, side);
      return await side.closed.promise;
    };
    const unknown = await connect("127.0.0.1");
    assert.equal(unknown?.code, "TlsUntrusted");
    assert.match(unknown.message, /--ca FILE.*--cert-validation ignore/);
    const wrongName = await connect(
      "127.0.0.1",
      (await createSelfSigned(["other.example"], Date.now())).certificate,
    );
    assert.equal(wrongName?.code, "TlsUntrusted");
    await close1(server);

    const other = await createSelfSigned(["other.example"], Date.now());
    const listening = Promise.withResolvers<number>();
    const handle = createListenerHost().listen(
      {
        host: "127.0.0.1",
        port: 0,
        tls: { certificate: other.certificate, key: other.key, maxVersion: "TLSv1.2", engine },
      },
      {
        onListening: ({ port }) => listening.resolve(port),
        onConnection: (accept) => {
          const side = new Recorder();
          side.connection = accept(side);
        },
        onClosed: () => {},
      },
    );
    const side = new Recorder();
    side.connection = connector.connect({
      host: "127.0.0.1",
      port: await listening.promise,
      timeoutMs: 60_000,
      tls: { verify: "system", engine, ca: other.certificate },
    }, side);
    const mismatch = await side.closed.promise;
    assert.equal(mismatch?.code, "TlsUntrusted");
    assert.match(mismatch.message, /127\.0\.0\.1/);
    handle.close();
  });

  Deno.test(`TLS of ${engine}: a server that speaks something else is a failed handshake`, async () => {
    const server = await serve(undefined);
    const client = new Recorder();
    client.connection = connector.connect(
      { host: "127.0.0.1", port: server.port, timeoutMs: 60_000, tls: { verify: "ignore", engine } },
      client,
    );
    const side = await server.side(0);
    side.connection!.write(utf8("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const error = await client.closed.promise;
    assert.equal(error?.code, "TlsHandshakeFailed");
    assert.match(error.message, /speaks no TLS.*leave --ssl out.*5986/);
    side.connection!.abort();
    await close1(server);
  });

  Deno.test(`TLS of ${engine}: a server that never answers the handshake ends in ConnectTimeout`, async () => {
    const server = await serve(undefined);
    const client = new Recorder();
    client.connection = connector.connect(
      { host: "127.0.0.1", port: server.port, timeoutMs: 100, tls: { verify: "ignore", engine } },
      client,
    );
    assert.equal((await client.closed.promise)?.code, "ConnectTimeout");
    (await server.side(0)).connection!.abort();
    await close1(server);
  });

  Deno.test(`TLS of ${engine}: 1.3 is spoken where it is allowed, half-closes included`, async () => {
    const listening = Promise.withResolvers<number>();
    const { certificate, key } = identity;
    const handle = createListenerHost().listen(
      { host: "127.0.0.1", port: 0, tls: { certificate, key, maxVersion: "TLSv1.3", engine } },
      {
        onListening: ({ port }) => listening.resolve(port),
        onConnection: (accept) => {
          const side = new Recorder({ echo: true });
          side.connection = accept(side);
        },
        onClosed: () => {},
      },
    );
    const client = new Recorder();
    client.connection = connector.connect({
      host: "localhost",
      port: await listening.promise,
      timeoutMs: 60_000,
      tls: { verify: "system", engine, ca: certificate },
    }, client);
    client.connection.write(utf8("hello"));
    client.connection.end();
    assert.equal((await client.opened.promise).tls?.protocol, "TLSv1.3");
    assert.equal(await client.closed.promise, undefined);
    assert.equal(client.text, "hello");
    handle.close();
  });

  Deno.test(`TLS of ${engine}: a certificate and key that do not fit make the listener fail, not the process`, async () => {
    const { certificate, key } = await createSelfSigned(["other.example"], Date.now());
    for (
      const tls of [
        { certificate: "rubbish", key },
        { certificate, key: "rubbish" },
        { certificate, key: identity.key },
      ]
    ) {
      const closed = Promise.withResolvers<NetworkError | undefined>();
      createListenerHost().listen(
        { host: "127.0.0.1", port: 0, tls: { ...tls, maxVersion: "TLSv1.2", engine } },
        { onListening: () => closed.resolve(undefined), onConnection: () => {}, onClosed: closed.resolve },
      );
      assert.equal((await closed.promise)?.code, "ListenFailed");
    }
  });
}
