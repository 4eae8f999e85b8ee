/** A realm with a user, and `drover` as its processes know it. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ServiceChild } from "../helpers/service_child.ts";
import { Kdc } from "./kdc.ts";

const top = fileURLToPath(new URL("../../", import.meta.url));

/** The user of every realm here. */
export const user = "alice";
/** Not ASCII: Kerberos takes UTF-8. */
export const password = "Pässw0rd of alice";
/** How the user is named to clients. */
export const principal = `${user}@DROVER.TEST`;

/** A python with pyspnego, pypsrp and pywinrm that speak Kerberos. */
export const python = Deno.env.get("DROVER_KERBEROS_PYTHON");

/** A realm with {@link user}, and another user without an account anywhere. */
export function startKdc(): Promise<Kdc> {
  return Kdc.start({
    users: { [user]: password, mallory: password },
    // pypsrp asks for host/, which a Windows domain does not tell from HOST/.
    services: ["HTTP/localhost", "HOST/localhost", "host/localhost"],
  });
}

/** Where processes find a realm. */
export type Realm = Pick<Kdc, "environment">;

/** What came of a process. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `drover` in the realm. The password is in `PW`, a wrong one in `BAD`. */
export async function drover(
  kdc: Realm,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "runtime/cli/main.ts", ...args],
    cwd: top,
    env: { ...kdc.environment, PW: password, BAD: "wrong", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Flags of the user with the password. */
export const withPassword = ["--user", principal, "--password-env", "PW"];

/** The result of one host, as `drover exec --json` gives it. */
export interface HostResult {
  readonly status: string;
  readonly exitCode?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly logon?: { readonly mechanism: string; readonly fallback?: string };
}

/** Runs a command on localhost and gives its output and its result. */
export async function exec(
  kdc: Realm,
  port: number,
  flags: readonly string[],
  command: string,
): Promise<{ readonly stdout: string; readonly result: HostResult }> {
  const target = ["exec", "--json", "--hosts", "localhost", "--port", `${port}`, "--connect-retries", "0"];
  const run = await drover(kdc, [...target, ...flags, "--", command]);
  const lines: { type: string; data?: string }[] = run.stdout.trim().split("\n").filter((text) => text !== "")
    .map((text) => JSON.parse(text));
  const result = lines.find(({ type }) => type === "result") as unknown as HostResult | undefined;
  assert.ok(result !== undefined, run.stderr);
  return { stdout: lines.map(({ type, data }) => type === "output" ? data ?? "" : "").join(""), result };
}

/** A `drover service` of the realm, as a process of its own. */
export class Service implements AsyncDisposable {
  readonly http: number;
  readonly https: number;
  readonly #service: ServiceChild;

  private constructor(service: ServiceChild) {
    this.#service = service;
    this.http = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(service.greeting)![1]);
    this.https = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(service.greeting)![1]);
  }

  /** Starts one with the keytab of `kdc`, whose only account is {@link user}, without a password, unless flags name a file of them. */
  static async start(kdc: Realm & Pick<Kdc, "keytab">, ...flags: string[]): Promise<Service> {
    const people = flags.includes("--accounts") ? [] : ["--user", user];
    return new Service(
      await ServiceChild.start(["--keytab", kdc.keytab, ...people, ...flags], kdc.environment),
    );
  }

  /** Ends it as nothing but a crash does. */
  kill(): void {
    this.#service.signal("SIGKILL");
  }

  /** Ends it and gives everything that it logged. */
  async stop(): Promise<string> {
    return (await this.#service.stop()).log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
