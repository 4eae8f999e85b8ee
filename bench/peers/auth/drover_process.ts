/**
 * Logons and sealed messages by our own code, both sides in one process: a line of figures for each command on stdin. A process of its
 * own, since MIT's library reads a realm's variables once. PASSWORD [PRINCIPAL KEYTAB]; without a principal there is no Kerberos.
 *
 * - `handshake KIND SECONDS [AT_ONCE]`: count, seconds, seconds of the client, of the service (0 with several at once), processor time
 * - `seal KIND SIZE SECONDS`: bytes, seconds, processor time
 * - `gap KIND|idle SECONDS`, with at most 200 logons a second, 8 at once: longest time in milliseconds for which the event loop was held up, how often more than 5, longest by
 *   processor time and by the clock, logons
 * - `hosts COUNT`: two logons to each host, then two with the next ticket: seconds, then as for `gap`
 * - `silent SECONDS`: logons to a KDC that does not answer; as `gap`, and what they ended in
 * - `memory COUNT`: resident megabytes, the median of each quarter of so many logons of all kinds
 * @module
 */
import { cpuUsage } from "node:process";
import { GssLibrary } from "../../../ffi/gssapi/mod.ts";
import type { SecurityStep } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { credsspPiece } from "../../../protocol/auth/mod.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { Credentials } from "../../../runtime/security/kerberos/credentials.ts";
import { KerberosInitiator } from "../../../runtime/security/kerberos/initiator.ts";
import { openServiceKeys } from "../../../runtime/security/kerberos/mod.ts";
import { serverTlsSessions } from "../../../runtime/security/tls_session.ts";
import { computations, dispose, handshake, type Kind, pairs, type Times } from "./kinds.ts";

const [password, principal, keytab] = Deno.args as [string, string?, string?];
const { certificate, key } = await createSelfSigned(["web01"], Date.now());
const make = pairs({
  password,
  tls: serverTlsSessions(certificate, key),
  ...(principal === undefined || keytab === undefined
    ? {}
    : { kerberos: { principal, keys: await openServiceKeys(keytab) } }),
});
const computed = computations(password);
const allKinds: readonly Kind[] = ["ntlm", "negotiate-ntlm", "kerberos", "negotiate-kerberos", "credssp"];

/** Sends a byte to ourselves over a connection and waits for it: steps begin when the network says so, not one behind the other. */
type Wire = () => Promise<void>;

/** Runs `use` with so many wires. */
async function withWires(count: number, use: (wires: readonly Wire[]) => Promise<void>): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const wires: Wire[] = [];
  for (let i = 0; i < count; i++) {
    const [far, near] = await Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    ]);
    connections.push(far, near);
    const byte = new Uint8Array(1);
    wires.push(async () => {
      await near.write(byte);
      await far.read(byte);
    });
  }
  try {
    await use(wires);
  } finally {
    for (const connection of connections) connection.close();
  }
}

const secondsSince = (begin: number) => (performance.now() - begin) / 1000;

async function handshakes(kind: string, seconds: number, atOnce: number): Promise<readonly number[]> {
  const times: Times = { client: 0, service: 0 };
  let count = 0;
  const used = cpuUsage();
  const begin = performance.now();
  if (kind === "basic" || kind === "digest") {
    for (; secondsSince(begin) < seconds; count++) computed[kind](times);
  } else {
    const work = async () => {
      for (; secondsSince(begin) < seconds; count++) dispose(await handshake(() => make(kind as Kind), times));
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }
  const elapsed = secondsSince(begin);
  const { user, system } = cpuUsage(used);
  const sides = atOnce === 1 ? [times.client, times.service] : [0, 0];
  return [count, elapsed, ...sides, (user + system) / 1e6];
}

async function seals(kind: Kind, size: number, seconds: number): Promise<readonly number[]> {
  const { client, service } = await handshake(() => make(kind), { client: 0, service: 0 });
  const text = new Uint8Array(size).fill(42);
  const piece = kind === "credssp" ? credsspPiece : size;
  let count = 0;
  const used = cpuUsage();
  const begin = performance.now();
  for (; secondsSince(begin) < seconds; count++) {
    for (let at = 0; at < size; at += piece) {
      const part = size <= piece ? text : text.subarray(at, at + piece);
      if (service.unseal(client.seal(part)).length !== part.length) throw new Error("seal: the length is another");
    }
  }
  const elapsed = secondsSince(begin);
  const { user, system } = cpuUsage(used);
  return [count * size, elapsed, (user + system) / 1e6];
}

/** Milliseconds for which this thread was ready to run and others had the processor (Linux; else 0). */
function waited(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Milliseconds for which this thread had a processor. What schedstat has of it is as old as the last tick of the kernel. */
const ran = (() => {
  if (Deno.build.os !== "linux") return () => 0;
  const { symbols } = Deno.dlopen("libc.so.6", {
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  const threadTime = 3;
  return () => {
    symbols.clock_gettime(threadTime, bytes);
    return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
  };
})();

/**
 * Watches the event loop while `run` runs: the longest time between two turns of a timer, without its own millisecond and without the
 * time in which the machine had others run; how many of these were above 5 ms; the longest by processor time, and by the clock alone.
 */
async function watched(run: () => Promise<void>): Promise<readonly number[]> {
  const longest = { gap: 0, busy: 0, clock: 0 };
  let late = 0;
  let last = performance.now();
  let ranBefore = ran();
  let waitedBefore = waited();
  const timer = setInterval(() => {
    const now = performance.now();
    const [ranNow, waitedNow] = [ran(), waited()];
    const clock = now - last - 1;
    const gap = clock - (waitedNow - waitedBefore);
    longest.clock = Math.max(longest.clock, clock);
    longest.gap = Math.max(longest.gap, gap);
    longest.busy = Math.max(longest.busy, ranNow - ranBefore);
    if (gap > 5) late++;
    [last, ranBefore, waitedBefore] = [now, ranNow, waitedNow];
  }, 1);
  await run();
  clearInterval(timer);
  return [longest.gap, late, longest.busy, longest.clock];
}

async function gap(kind: string, seconds: number): Promise<readonly number[]> {
  let count = 0;
  const figures = await watched(async () => {
    const begin = performance.now();
    if (kind === "idle") return await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const work = async (wire: Wire, i: number) => {
      // Not all in step: eight logons in one turn of the loop would count as one.
      await new Promise((resolve) => setTimeout(resolve, 5 * i));
      for (; secondsSince(begin) < seconds; count++) {
        const pause = new Promise((resolve) => setTimeout(resolve, 40));
        await wire();
        dispose(await handshake(() => make(kind as Kind), { client: 0, service: 0 }, wire));
        await pause;
      }
    };
    await withWires(8, async (wires) => void await Promise.all(wires.map(work)));
  });
  return [...figures, count];
}

/** First steps of logons with Kerberos to hosts that are not there, 64 at once. */
async function initiate(credentials: Credentials, hosts: readonly string[]): Promise<readonly SecurityStep[]> {
  const library = GssLibrary.load(undefined);
  const source = { kind: "password", principal: principal!, password: new Secret(password) } as const;
  const outcomes: SecurityStep[] = [];
  const waiting = hosts.values();
  const work = async (wire: Wire) => {
    for (const host of waiting) {
      await wire();
      const logon = { source, service: "HTTP", host, delegate: false, bindings: undefined };
      const context = new KerberosInitiator(library, credentials, logon);
      outcomes.push(await new Promise<SecurityStep>((resolve) => context.step(undefined, resolve)));
      context.dispose();
    }
  };
  await withWires(64, async (wires) => void await Promise.all(wires.map(work)));
  return outcomes;
}

async function hosts(count: number): Promise<readonly number[]> {
  let forward = 0;
  const credentials = new Credentials(GssLibrary.load(undefined), {
    monotonic: () => performance.now() + forward,
  });
  const all = Array.from({ length: count }, (_, i) => `host${i}`);
  const begin = performance.now();
  const figures = await watched(async () => {
    for (const ahead of [0, 36_000_000 - 200_000]) {
      // The second time the tickets, which live for ten hours, are about to end.
      forward = ahead;
      for (const outcome of await initiate(credentials, [...all, ...all])) {
        if (outcome.kind === "failed") throw outcome.error;
      }
    }
  });
  return [secondsSince(begin), ...figures];
}

async function silent(seconds: number): Promise<readonly (number | string)[]> {
  const ended = new Set<string>();
  const figures = await watched(async () => {
    const credentials = new Credentials(GssLibrary.load(undefined));
    const hosts = Array.from({ length: 20 }, (_, i) => `host${i}`);
    const over = initiate(credentials, hosts).then((outcomes) => {
      for (const outcome of outcomes) ended.add(outcome.kind === "failed" ? outcome.error.code : outcome.kind);
    });
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, seconds * 1000))]);
  });
  return [...figures, [...ended].join("+") || "waiting"];
}

async function memory(count: number): Promise<readonly number[]> {
  const quarters: number[][] = [[], [], [], []];
  for (let done = 0; done < count; done += allKinds.length) {
    for (const kind of allKinds) dispose(await handshake(() => make(kind), { client: 0, service: 0 }));
    if (done % 100 === 0) quarters[Math.floor(4 * done / count)]!.push(Deno.memoryUsage().rss / 1e6);
  }
  return quarters.map((samples) => samples.sort((a, b) => a - b)[samples.length >> 1] ?? 0);
}

async function run(command: string, rest: readonly string[]): Promise<readonly (number | string)[]> {
  const [first = "", second = "", third = ""] = rest;
  switch (command) {
    case "handshake":
      return await handshakes(first, Number(second), Number(third || 1));
    case "seal":
      return await seals(first as Kind, Number(second), Number(third));
    case "gap":
      return await gap(first, Number(second));
    case "hosts":
      return await hosts(Number(first));
    case "silent":
      return await silent(Number(first));
    case "memory":
      return await memory(Number(first));
    default:
      throw new Error(`there is no ${command}`);
  }
}

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    const [command = "", ...words] = line.split(" ");
    try {
      console.log((await run(command, words)).join(" "));
    } catch (error) {
      console.log(`error ${error instanceof Error ? error.message : error}`);
    }
  }
}
// Calls to a KDC that does not answer are still under way; nobody waits for them.
Deno.exit(0);
