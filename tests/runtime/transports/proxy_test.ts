/** Proxies that do not do what they should. A real one is in tests/auth/certificate_test.ts. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { createConnector } from "../../../runtime/transports/mod.ts";
import { Recorder } from "./recorder.ts";

/** Answers every connection's first bytes with `answer`, then holds or closes it; gives what it was asked. */
function proxy(
  answer: string,
  close: boolean,
): Disposable & { readonly port: number; readonly asked: string[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const conns: Deno.Conn[] = [];
  (async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(4_096);
      const count = await conn.read(buffer) ?? 0;
      asked.push(new TextDecoder().decode(buffer.subarray(0, count)));
      await conn.write(new TextEncoder().encode(answer)).catch(() => {});
      if (close) conn.close();
      else conns.push(conn);
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    asked,
    [Symbol.dispose]() {
      listener.close();
      for (const conn of conns) conn.close();
    },
  };
}

async function outcome(port: number, timeoutMs = 60_000): Promise<string> {
  const side = new Recorder();
  const credential = { user: "clerk", password: new Secret("pw") };
  const target = { host: "fe80::5", port: 5985, timeoutMs, proxy: { host: "127.0.0.1", port, credential } };
  side.connection = createConnector().connect(target, side);
  const opened = side.opened.promise.then(() => "open");
  const result = await Promise.race([opened, side.closed.promise.then((error) => error?.code ?? "in order")]);
  side.connection.abort();
  const error = await side.closed.promise;
  assert.ok(!error?.message.includes("pw"), error?.message ?? "");
  return result;
}

for (
  const [what, answer, close, expected] of [
    ["opens the tunnel", "HTTP/1.1 200 Connection established\r\n\r\n", false, "open"],
    [
      "opens it with a length that means nothing",
      "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
      false,
      "open",
    ],
    [
      "wants a logon and then another",
      "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n",
      false,
      "ProxyAuthenticationRequired",
    ],
    ["does not let us", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, "ProxyDenied"],
    [
      "does not reach the host",
      "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
      false,
      "ProxyFailed",
    ],
    ["speaks before the host can have", "HTTP/1.1 200 OK\r\n\r\nSSH-2.0", false, "ProxyFailed"],
    ["is no proxy", "SSH-2.0-OpenSSH_9\r\n", false, "ProxyFailed"],
    ["closes", "", true, "ProxyFailed"],
    ["says too much", `HTTP/1.1 200 OK\r\n${`X: ${"a".repeat(900)}\r\n`.repeat(100)}`, false, "ProxyFailed"],
    ["never ends its answer", "HTTP/1.1 200", false, "ConnectTimeout"],
  ] as const
) {
  Deno.test(`a proxy that ${what}: ${expected}`, async () => {
    using server = proxy(answer, close);
    assert.equal(await outcome(server.port, expected === "ConnectTimeout" ? 2_000 : 60_000), expected);
    assert.match(server.asked[0]!, /^CONNECT \[fe80::5\]:5985 HTTP\/1\.1\r\nHost: \[fe80::5\]:5985\r\n/);
    // Who has not asked for a password is told nothing of one.
    assert.doesNotMatch(server.asked[0]!, /Authorization/);
  });
}

Deno.test("a proxy that is not there", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  assert.equal(await outcome(port), "ProxyUnreachable");
});
