/** Clients that are not ours, for many logons. @module */
import { fileURLToPath } from "node:url";
import { utf8 } from "../../../protocol/bytes.ts";
import { certificateAuthorization } from "../../../protocol/auth/mod.ts";
import { runPeer } from "../../interop/peers.ts";

/** One logon with one command, `cat`. */
export interface Call {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly payload: Uint8Array;
}

/** How a Python peer goes about it. */
export interface PythonCall extends Call {
  readonly client: "pypsrp" | "pywinrm";
  readonly transport: string;
  readonly encryption: "always" | "never";
  readonly options: Readonly<Record<string, unknown>>;
  /** Get a ticket first. */
  readonly kinit: boolean;
}

interface Answer {
  readonly id: number;
  readonly stdout_b64: string;
  readonly error: string | null;
  readonly causes: readonly string[];
}

const script = fileURLToPath(new URL("../peers/matrix_clients.py", import.meta.url));

/** One Python process with pypsrp and pywinrm. */
export class PythonClients implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<void>;
  #next = 1;

  constructor(python: string, tickets: string) {
    this.#child = new Deno.Command(python, {
      args: ["-W", "ignore", script],
      env: { KRB5CCNAME: `DIR:${tickets}` },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#child.stdout)) {
      const answer: Answer = JSON.parse(line);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }

  /** `ok` or what the peer said. */
  async run({ url, payload, ...call }: PythonCall): Promise<string> {
    const id = this.#next++;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    const line = { id, endpoint: url, command: "cat", stdin_b64: payload.toBase64(), ...call };
    await this.#writer.write(utf8(`${JSON.stringify(line)}\n`));
    const { error, causes, stdout_b64 } = await answer;
    if (error !== null) return said([error, ...causes].join("; "));
    return stdout_b64 === payload.toBase64() ? "ok" : "the output is not the input";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#ended;
    await this.#child.status;
  }
}

/** masterzen/winrm, a process for each. */
export async function masterzen(
  { url, payload, ...call }: Call,
  transport: "basic" | "ntlm",
  encryption: "always" | "never",
): Promise<string> {
  const { error, stdout } = await runPeer("masterzen", {
    ...call,
    endpoint: url,
    command: "cat",
    stdin: payload,
    transport,
    encryption,
  });
  if (error !== undefined) return said(error);
  return stdout.toBase64() === payload.toBase64() ? "ok" : "the output is not the input";
}

const identify = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
  `xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`;

/** curl asks who answers; it is told the system only when it has logged on. */
export async function curl(
  { url, user, password }: Call,
  kind: "basic" | "ntlm" | "kerberos" | "certificate",
  folder: string,
): Promise<string> {
  const env: Record<string, string> = {};
  if (kind === "kerberos") {
    env.KRB5CCNAME = `FILE:${folder}/curl-${user}`;
    await kinit(user, password, env.KRB5CCNAME);
  } else if (kind === "ntlm") {
    env.NTLM_USER_FILE = `${folder}/curl-${user}`;
    env.KRB5CCNAME = `FILE:${folder}/nothing`;
    await Deno.writeTextFile(env.NTLM_USER_FILE, `DOMAIN:${user}:${password}\n`);
  }
  const how = {
    basic: ["--basic"],
    ntlm: ["--negotiate", "-u", ":"],
    kerberos: ["--negotiate", "-u", ":"],
    // The user is the name of the files.
    certificate: [
      "--cert",
      `${user}.pem`,
      "--key",
      `${user}.key`,
      "-H",
      `Authorization: ${certificateAuthorization}`,
    ],
  };
  const child = new Deno.Command("curl", {
    args: [
      ...["-sSk", "--noproxy", "*", "--max-time", "60", "-w", "\n%{http_code}", "-K", "-"],
      ...how[kind],
      ...[
        "-H",
        "Content-Type: application/soap+xml;charset=UTF-8",
        "--data-binary",
        identify,
        `${url}/wsman`,
      ],
    ],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(kind === "basic" ? `user = "${user}:${password}"\n` : ""));
  await writer.close();
  const text = new TextDecoder().decode((await output).stdout);
  const status = text.slice(text.lastIndexOf("\n") + 1);
  return status === "200" && text.includes("OS: linux") ? "ok" : status;
}

async function kinit(user: string, password: string, cache: string): Promise<void> {
  const child = new Deno.Command("kinit", { args: ["-c", cache, user], stdin: "piped", stdout: "null" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(`${password}\n`));
  await writer.close();
  const { success } = await child.status;
  if (!success) throw new Error(`kinit ${user}: it failed`);
}

/** What a peer says of what nobody answered. */
function said(error: string): string {
  // A tap cannot look into what only the client's own certificate opens.
  if (/: 401 Client Error/.test(error)) return "401";
  return /^Krb5Error|Preauthentication failed|preauth/i.test(error) ? "KDC" : error;
}

/** Lines of a stream. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
