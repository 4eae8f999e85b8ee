/**
 * Credentials from a command of the operator's: a password store's client, say. It is run for one host at a time, without a shell,
 * gets `{"host","address","port","user","auth"}` as JSON on its standard input, and writes `{"user","password"}` (and `"auth"`, where
 * it likes) or `{"clientCert","clientKey","clientKeyPassphrase"}` to its standard output. What it writes to standard error is thrown
 * away: it might be a secret.
 * @module
 */
import { type ClientCertificate, readClientCertificate } from "../../security/client_identity.ts";
import type { AuthKind } from "../../client/authentication.ts";
import { z } from "zod";
import { utf8 } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";

/** How to log on to a host. */
export type Credential =
  | { readonly user: string; readonly password: Secret; readonly auth?: AuthKind }
  | { readonly certificate: ClientCertificate; readonly auth: "certificate" };

/** What the command is told of a host. */
export interface CredentialQuestion {
  /** Name in the inventory. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Account, where the inventory says one. */
  readonly user?: string;
  /** A certificate is wanted; absent: anything will do. */
  readonly auth?: "certificate";
}

/** Times and sizes that bound it. */
export interface CommandLimits {
  /** Milliseconds for one host; default 10,000. */
  readonly timeMs?: number;
  /** Commands that run at once; default 8. */
  readonly atOnce?: number;
}

/** Bytes of an answer. */
const maxAnswer = 64 * 1024;

const accountSchema = z.strictObject({
  user: z.string().min(1).max(256),
  password: z.string().max(8_192),
  auth: z.enum(["negotiate", "kerberos", "ntlm", "credssp", "digest", "basic"]).optional(),
});

/** Paths of files, or PEM. */
const certificateSchema = z.strictObject({
  clientCert: z.string().min(1),
  clientKey: z.string().min(1).optional(),
  clientKeyPassphrase: z.string().max(8_192).optional(),
  auth: z.literal("certificate").optional(),
});

/** See the module. */
export class CredentialCommand {
  readonly #words: readonly [string, ...string[]];
  readonly #timeMs: number;
  /** Those who wait for a place; `false`: they get none. */
  readonly #places: ((place: boolean) => void)[] = [];
  readonly #atOnce: number;
  #free: number;
  /** Runs since the last one that ended by itself. */
  #late = 0;

  /** Runs nothing yet. */
  constructor(words: readonly [string, ...string[]], { timeMs = 10_000, atOnce = 8 }: CommandLimits = {}) {
    this.#words = words;
    this.#timeMs = timeMs;
    this.#free = this.#atOnce = atOnce;
  }

  /**
   * Asks for one host. When as many as run at once were all too late, those who wait are told so at once: a password store that is
   * away must not hold up thousands of hosts, and those who come behind them, for hours.
   *
   * @throws UsageError `CredentialsUnavailable`
   */
  async ask(question: CredentialQuestion): Promise<Credential> {
    if (this.#free > 0) this.#free--;
    else if (!await new Promise<boolean>((resolve) => this.#places.push(resolve))) {
      throw unavailable(
        question.host,
        `${this.#words[0]} took longer than ${this.#timeMs} ms for others before it`,
      );
    }
    try {
      return read(question.host, await this.#run(question));
    } finally {
      const next = this.#places.shift();
      if (next === undefined) this.#free++;
      else next(true);
    }
  }

  async #run(question: CredentialQuestion): Promise<Uint8Array> {
    const [program, ...args] = this.#words;
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
    } catch (error) {
      throw unavailable(question.host, `${program} cannot be started`, error);
    }
    const reader = child.stdout.getReader();
    let end: "late" | "long" | undefined;
    const stop = (why: "late" | "long") => {
      end ??= why;
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      // Who has inherited its output may hold it open.
      reader.cancel().catch(() => {});
    };
    const timer = setTimeout(() => stop("late"), this.#timeMs);
    try {
      // It may end without reading what it is told.
      tell(child, question).catch(() => {});
      const parts = new Uint8Array(maxAnswer);
      let length = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (length + value.length > maxAnswer) {
          stop("long");
          break;
        }
        parts.set(value, length);
        length += value.length;
      }
      const { code, signal } = await child.status;
      this.#late = end === "late" ? this.#late + 1 : 0;
      if (this.#late >= this.#atOnce) { for (const refuse of this.#places.splice(0)) refuse(false); }
      if (end === "late") throw unavailable(question.host, `${program} took longer than ${this.#timeMs} ms`);
      if (end === "long") throw unavailable(question.host, `${program} wrote more than ${maxAnswer} bytes`);
      if (signal !== null) throw unavailable(question.host, `${program} was ended by ${signal}`);
      if (code !== 0) throw unavailable(question.host, `${program} ended with exit code ${code}`);
      return parts.subarray(0, length);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function tell(child: Deno.ChildProcess, question: CredentialQuestion): Promise<void> {
  const writer = child.stdin.getWriter();
  await writer.write(utf8(`${JSON.stringify(question)}\n`));
  await writer.close();
}

function read(host: string, answer: Uint8Array): Credential {
  const malformed = () =>
    unavailable(host, 'the answer is not of the form {"user":"…","password":"…"} or {"clientCert":"…"}');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer));
  } catch {
    throw malformed();
  }
  const account = accountSchema.safeParse(value);
  if (account.success) {
    const { user, password, auth } = account.data;
    return { user, password: new Secret(password), ...(auth === undefined ? {} : { auth }) };
  }
  const shown = certificateSchema.safeParse(value);
  if (!shown.success) throw malformed();
  const { clientCert, clientKey, clientKeyPassphrase: words } = shown.data;
  const passphrase = words === undefined ? undefined : new Secret(words);
  try {
    return { certificate: readClientCertificate(clientCert, clientKey, passphrase), auth: "certificate" };
  } catch (error) {
    if (error instanceof UsageError) throw unavailable(host, error.message, error);
    throw error;
  }
}

function unavailable(host: string, state: string, cause?: unknown): UsageError {
  return new UsageError(
    "CredentialsUnavailable",
    `get credentials for ${host}: ${state}`,
    cause === undefined ? {} : { cause },
  );
}
