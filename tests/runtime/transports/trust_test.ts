/** What is checked of a server's certificate, and that a client's own certificate arrives, with each TLS engine. */
import assert from "node:assert/strict";
import type { ListenerHandle, TlsClientOptions, TlsEngineName } from "../../../actors/ports.ts";
import { hiding } from "../../../protocol/secret.ts";
import { createSelfSigned, thumbprint } from "../../../runtime/security/certificates.ts";
import { createConnector, createListenerHost } from "../../../runtime/transports/mod.ts";
import { makeCertificate } from "../../helpers/client_ca.ts";
import { Recorder } from "./recorder.ts";

const identity = await createSelfSigned(["localhost"], Date.now());
const old = await createSelfSigned(["localhost"], Date.now() - 800 * 86_400_000);

interface Server extends Disposable {
  readonly port: number;
  readonly sides: Recorder[];
}

async function serve(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  askCertificate = false,
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.2",
  engine: TlsEngineName = "platform",
): Promise<Server> {
  const listening = Promise.withResolvers<number>();
  const sides: Recorder[] = [];
  const handle: ListenerHandle = createListenerHost().listen(
    { host: "127.0.0.1", port: 0, tls: { certificate, key, maxVersion, askCertificate, engine } },
    {
      onListening: ({ port }) => listening.resolve(port),
      onConnection: (accept) => {
        const side = new Recorder();
        side.connection = accept(side);
        sides.push(side);
      },
      onClosed: () => {},
    },
  );
  return { port: await listening.promise, sides, [Symbol.dispose]: () => handle.close() };
}

/** `open`, or the code of the error. */
async function outcome(port: number, host: string, tls: TlsClientOptions): Promise<string> {
  const side = new Recorder();
  side.connection = createConnector().connect({ host, port, timeoutMs: 60_000, tls }, side);
  const result = await Promise.race([
    side.opened.promise.then(() => "open"),
    side.closed.promise.then((error) => error?.code),
  ]);
  side.connection.abort();
  await side.closed.promise;
  return result ?? "closed";
}

const sha256 = thumbprint(identity.certificate, "sha256").toLowerCase();
const sha1 = thumbprint(identity.certificate, "sha1").toLowerCase();
const engines: readonly TlsEngineName[] = ["platform", "openssl"];

for (
  const [what, host, tls, expected] of [
    ["all is checked", "localhost", { verify: "system" }, "TlsUntrusted"],
    ["nothing is checked", "127.0.0.1", { verify: "ignore" }, "open"],
    ["a CA file", "localhost", { verify: "system", ca: identity.certificate }, "open"],
    [
      "a CA file and a wrong name",
      "127.0.0.1",
      { verify: "system", ca: identity.certificate },
      "TlsUntrusted",
    ],
    ["SkipCACheck", "localhost", { verify: "system", skipCaCheck: true }, "open"],
    ["SkipCACheck and a wrong name", "127.0.0.1", { verify: "system", skipCaCheck: true }, "TlsUntrusted"],
    [
      "SkipCNCheck and an unknown issuer",
      "127.0.0.1",
      { verify: "system", skipCnCheck: true },
      "TlsUntrusted",
    ],
    ["SkipCNCheck", "127.0.0.1", { verify: "system", skipCnCheck: true, ca: identity.certificate }, "open"],
    ["both skipped", "127.0.0.1", { verify: "system", skipCnCheck: true, skipCaCheck: true }, "open"],
    ["the pinned certificate", "127.0.0.1", { verify: "system", fingerprint: sha256 }, "open"],
    ["the pinned certificate by SHA-1", "127.0.0.1", { verify: "system", fingerprint: sha1 }, "open"],
    [
      "another pin, whatever else would be trusted",
      "localhost",
      { verify: "ignore", fingerprint: "0".repeat(64), ca: identity.certificate },
      "TlsFingerprint",
    ],
  ] as const
) {
  for (const engine of engines) {
    Deno.test(`certificate (${engine}): ${what}: ${expected}`, async () => {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        using server = await serve(identity, false, version);
        assert.equal(await outcome(server.port, host, { ...tls, engine }), expected);
      }
    });
  }
}

for (const engine of engines) {
  Deno.test(`${engine}: SkipCACheck does not pass over an expired certificate`, async () => {
    using server = await serve(old);
    assert.equal(
      await outcome(server.port, "localhost", { verify: "system", engine, skipCaCheck: true }),
      "TlsUntrusted",
    );
    assert.equal(await outcome(server.port, "localhost", { verify: "ignore", engine }), "open");
  });

  Deno.test(`${engine}: a listener that asks gets the client's certificates, and lets in who has none`, async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      using server = await serve(identity, true, version, engine);
      const ca = makeCertificate({ name: "CA", authority: {} });
      const client = makeCertificate({ name: "client", issuer: ca, uses: [2] });
      // As those that are read from files, whose keys are not to be seen where they are printed.
      const own = hiding({ certificate: client.certificate + ca.certificate }, { key: client.key });
      assert.equal(
        await outcome(server.port, "localhost", { verify: "ignore", engine, identity: own }),
        "open",
      );
      assert.equal(await outcome(server.port, "localhost", { verify: "ignore", engine }), "open");
      const [with_, without] = await Promise.all(server.sides.map((side) => side.opened.promise));
      assert.deepEqual(with_?.tls?.peerChain, [client.der, ca.der]);
      assert.deepEqual(without?.tls?.peerChain, []);
    }
  });
}

/** What no one can read, behind a certificate that is good. */
const rubbish = "-----BEGIN CERTIFICATE-----\nBwcHBwcHBwcHBw==\n-----END CERTIFICATE-----\n";

for (const engine of engines) {
  Deno.test(`${engine}: rubbish in the chain of a client ends its connection, and nothing else`, async () => {
    using server = await serve(identity, true, "TLSv1.2", engine);
    const { certificate, key } = makeCertificate({ name: "client", uses: [2] });
    // The platform sends it without a look.
    const hostile = { verify: "ignore", identity: { certificate: certificate + rubbish, key } } as const;
    assert.notEqual(await outcome(server.port, "localhost", hostile), undefined);
    assert.ok(await server.sides[0]!.closed.promise instanceof Error, "the listener's side");
    assert.equal(await outcome(server.port, "localhost", { verify: "ignore", engine }), "open");
  });
}
