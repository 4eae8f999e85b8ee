/** OpenSSL in place of the platform's TLS: servers that are left with old suites, and such as ask for a certificate in mid-connection. */
import assert from "node:assert/strict";
import type { TlsClientOptions } from "../../actors/ports.ts";
import { utf8 } from "../../protocol/bytes.ts";
import { createSelfSigned } from "../../runtime/security/certificates.ts";
import { createConnector } from "../../runtime/transports/mod.ts";
import { makeCertificate } from "../helpers/client_ca.ts";
import { Recorder } from "../runtime/transports/recorder.ts";
import { Apache, apachePresent } from "./apache.ts";
import { freePort, listens, startAtFreePort } from "./ports.ts";

/** What came of a connection, and of a request if there was one. */
interface Outcome {
  readonly text: string;
  readonly protocol: string | undefined;
  readonly code: string | undefined;
  readonly message: string;
}

/** Sends `head` and `body`, the latter as soon as the connection takes it, and reads to the end. */
async function talk(
  port: number,
  tls: TlsClientOptions,
  head: string,
  body = new Uint8Array(0),
): Promise<Outcome> {
  const side = new Recorder();
  side.connection = createConnector().connect({ host: "localhost", port, timeoutMs: 60_000, tls }, side);
  side.connection.write(utf8(head));
  side.connection.write(body);
  await Promise.race([side.ended.promise, side.closed.promise]);
  side.connection.end();
  const error = await side.closed.promise;
  const facts = side.log.includes("open") ? await side.opened.promise : undefined;
  return {
    text: side.text,
    protocol: facts?.tls?.protocol,
    code: error?.code,
    message: error?.message ?? "",
  };
}

/** `openssl s_server` with a certificate of its own, and such files as `prepare` makes in its folder. */
async function opensslServer(
  args: readonly string[],
  prepare: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificate, key } = await createSelfSigned(["localhost"], Date.now());
  const folder = await Deno.makeTempDir({ prefix: "drover-tls-" });
  await Deno.writeTextFile(`${folder}/cert.pem`, certificate);
  await Deno.writeTextFile(`${folder}/key.pem`, key);
  await prepare(folder);
  return await startAtFreePort(async () => {
    const port = freePort();
    const files = ["-cert", "cert.pem", "-key", "key.pem"];
    const server = new Deno.Command("openssl", {
      args: ["s_server", "-accept", `127.0.0.1:${port}`, "-www", ...files, ...args],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    // What s_server says of itself it says before.
    if (!await listens(port, server)) return undefined;
    return {
      port,
      async [Symbol.asyncDispose]() {
        server.kill("SIGKILL");
        await server.status;
        await Deno.remove(folder, { recursive: true });
      },
    };
  });
}

const get = "GET /wsman HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const authority = makeCertificate({ name: "clients", authority: {} });
const client = makeCertificate({ name: "alice", issuer: authority, uses: [2] });

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test({
    name: `Apache asks for a certificate for one path, behind the handshake of ${version}`,
    ignore: !apachePresent,
    fn: async () => {
      await using apache = await Apache.with({
        modules: [],
        files: { wsman: utf8("who you are"), "clients.pem": utf8(authority.certificate) },
        location: () => "\n  SSLVerifyClient require\n  SSLRenegBufferSize 1000000",
        server: (folder) => `SSLCACertificateFile ${folder}/clients.pem\nSSLProtocol ${version}`,
      });
      const identity = { certificate: client.certificate, key: client.key };
      const openssl = { verify: "ignore", engine: "openssl" } as const;
      const shown = await talk(apache.port, { ...openssl, identity }, get);
      assert.equal(shown.protocol, version);
      assert.match(shown.text, /^HTTP\/1\.1 200 [^]*who you are$/);

      // A body that is on its way while the server asks.
      const body = new Uint8Array(600_000);
      const post =
        `POST /wsman HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      const posted = await talk(apache.port, { ...openssl, identity }, post, body);
      assert.match(posted.text, /^HTTP\/1\.1 (200|405) /);

      const nothing = await talk(apache.port, openssl, get);
      assert.doesNotMatch(nothing.text, /who you are/);
      assert.equal(nothing.code, version === "TLSv1.2" ? "TlsRenegotiation" : "TlsClientCertificate");
      // Why there is another engine.
      const platform = await talk(apache.port, { verify: "ignore", identity }, get);
      if (version === "TLSv1.2") {
        assert.equal(platform.code, "TlsRenegotiation");
        assert.match(platform.message, /--tls-engine openssl/);
      } else assert.match(platform.text, /^HTTP\/1\.1 403 /);
    },
  });
}

for (
  const [what, args, platform, modern, protocol] of [
    ["RSA key exchange with CBC", ["-tls1_2", "-cipher", "AES128-SHA"], "TlsIncompatible", "ok", "TLSv1.2"],
    [
      "CBC alone",
      ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256"],
      "TlsIncompatible",
      "ok",
      "TLSv1.2",
    ],
    ["TLS 1.0", ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "TlsIncompatible", "TlsIncompatible", "TLSv1"],
    ["TLS 1.1", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "TlsIncompatible", "TlsIncompatible", "TLSv1.1"],
  ] as const
) {
  Deno.test(`a server that is left with ${what}`, async () => {
    await using server = await opensslServer(args);
    const get = "GET / HTTP/1.0\r\n\r\n";
    const result = async (options: Partial<TlsClientOptions>) => {
      const { code, text, protocol, message } = await talk(
        server.port,
        { verify: "ignore", ...options },
        get,
      );
      if (text.startsWith("HTTP/1.0 200")) return ["ok", protocol, ""];
      return [code, protocol, /--tls-(engine openssl|legacy)/.exec(message)?.[0]];
    };
    assert.deepEqual(await result({}), [platform, undefined, "--tls-engine openssl"]);
    assert.deepEqual(
      await result({ engine: "openssl" }),
      modern === "ok" ? ["ok", protocol, ""] : [modern, undefined, "--tls-legacy"],
    );
    assert.deepEqual(await result({ engine: "openssl", legacy: true }), ["ok", protocol, ""]);
  });
}

Deno.test("a server's prime for Diffie-Hellman may have 4,096 bits, and not 8,192: it would hold the event loop", async () => {
  for (const bits of [4_096, 8_192]) {
    const dhparam = async (folder: string) => {
      const wanted = ["-algorithm", "DH", "-pkeyopt", `group:modp_${bits}`, "-out", `${folder}/dh.pem`];
      const { success } = await new Deno.Command("openssl", { args: ["genpkey", "-genparam", ...wanted] })
        .output();
      assert.ok(success);
    };
    await using server = await opensslServer(["-dhparam", "dh.pem", "-tls1_2", "-cipher", "DHE"], dhparam);
    for (const legacy of [false, true]) {
      const options = { verify: "ignore", engine: "openssl", legacy } as const;
      const { code, text, message } = await talk(server.port, options, "GET / HTTP/1.0\r\n\r\n");
      if (bits === 4_096) assert.match(text, /^HTTP\/1\.0 200/);
      else {
        assert.equal(code, "TlsHandshakeFailed");
        assert.match(message, /more than 4096 bits/);
      }
    }
  }
});
