/**
 * A service in a process of its own under attack over real sockets. A well-behaved client runs commands all the while;
 * afterwards there are as many actors, timers, descriptors and processes as before, and not much more memory.
 */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import { own, processesWith, until } from "../os/process_recorder.ts";
import { TestClient } from "./client.ts";

const victim = new URL("./victim.ts", import.meta.url).pathname;
const soap = "application/soap+xml;charset=UTF-8";
const basic = `Basic ${utf8("alice:s3cret pw").toBase64()}`;
const options = { ignore: Deno.build.os !== "linux", sanitizeResources: false };

interface Health {
  readonly actors: number;
  readonly timers: number;
  readonly descriptors: number;
  readonly rss: number;
  /** Bytes that the engine cannot let go of. */
  readonly held: number;
  readonly crashes: readonly string[];
}

/** Bytes that an attack may leave to be held, and by which the process may grow. */
const mostHeld = 20_000_000;
const mostGrown = 600_000_000;

/** The service's process. */
class Victim implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #text = "";
  #pool: Deno.HttpClient | undefined;
  plain = 0;
  secure = 0;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", victim],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
    ).getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  static async start(): Promise<Victim> {
    const service = new Victim();
    Object.assign(service, JSON.parse(await service.#line()));
    return service;
  }

  get client(): TestClient {
    const url = `http://127.0.0.1:${this.plain}/wsman`;
    return new TestClient(url, "alice", "s3cret pw", this.#pool ??= Deno.createHttpClient({}));
  }

  get pid(): number {
    return this.#child.pid;
  }

  async health(): Promise<Health> {
    await this.#input.write(utf8("?\n"));
    return JSON.parse(await this.#line());
  }

  /** Closes the connections of our clients. */
  hangUp(): void {
    this.#pool?.close();
    this.#pool = undefined;
  }

  /** The health once what a moment must still end has ended. */
  async settled(before: Pick<Health, "actors" | "timers" | "descriptors" | "held">): Promise<Health> {
    for (let i = 0;; i++) {
      const health = await this.health();
      const calm = health.actors <= before.actors && health.timers <= before.timers &&
        health.descriptors <= before.descriptors + 4 && health.held < before.held + mostHeld;
      if (calm || i === 600) return health;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  connect(port = this.plain): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port });
  }

  kill(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    this.#child.kill(signal);
    return this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await this.#input.close().catch(() => {});
    await this.#child.status;
    await this.#lines.cancel();
  }

  async #line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the service has ended");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }
}

/** Runs one command after another until it is told to stop; the answers are right. */
async function bystander(service: Victim, stop: AbortSignal, ready: () => void): Promise<void> {
  const client = service.client;
  const shell = await client.open();
  ready();
  let count = 0;
  for (; !stop.aborted || count === 0; count++) {
    const { stdout, exitCode } = await client.run(shell, `echo ${count}; exit 3`);
    assert.deepEqual([stdout, exitCode], [`${count}\n`, 3]);
  }
  await client.delete(shell);
}

/** Attacks while the bystander works, and checks that all is as before. */
async function attack(run: (service: Victim) => Promise<void>): Promise<void> {
  await using service = await Victim.start();
  // Whatever is made once is made now.
  const warm = service.client;
  const shell = await warm.open();
  await warm.run(shell, "true");
  await warm.delete(shell);
  service.hangUp();
  // Root, dispatcher, two listeners.
  const before = await service.settled({ actors: 4, timers: 0, descriptors: Infinity, held: Infinity });
  assert.deepEqual([before.actors, before.timers], [4, 0]);
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const work = bystander(service, stop.signal, begun.resolve);
  try {
    await Promise.race([begun.promise, work]);
    await run(service);
  } finally {
    stop.abort();
    await work;
    service.hangUp();
  }
  const after = await service.settled(before);
  assert.deepEqual(after.crashes, []);
  assert.deepEqual([after.actors, after.timers], [before.actors, before.timers]);
  assert.ok(
    after.descriptors <= before.descriptors + 4,
    `descriptors ${before.descriptors} → ${after.descriptors}`,
  );
  assert.ok(after.held < before.held + mostHeld, `what is held: ${before.held} → ${after.held} bytes`);
  // What was freed is the allocator's to keep: a hundred megabytes of it are usual, and more where there are more cores.
  assert.ok(after.rss < before.rss + mostGrown, `the process: ${before.rss} → ${after.rss} bytes`);
}

async function send(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** All that the service says until it closes. */
async function drain(conn: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65_536);
  const decoder = new TextDecoder();
  try {
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  } catch {
    // A reset is an end as well.
  }
  return text;
}

/** Whether a process waits for something, or is gone. */
function sleeps(pid: number): boolean {
  try {
    return /^State:\s+[SDZ]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return true;
  }
}

function head(length: number, authorization = basic): Uint8Array {
  return utf8(
    `POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Type: ${soap}\r\nAuthorization: ${authorization}\r\n` +
      `Content-Length: ${length}\r\n\r\n`,
  );
}

Deno.test(
  "a thousand connections that never log on, on both listeners, keep nobody out",
  options,
  async () => {
    await attack(async (service) => {
      const held: Deno.Conn[] = [];
      for (let i = 0; i < 1000; i++) {
        const conn = await service.connect(i % 2 === 0 ? service.plain : service.secure);
        held.push(conn);
        if (i % 4 === 0) await conn.write(utf8("POST /wsman HTTP/1.1\r\nX: ")).catch(() => {});
        if (i % 4 === 1) await conn.write(new Uint8Array([0x16, 3, 1, 2, 0, 1])).catch(() => {});
        if (i % 50 !== 49) continue;
        // Full of young connections the service may say 503, or nothing, but for no longer than a moment.
        for (let answer = ""; !answer.startsWith("HTTP/1.1 401");) {
          const newcomer = await service.connect();
          await send(newcomer, head(0, "Basic AAAA"));
          answer = await drain(newcomer);
          newcomer.close();
          assert.match(answer, /^(HTTP\/1\.1 (401|503)|$)/);
        }
      }
      for (const conn of held) conn.close();
    });
  },
);

Deno.test("connections that are reset at any byte of a request leave nothing", options, async () => {
  await attack(async (service) => {
    const client = service.client;
    const bytes = client.envelope(actions.create, "<rsp:Shell/>");
    const message = new Uint8Array([...head(bytes.length, "Basic AAAA"), ...bytes]);
    for (let at = 0; at < message.length; at += 7) {
      const conn = await service.connect();
      await send(conn, message.subarray(0, at));
      conn.close();
    }
  });
});

Deno.test(
  "clients that leave in the middle of large answers, and slow readers, leave no process",
  options,
  async () => {
    await attack(async (service) => {
      const client = service.client;
      const shell = await client.open();
      for (let i = 0; i < 20; i++) {
        const command = await client.start(shell, `exec yes ${own(8001)}`);
        const body = client.envelope(
          actions.receive,
          `<rsp:Receive><rsp:DesiredStream CommandId="${command}">stdout stderr</rsp:DesiredStream></rsp:Receive>`,
          shell,
        );
        const conn = await service.connect();
        await send(conn, head(body.length));
        await send(conn, body);
        await conn.read(new Uint8Array(10));
        conn.close();
      }
      // Nobody fetches the rest: every process is stopped by its full pipe, and the service holds little of it.
      await client.delete(shell);
      await until("all are gone", () => processesWith(`yes\0${own(8001)}`).length === 0);
    });
  },
);

Deno.test("floods of wrong passwords and of junk are refused one by one", options, async () => {
  await attack(async (service) => {
    const junk = [
      // Another name each time: who guesses for one name waits longer and longer.
      () => head(5, `Basic ${utf8(`${crypto.randomUUID()}:wrong`).toBase64()}`),
      () => head(5, "Negotiate " + "A".repeat(200_000)),
      () => head(5, `Negotiate ${crypto.getRandomValues(new Uint8Array(2_000)).toBase64()}`),
      () => crypto.getRandomValues(new Uint8Array(5_000)),
      () => utf8("GET / HTTP/1.1\r\n\r\n".repeat(200)),
      () => utf8(`POST /wsman HTTP/1.1\r\nHost: t\r\n${"X: y\r\n".repeat(40_000)}`),
      () =>
        utf8(`POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`),
    ];
    for (let round = 0; round < 60; round++) {
      await Promise.all(junk.map(async (make) => {
        const conn = await service.connect();
        await send(conn, make()).catch(() => {});
        await conn.closeWrite().catch(() => {});
        const text = await drain(conn);
        assert.ok(/^(HTTP\/1\.1 (4|5)\d\d .*|$)/.test(text.split("\r\n")[0]!), text.slice(0, 80));
        assert.ok(!text.includes("HTTP/1.1 2"));
        conn.close();
      }));
    }
  });
});

Deno.test("bodies in chunks of one byte, without a logon, cost no memory", options, async () => {
  await attack(async (service) => {
    const start = utf8(
      `POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Type: ${soap}\r\nWSMANIDENTIFY: unauthenticated\r\n` +
        "Transfer-Encoding: chunked\r\n\r\n",
    );
    const chunks = utf8("1\r\na\r\n".repeat(60_000));
    const conns = await Promise.all(Array.from({ length: 60 }, async () => {
      const conn = await service.connect();
      await send(conn, start);
      await send(conn, chunks);
      return conn;
    }));
    for (const conn of conns) conn.close();
  });
});

Deno.test("output in single bytes that nobody fetches is bounded", options, async () => {
  await attack(async (service) => {
    const client = service.client;
    const shell = await client.open();
    // No other run has this number.
    const pieces = 100_000_000 + Deno.pid;
    await Promise.all(
      Array.from(
        { length: 10 },
        () => client.start(shell, `dd if=/dev/zero bs=1 count=${pieces} 2>/dev/null; sleep ${own(8002)}`),
      ),
    );
    // Ten times 8,192 pieces; each pipe holds 64 KB more.
    const writers = () => processesWith(`dd\0if=/dev/zero\0bs=1\0count=${pieces}`);
    await until("they are stopped", () => writers().length === 10 && writers().every(sleeps));
    await client.delete(shell);
    await until("all are gone", () => processesWith(`sleep\0${own(8002)}`).length === 0);
  });
});

Deno.test(
  "commands that fork, double-fork, ignore signals or close their streams end with their shell",
  options,
  async () => {
    await attack(async (service) => {
      const client = service.client;
      const shell = await client.open();
      const lines = [
        `trap '' TERM INT HUP QUIT; sleep ${own(8101)}; sleep ${own(8101)}`,
        `sleep ${own(8102)} & sleep ${own(8102)} & sleep ${own(8102)}`,
        `exec >&- 2>&- <&-; sleep ${own(8103)}`,
        `i=0; while [ $i -lt 50 ]; do sleep ${own(8105)} & i=$((i+1)); done; wait`,
      ];
      await Promise.all(lines.map((line) => client.start(shell, line)));
      const running = () => [8101, 8102, 8103, 8105].map((n) => processesWith(`sleep\0${own(n)}`).length);
      await until("all run", () => running().every((count) => count > 0));
      await client.delete(shell);
      await until("all are gone", () => running().every((count) => count === 0));
    });
  },
);

for (const [signal, code] of [["SIGTERM", 143], ["SIGKILL", 137]] as const) {
  Deno.test(
    `fifty commands that run when the service gets ${signal} are gone after it`,
    options,
    async () => {
      const service = await Victim.start();
      const client = service.client;
      const sleep = `sleep ${own(8201)}`;
      const running = () => processesWith(`sleep\0${own(8201)}`).length;
      for (let i = 0; i < 5; i++) {
        const shell = await client.open();
        await Promise.all(
          Array.from({ length: 10 }, (_, j) =>
            client.start(
              shell,
              j % 2 === 0 ? `${sleep} & setsid ${sleep}` : `trap '' TERM; ${sleep}; ${sleep}`,
            )),
        );
      }
      await until("all run", () => running() >= 75);
      assert.equal((await service.kill(signal)).code, code);
      await until("all are gone", () => running() === 0);
      await service[Symbol.asyncDispose]();
    },
  );
}
