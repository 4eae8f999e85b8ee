// Both sides of our NTLM and SPNEGO against pyspnego's. Needs a Python with pyspnego in DROVER_INTEROP_PYTHON.
import assert from "node:assert/strict";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { Secret } from "../../protocol/secret.ts";
import {
  createNegotiateAcceptor,
  createNegotiateInitiator,
  ntHash,
  splitUserName,
} from "../../protocol/auth/mod.ts";
import { bytes, SpnegoPeer, spnegoPresent } from "./spnego_peer.ts";

const ignore = !spnegoPresent;
const password = "Pässw0rd€!";

function step(context: SecurityContext, token: Uint8Array | undefined): SecurityStep {
  let outcome: SecurityStep | undefined;
  context.step(token, (result) => outcome = result);
  return outcome!;
}

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const now = () => Date.now();

/** Messages of many sizes, both ways and in turns, as on one connection. */
async function exchangeMessages(context: SecurityContext, peer: SpnegoPeer): Promise<void> {
  for (const size of [0, 1, 17, 4_096, 70_000]) {
    const message = new Uint8Array(size).map((_, i) => i * 7 & 255);
    const sealed = context.seal(message);
    assert.deepEqual(sealed.subarray(0, 4), new Uint8Array([16, 0, 0, 0]));
    const [plain] = await peer.ask("unwrap", sealed.subarray(4, 20), sealed.subarray(20));
    assert.deepEqual(bytes(plain), message);
    const [header, data] = await peer.ask("wrap", message);
    assert.deepEqual(context.unseal(Uint8Array.fromHex("10000000" + header + bytes(data).toHex())), message);
  }
}

function acceptor() {
  return createNegotiateAcceptor({
    ntHash: (username, domain) =>
      username.toLowerCase() === "jörg" && domain === "DOM" ? ntHash(new Secret(password)) : undefined,
    computerName: "WEB01",
    domainName: "DOM",
    dnsComputerName: "web01.example",
    random,
    now,
  });
}

for (const protocol of ["ntlm", "negotiate"] as const) {
  Deno.test({
    name: `pyspnego as the client of our service logs on and exchanges sealed messages (${protocol})`,
    ignore,
    async fn() {
      const env = { SPNEGO_PEER_PASSWORD: password, SPNEGO_PEER_BINDINGS: "tls-server-end-point:x" };
      await using peer = new SpnegoPeer("client", protocol, "DOM\\jörg", env);
      const context = acceptor();
      let theirs = await peer.step(undefined);
      for (let legs = 0; !context.established; legs++) {
        assert.ok(legs < 4);
        const ours = step(context, theirs.token);
        assert.ok(ours.kind !== "failed", String(ours.kind === "failed" && ours.error));
        if (ours.token !== undefined) theirs = await peer.step(ours.token);
      }
      assert.ok(theirs.complete);
      assert.equal(context.principal, "DOM\\jörg");
      assert.equal(context.channelBinding?.length, 16);
      await exchangeMessages(context, peer);
    },
  });

  Deno.test({
    name: `pyspnego as the client of our service is refused with a wrong password (${protocol})`,
    ignore,
    async fn() {
      await using peer = new SpnegoPeer("client", protocol, "DOM\\jörg", { SPNEGO_PEER_PASSWORD: "wrong" });
      const context = acceptor();
      const challenge = step(context, (await peer.step(undefined)).token);
      assert.ok(challenge.kind === "continue");
      const refused = step(context, (await peer.step(challenge.token)).token);
      assert.ok(refused.kind === "failed" && refused.error.code === "NtlmDenied");
      assert.equal(context.established, false);
    },
  });

  Deno.test({
    name: `our client logs on to pyspnego as the server and exchanges sealed messages (${protocol})`,
    ignore,
    async fn() {
      const accounts = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(accounts, `DOM:jörg:${password}\n`);
        await using peer = new SpnegoPeer("server", protocol, "-", { NTLM_USER_FILE: accounts });
        const context = createNegotiateInitiator({
          credential: { ...splitUserName("DOM\\jörg"), password: new Secret(password) },
          workstation: "CLIENT",
          targetName: "HTTP/web01",
          random,
          now,
          wrap: protocol === "ntlm" ? "raw" : "spnego",
        });
        let ours = step(context, undefined);
        for (let legs = 0; ours.kind !== "failed" && ours.token !== undefined; legs++) {
          assert.ok(legs < 4);
          const theirs = await peer.step(ours.token);
          if (ours.kind === "done") break;
          ours = step(context, theirs.token);
        }
        assert.ok(context.established, String(ours.kind === "failed" && ours.error));
        await exchangeMessages(context, peer);
      } finally {
        await Deno.remove(accounts);
      }
    },
  });
}
