import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { createServer } from "node:net";
import type { TlsSession } from "../../../protocol/ports.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { clientTlsSessions, serverTlsSessions } from "../../../runtime/security/tls_session.ts";

const empty = new Uint8Array(0);
const text = (value: string) => new TextEncoder().encode(value);

async function pair() {
  const { certificate, key } = await createSelfSigned(["localhost"], Date.now());
  return {
    client: clientTlsSessions().create(),
    server: serverTlsSessions(certificate, key).create(),
    certificate,
    key,
  };
}

/** Runs the handshake; each message of the client through `wire`. */
function shake(
  client: TlsSession,
  server: TlsSession,
  wire: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): void {
  for (let ours = client.handshake(empty); !ours.done;) {
    ours = client.handshake(server.handshake(wire(ours.output)).output);
  }
}

Deno.test("TLS runs in memory: both ends agree, see the same key, and carry records of every size", async () => {
  const { client, server, certificate } = await pair();
  shake(client, server);
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  assert.deepEqual(client.serverKey, new Uint8Array(spki));
  assert.deepEqual(server.serverKey, client.serverKey);
  for (const size of [0, 1, 16_384, 16_385, 100_000]) {
    const plain = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
    const records = client.encrypt(plain);
    assert.deepEqual(server.decrypt(records), plain);
    // Header and explicit nonce of AES-GCM in TLS 1.2, then as long as the plaintext, then the trailer.
    if (size === 16_384) assert.equal(records.length, 5 + 8 + size + client.trailerLength);
  }
  assert.deepEqual(client.decrypt(server.encrypt(text("back"))), text("back"));
  client.dispose();
  client.dispose();
  server.dispose();
});

Deno.test("keys of every kind that OpenSSL takes are seen, those too that the platform cannot read", async () => {
  const folder = await Deno.makeTempDir();
  const kinds = [["rsa-pss", "rsa_keygen_bits:2048"], ["ec", "ec_paramgen_curve:secp521r1"]] as const;
  for (const [kind, option] of kinds) {
    const made = await new Deno.Command("openssl", {
      args: ["req", "-x509", "-newkey", kind, "-pkeyopt", option, "-nodes", "-subj", "/CN=h"].concat(
        ["-days", "2", "-keyout", `${folder}/key`, "-out", `${folder}/certificate`],
      ),
      stderr: "null",
    }).output();
    assert.ok(made.success);
    const [certificate, key] = [
      await Deno.readTextFile(`${folder}/certificate`),
      await Deno.readTextFile(`${folder}/key`),
    ];
    const server = serverTlsSessions(certificate, key).create();
    const client = clientTlsSessions().create();
    shake(client, server);
    assert.deepEqual(client.serverKey, server.serverKey);
    assert.equal(client.serverKey[0], 0x30);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a record that is changed, cut, repeated or closes the connection is an error, and the session is over", async () => {
  const changes: Record<string, (records: Uint8Array) => Uint8Array> = {
    changed: (records) => records.with(20, records[20]! ^ 1),
    cut: (records) => records.subarray(0, -1),
    repeated: (records) => Uint8Array.of(...records, ...records),
  };
  for (const change of Object.values(changes)) {
    const { client, server } = await pair();
    shake(client, server);
    const records = client.encrypt(text("hello, this is a message"));
    assert.throws(() => server.decrypt(change(records)), { code: "TlsFailed" });
    assert.throws(() => server.decrypt(client.encrypt(text("more"))), TypeError);
  }
});

Deno.test("a handshake that is changed on its way fails, and so does one that is no TLS", async () => {
  const { client, server } = await pair();
  let message = 0;
  assert.throws(
    () => shake(client, server, (bytes) => ++message === 1 ? bytes.with(50, bytes[50]! ^ 1) : bytes),
    { code: "TlsFailed" },
  );
  const other = await pair();
  assert.throws(() => other.server.handshake(text("GET / HTTP/1.1\r\n\r\n")), { code: "TlsFailed" });
});

Deno.test("the platform's own TLS talks to it, with no more than TLS 1.2", async () => {
  const { server } = await pair();
  // A socket whose other end is the session: what the client sends goes through it, and what it gives goes back.
  const listener = createServer((socket) => {
    let open = false;
    socket.on("data", (bytes: Uint8Array) => {
      if (open) {
        const said = new TextDecoder().decode(server.decrypt(bytes.slice()));
        socket.end(server.encrypt(text(`echo ${said}`)));
      } else {
        const step = server.handshake(bytes.slice());
        open = step.done;
        socket.write(step.output);
      }
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const answer = await new Promise<string>((resolve, reject) => {
    const client: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      assert.equal(client.getProtocol(), "TLSv1.2");
      client.write("hello");
    });
    client.on("data", (bytes: Uint8Array) => {
      resolve(new TextDecoder().decode(bytes));
      client.destroy();
    });
    client.on("error", reject);
  });
  assert.equal(answer, "echo hello");
  await new Promise((resolve) => listener.close(resolve));
});

Deno.test("a certificate that cannot be used is refused with its reason", async () => {
  const { certificate } = await pair();
  const { key } = await pair();
  assert.throws(() => serverTlsSessions(certificate, key), { code: "CertificateInvalid" });
  assert.throws(() => serverTlsSessions("nothing", key), { code: "CertificateInvalid" });
});
