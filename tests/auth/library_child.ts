// What has to happen in a process that has the realm's variables from its start: usage: library_child.ts SCENARIO KEYTAB
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { GssLibrary } from "../../ffi/gssapi/mod.ts";
import type { DroverError } from "../../protocol/errors.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { Secret } from "../../protocol/secret.ts";
import { Credentials } from "../../runtime/security/kerberos/credentials.ts";
import {
  createKerberosInitiator,
  KerberosAcceptor,
  type KerberosLogon,
  openServiceKeys,
} from "../../runtime/security/kerberos/mod.ts";
import { password, principal, python } from "./world.ts";

const [scenario, keytab] = Deno.args as [string, string];

function logon(changes: Partial<KerberosLogon> = {}): KerberosLogon {
  return {
    source: { kind: "password", principal, password: new Secret(password) },
    service: "HTTP",
    host: "localhost",
    delegate: false,
    bindings: undefined,
    ...changes,
  };
}

function step(context: SecurityContext, token?: Uint8Array): Promise<SecurityStep> {
  return new Promise((resolve) => context.step(token, resolve));
}

async function failure(outcome: Promise<SecurityStep>): Promise<DroverError> {
  const ended = await outcome;
  assert.ok(ended.kind === "failed", `it ended in ${ended.kind}`);
  return ended.error;
}

function tokenOf(outcome: SecurityStep): Uint8Array {
  if (outcome.kind === "failed") throw outcome.error;
  assert.ok(outcome.token !== undefined);
  return outcome.token;
}

interface Pair {
  readonly client: SecurityContext;
  readonly server: KerberosAcceptor;
}

/** Both sides of a logon that has succeeded. */
async function pair(changes: Partial<KerberosLogon> = {}, bindings?: Uint8Array): Promise<Pair> {
  const client = createKerberosInitiator(logon(changes));
  const server = new KerberosAcceptor(await openServiceKeys(keytab), bindings);
  const answer = tokenOf(await step(server, tokenOf(await step(client))));
  const end = await step(client, answer);
  if (end.kind === "failed") throw end.error;
  assert.ok(client.established && server.established);
  return { client, server };
}

const text = new TextEncoder().encode("<s:Envelope>Grüße</s:Envelope>");

/** An error of `unseal` with its code. */
function refused(context: SecurityContext, sealed: Uint8Array): string {
  try {
    context.unseal(sealed);
  } catch (error) {
    return (error as DroverError).code;
  }
  return "opened";
}

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  async sealing() {
    const { client, server } = await pair();
    assert.equal(server.principal, principal);
    assert.equal(server.localName, "alice");
    for (const [from, to] of [[client, server], [server, client], [client, server]] as const) {
      for (const length of [0, 1, 15, 16, 17, text.length, 150_000]) {
        const plaintext = new Uint8Array(length).map((_, i) => i * 31);
        const before = plaintext.slice();
        const sealed = from.seal(plaintext);
        assert.deepEqual(plaintext, before, "seal must leave its input alone");
        const copy = sealed.slice();
        assert.deepEqual(to.unseal(sealed), plaintext);
        assert.deepEqual(sealed, copy, "unseal must leave its input alone");
      }
    }
    // Messages of many lengths that are in hand at the same time.
    const plaintexts = Array.from({ length: 200 }, (_, i) => new Uint8Array(17 * i).fill(i));
    const opened = plaintexts.map((plaintext) => client.seal(plaintext)).map((sealed) =>
      server.unseal(sealed)
    );
    assert.deepEqual(opened, plaintexts);
    const sealed = client.seal(text);
    const view = new DataView(sealed.buffer, sealed.byteOffset);
    // Windows' own layout (FACTS, sealed messages): the length of the token, no padding, the ciphertext as long as the text.
    assert.equal(view.getUint32(0, true), sealed.length - text.length - 4);
    assert.equal(view.getUint16(4), 0x0504);
    assert.equal(view.getUint16(8), 0, "EC");
    const rrc = view.getUint16(10);
    assert.equal(rrc, view.getUint32(0, true) - 32);
    // The same message as a peer sends it that does not rotate.
    const straight = sealed.slice();
    const body = sealed.subarray(20);
    straight.set([...body.subarray(rrc), ...body.subarray(0, rrc)], 20);
    new DataView(straight.buffer).setUint16(10, 0);
    assert.deepEqual(server.unseal(straight), text);
  },

  async broken() {
    // Each broken message has a logon of its own: after one nothing more is opened.
    for (const at of [0, 3, 4, 5, 6, 8, 13, 20, 40, 64, 70, 90]) {
      const { client, server } = await pair();
      const sealed = client.seal(text);
      sealed[at]! ^= 1;
      // A length that is off by one bit stays without meaning as long as it lies inside the message.
      if (at === 0) {
        assert.deepEqual(server.unseal(sealed), text);
        continue;
      }
      assert.match(refused(server, sealed), /^Seal(Broken|Malformed)$/, `a changed byte at ${at}`);
      assert.equal(refused(server, client.seal(text)), "SealBroken");
    }
    for (const cut of [0, 3, 4, 19, 63, 64, 80]) {
      const { client, server } = await pair();
      assert.match(refused(server, client.seal(text).subarray(0, cut)), /^Seal(Broken|Malformed)$/);
    }
    const twice = await pair();
    const message = twice.client.seal(text);
    twice.server.unseal(message);
    assert.equal(refused(twice.server, message), "SealBroken");
    const crossed = await pair();
    const first = crossed.client.seal(text);
    assert.equal(refused(crossed.server, crossed.client.seal(text)), "SealBroken", "a gap");
    assert.equal(refused(crossed.server, first), "SealBroken");
    const reflected = await pair();
    assert.match(refused(reflected.client, reflected.client.seal(text)), /^Seal(Broken|Malformed)$/);
    const stranger = await pair();
    assert.match(refused(stranger.server, (await pair()).client.seal(text)), /^Seal(Broken|Malformed)$/);
    stranger.client.dispose();
    assert.throws(() => stranger.client.seal(text), { code: "NotSealing" });
  },

  /** A client that is not ours signs a message and leaves it readable. */
  async signedOnly() {
    const script = fileURLToPath(new URL("../interop/peers/spnego_peer.py", import.meta.url));
    const child = new Deno.Command(python!, {
      args: [script, "client", "kerberos", principal],
      env: { SPNEGO_PEER_PASSWORD: password, SPNEGO_PEER_HOST: "localhost" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const ask = async (line: string): Promise<string[]> => {
      await writer.write(new TextEncoder().encode(`${line}\n`));
      let said = "";
      while (!said.includes("\n")) said += (await reader.read()).value ?? "\n";
      return said.trim().split(" ");
    };
    const server = new KerberosAcceptor(await openServiceKeys(keytab), undefined);
    const [, token] = await ask("step -");
    const answer = tokenOf(await step(server, Uint8Array.fromHex(token!)));
    assert.equal((await ask(`step ${answer.toHex()}`))[2], "complete");
    const [, header, data] = await ask(`wrap ${text.toHex()}`);
    const length = new Uint8Array([header!.length / 2, 0, 0, 0]).toHex();
    assert.deepEqual(server.unseal(Uint8Array.fromHex(length + header + data)), text);
    const sealed = server.seal(text).toHex();
    assert.equal(
      (await ask(`unwrap ${sealed.slice(8, 8 + header!.length)} ${sealed.slice(8 + header!.length)}`))[1],
      text.toHex(),
    );
    const [, signed] = await ask(`sign ${text.toHex()}`);
    assert.ok(signed!.includes(text.toHex()), "it has to be readable");
    assert.equal(refused(server, Uint8Array.fromHex(`10000000${signed}`)), "SealBroken");
    await writer.close();
    await child.status;
  },

  async bindings() {
    const ours = new TextEncoder().encode("tls-server-end-point:0123456789abcdef");
    const other = new TextEncoder().encode("tls-server-end-point:another");
    assert.equal((await pair({ bindings: ours }, ours)).server.channelBound, true);
    assert.equal((await pair({}, ours)).server.channelBound, false);
    await assert.rejects(pair({ bindings: other }, ours), { code: "ChannelBinding" });
  },

  async tickets() {
    // More than share one cache.
    const hosts = ["localhost", ...Array.from({ length: 39 }, (_, i) => `web${i + 1}`)];
    const first = hosts.flatMap((host) =>
      Array.from({ length: 3 }, () => createKerberosInitiator(logon({ host })))
    );
    await Promise.all(first.map(async (context) => tokenOf(await step(context))));
    for (const context of first) context.dispose();
    const more = hosts.map((host) => createKerberosInitiator(logon({ host })));
    await Promise.all(more.map(async (context) => tokenOf(await step(context))));
  },

  async renewal() {
    let now = 0;
    const credentials = new Credentials(GssLibrary.load(undefined), { monotonic: () => now });
    const { source } = logon();
    const first = await credentials.login(source);
    assert.equal(await credentials.login(source), first);
    // Tickets of the realm live for ten hours, and are got anew five minutes before.
    now += (36_000 - 310) * 1000;
    assert.equal(await credentials.login(source), first);
    now += 20_000;
    const [second, same] = await Promise.all([credentials.login(source), credentials.login(source)]);
    assert.notEqual(second, first);
    assert.equal(second, same);
  },

  /** Logs on for three lives of a ticket. */
  async shortLives() {
    const [life, file, cache] = Deno.args.slice(2) as [string, string, string];
    const lifeMs = Number(life) * 1000;
    const until = Date.now() + 3.2 * lifeMs;
    const again = async (source: KerberosLogon["source"]) => {
      while (Date.now() < until) {
        const { client, server } = await pair({ source });
        assert.ok(client.lifetimeMs! <= lifeMs);
        // A service allows for clocks that differ, here by as much again.
        assert.ok(server.lifetimeMs! > 0 && server.lifetimeMs! <= 2 * lifeMs);
        server.unseal(client.seal(text));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await Promise.all([
      again(logon().source),
      again({ kind: "keytab", file, principal }),
      again({ kind: "ccache", cache, principal }).then(
        () => assert.fail("tickets of kinit last for ever"),
        (error) => assert.equal(error.code, "KerberosTicketExpired"),
      ),
    ]);
  },

  async lockout() {
    const source = { kind: "password", principal, password: new Secret("wrong") } as const;
    const tries = Array.from({ length: 20 }, () => createKerberosInitiator(logon({ source })));
    for (const error of await Promise.all(tries.map((context) => failure(step(context))))) {
      assert.equal(error.code, "KerberosWrongPassword");
    }
    assert.equal(
      (await failure(step(createKerberosInitiator(logon({ source }))))).code,
      "KerberosWrongPassword",
    );
  },

  async silent() {
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    const contexts = [1, 2, 3].map(() => createKerberosInitiator(logon()));
    for (const error of await Promise.all(contexts.map((context) => failure(step(context))))) {
      assert.equal(error.code, "KdcTimeout");
    }
    clearInterval(ticking);
    assert.ok(ticks > 20, `the process was held up: ${ticks} ticks`);
    // The calls are still under way; nobody waits for them.
    Deno.exit(0);
  },

  /** A service without a ticket waits for a KDC that is silent; those with one do not. Says when the KDC is to fall silent. */
  async partlySilent() {
    const known = (): SecurityContext => createKerberosInitiator(logon());
    tokenOf(await step(known()));
    console.log("ready");
    await Deno.stdin.read(new Uint8Array(1));
    const waiting = step(createKerberosInitiator(logon({ host: "web1" })));
    let over = false;
    waiting.then(() => over = true);
    for (let i = 0; i < 20; i++) tokenOf(await step(known()));
    await Promise.all(Array.from({ length: 20 }, async () => tokenOf(await step(known()))));
    assert.ok(!over, "somebody waited for the KDC");
    Deno.exit(0);
  },

  async disposal() {
    const context = createKerberosInitiator(logon());
    const outcome = failure(step(context));
    context.dispose();
    context.dispose();
    assert.equal((await outcome).code, "ContextDisposed");
    assert.equal((await failure(step(context))).code, "ContextOver");
    const { client, server } = await pair();
    client.dispose();
    server.dispose();
    server.dispose();
    assert.equal(server.principal, undefined);
  },

  async order() {
    const client = createKerberosInitiator(logon());
    assert.equal((await failure(step(client, new Uint8Array([1])))).code, "KerberosOutOfOrder");
    const keys = await openServiceKeys(keytab);
    for (
      const token of [
        new Uint8Array(0),
        new Uint8Array([0x60, 0x02, 0x06, 0x00]),
        new TextEncoder().encode("NTLMSSP\0"),
      ]
    ) {
      assert.equal(
        (await failure(step(new KerberosAcceptor(keys, undefined), token))).code,
        "KerberosMalformed",
      );
    }
    const good = tokenOf(await step(createKerberosInitiator(logon())));
    for (const at of [good.length >> 1, good.length - 40, good.length - 1]) {
      const bad = good.slice();
      bad[at]! ^= 1;
      const error = await failure(step(new KerberosAcceptor(keys, undefined), bad));
      assert.match(error.code, /^Kerberos/);
    }
    tokenOf(await step(new KerberosAcceptor(keys, undefined), good));
    const replayed = await failure(step(new KerberosAcceptor(keys, undefined), good));
    assert.equal(replayed.code, "KerberosReplay");
  },

  async late() {
    const token = tokenOf(await step(createKerberosInitiator(logon())));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const server = new KerberosAcceptor(await openServiceKeys(keytab), undefined);
    console.log((await failure(step(server, token))).code);
  },

  async refusal() {
    const error = await failure(step(createKerberosInitiator(logon())));
    console.log(error.code);
  },

  async weak() {
    const client = createKerberosInitiator(logon());
    const server = new KerberosAcceptor(await openServiceKeys(keytab), undefined);
    const answer = tokenOf(await step(server, tokenOf(await step(client))));
    console.log((await failure(step(client, answer))).code);
  },
};

await scenarios[scenario]!();
