/**
 * `drover ping` and `drover exec` against a service of foreign parts: Python's HTTP and TLS, pyspnego's NTLM and sealing,
 * ElementTree's XML (peers/winrm_server.py). Windows itself is not to be had here; what it says stands in the corpus.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createSelfSigned } from "../../runtime/security/certificates.ts";
import { until } from "../runtime/cli/drover.ts";
import { beyond, sha256, tenMegabytes } from "./payloads.ts";
import { password, processesWith, user } from "./service_process.ts";

const top = fileURLToPath(new URL("../../", import.meta.url));
const script = fileURLToPath(new URL("peers/winrm_server.py", import.meta.url));
const python = Deno.env.get("DROVER_INTEROP_PYTHON");
const ignore = python === undefined;

/** What a server saw until it ended. */
interface Seen {
  readonly shells_open: number;
  readonly commands: number;
  readonly signals: number;
  readonly sealed: number;
  readonly timeouts: number;
}

/** The foreign service. */
class Server {
  readonly ports: { readonly http: string; readonly https: string };
  readonly certificate: string;
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #folder: string;

  private constructor(
    child: Deno.ChildProcess,
    reader: ReadableStreamDefaultReader<string>,
    folder: string,
    ports: readonly string[],
  ) {
    this.#child = child;
    this.#reader = reader;
    this.#folder = folder;
    this.ports = { http: ports[0]!, https: ports[1]! };
    this.certificate = `${folder}/cert.pem`;
  }

  static async start(): Promise<Server> {
    const folder = await Deno.makeTempDir();
    const { certificate, key } = await createSelfSigned(["localhost", "127.0.0.1"], Date.now());
    await Deno.writeTextFile(`${folder}/cert.pem`, certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, key);
    await Deno.writeTextFile(`${folder}/users`, `:${user}:${password}\n`);
    const child = new Deno.Command(python!, {
      args: [script, `${folder}/cert.pem`, `${folder}/key.pem`, user],
      env: { DROVER_PASSWORD: password, NTLM_USER_FILE: `${folder}/users` },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    return new Server(child, reader, folder, (await line(reader)).split(" "));
  }

  async stop(): Promise<Seen> {
    await this.#child.stdin.close();
    const seen = JSON.parse(await line(this.#reader));
    await this.#reader.read();
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
    return seen;
  }
}

async function line(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  let text = "";
  while (!text.includes("\n")) {
    const { value } = await reader.read();
    if (value === undefined) {
      throw new Error(`run the foreign service: it ended after ${JSON.stringify(text)}`);
    }
    text += value;
  }
  return text.trim();
}

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function drover(args: readonly string[], word = password, stdin?: Uint8Array): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "runtime/cli/main.ts", ...args],
    cwd: top,
    env: { CLIENT_PASSWORD: word },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  if (stdin !== undefined) await writer.write(new Uint8Array(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

let server: Server;
Deno.test.beforeAll(async () => {
  if (!ignore) server = await Server.start();
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  const { shells_open, commands, signals, sealed, timeouts } = await server.stop();
  assert.equal(shells_open, 0, "shells that were not deleted");
  assert.equal(signals, commands, "commands that were not signalled");
  assert.ok(sealed > 0);
  assert.ok(timeouts > 0);
});

interface Outcome {
  readonly run: Run;
  readonly stdout: Uint8Array;
  readonly stderr: string;
  readonly result: {
    readonly status: string;
    readonly exitCode?: number;
    readonly error?: { readonly code: string };
  };
}

interface Line {
  readonly type: string;
  readonly stream: string;
  readonly data?: string;
  readonly base64?: string;
}

async function exec(
  flags: readonly string[],
  command: readonly string[],
  word?: string,
  stdin?: Uint8Array,
): Promise<Outcome> {
  const host = ["--hosts", "127.0.0.1", "--user", user, "--password-env", "CLIENT_PASSWORD", "--json"];
  const input = stdin === undefined ? [] : ["--stdin", "-"];
  const run = await drover(["exec", ...host, ...flags, ...input, "--", ...command], word, stdin);
  const lines: Line[] = run.stdout.trim().split("\n").filter((text) => text !== "").map((text) =>
    JSON.parse(text)
  );
  const bytes = (stream: string) =>
    lines.filter((line) => line.type === "output" && line.stream === stream)
      .map(({ data, base64 }) =>
        data === undefined ? Uint8Array.fromBase64(base64!) : new TextEncoder().encode(data)
      );
  const result = lines.find(({ type }) => type === "result") as unknown as Outcome["result"];
  assert.ok(result !== undefined, run.stderr);
  const stdout = new Uint8Array(await new Blob(bytes("stdout") as BlobPart[]).arrayBuffer());
  return { run, stdout, stderr: await new Blob(bytes("stderr") as BlobPart[]).text(), result };
}

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

for (
  const [name, flags] of [
    ["sealed NTLM over HTTP", () => ["--port", server.ports.http, "--auth", "negotiate"]],
    ["sealed NTLM without SPNEGO over HTTP", () => ["--port", server.ports.http, "--auth", "ntlm"]],
    [
      "NTLM over HTTPS",
      () => ["--port", server.ports.https, "--ssl", "--auth", "negotiate", "--cert-validation", "ignore"],
    ],
    [
      "Basic over HTTPS, its certificate trusted",
      () => ["--port", server.ports.https, "--ssl", "--auth", "basic", "--ca", server.certificate],
    ],
  ] as const
) {
  Deno.test(`drover exec, ${name}: streams, exit code and text beyond ASCII`, { ignore }, async () => {
    const { run, stdout, stderr, result } = await exec(flags(), [`echo ${beyond}; echo err >&2; exit 7`]);
    assert.equal(text(stdout), `${beyond}\n`);
    assert.equal(stderr, "err\n");
    assert.equal(result.status, "failed");
    assert.equal(result.exitCode, 7);
    assert.equal(run.code, 1);
  });

  Deno.test(`drover exec, ${name}: input, and 10 MB of output across silences`, { ignore }, async () => {
    const stdin = tenMegabytes();
    const { stdout, result } = await exec(flags(), ["sleep 1; cat"], password, stdin);
    assert.equal(result.status, "succeeded");
    assert.equal(stdout.length, stdin.length);
    assert.equal(sha256(stdout), sha256(stdin));
  });

  Deno.test(`drover exec, ${name}: a wrong password is denied`, { ignore }, async () => {
    const { run, result } = await exec(flags(), ["echo never"], "wrong");
    assert.equal(result.status, "denied");
    assert.equal(run.code, 1);
    assert.ok(!run.stderr.includes("wrong\n"));
  });
}

Deno.test("drover exec: bytes that are no text arrive whole", { ignore }, async () => {
  const stdin = new Uint8Array(50_000).map((_, i) => i * 7 + (i >> 8));
  const { stdout, result } = await exec(["--port", server.ports.http], ["cat"], password, stdin);
  assert.equal(result.status, "succeeded");
  assert.equal(sha256(stdout), sha256(stdin));
});

Deno.test("drover exec: a command out of time is ended, and nothing of it is left", { ignore }, async () => {
  const mark = `86400.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const { result } = await exec(["--port", server.ports.http, "--timeout", "4"], [
    `sleep ${mark} & sleep ${mark}`,
  ]);
  assert.equal(result.status, "timedOut");
  await until(() => processesWith(mark).length === 0);
});

Deno.test("drover exec: an unknown certificate is not accepted", { ignore }, async () => {
  const { result } = await exec(["--port", server.ports.https, "--ssl", "--auth", "basic"], ["echo never"]);
  assert.equal(result.status, "unreachable");
});

Deno.test("drover ping: with and without an account", { ignore }, async () => {
  const account = ["--user", user, "--password-env", "CLIENT_PASSWORD"];
  const secure = [`https://127.0.0.1:${server.ports.https}`, "--cert-validation", "ignore"];
  for (
    const args of [[`127.0.0.1:${server.ports.http}`], secure, [...secure, ...account, "--auth", "basic"]]
  ) {
    const { code, stdout, stderr } = await drover(["ping", ...args]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Pythön & Söhne/);
  }
});
