/** A daemon in the process of the test, with real services behind it. @module */
import { Secret } from "../../../protocol/secret.ts";
import type { AccessLimits } from "../../../runtime/daemon/access/limits.ts";
import type { Credentials } from "../../../runtime/daemon/credentials.ts";
import type { CredentialCommand } from "../../../runtime/daemon/credentials/command.ts";
import { Daemon, firstToken } from "../../../runtime/daemon/daemon.ts";
import type { ServerTls } from "../../../runtime/daemon/server.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { openStore, type Store } from "../../../runtime/store/mod.ts";
import { password } from "../cli/drover.ts";

/** What a test has. */
export interface World extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly store: Store;
  readonly url: string;
  /** The first token: everything is allowed. */
  readonly token: string;
  /** Names of the hosts. */
  readonly hosts: readonly string[];
  readonly errors: unknown[];
  /** Stops the service behind the hosts. */
  stopService(): Promise<void>;
  /** Asks the API, by default with the first token. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
  /** Asks for a job and gives back its id. */
  submit(body: Record<string, unknown>): Promise<string>;
  /** Waits for the end of a job by its events, and gives them back. */
  events(id: string, options?: AskOptions): Promise<ApiEvent[]>;
}

/** An event as it comes. */
export type ApiEvent = Record<string, unknown> & { readonly seq: number; readonly type: string };

/** What to send. */
export interface AskOptions {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Starts it all. */
export async function world(
  options: {
    readonly hosts?: number;
    /** Further hosts at which nothing listens. */
    readonly dead?: number;
    readonly drainMs?: number;
    readonly limits?: Partial<AccessLimits>;
    readonly heartbeatMs?: number;
    readonly stuckMs?: number;
    readonly tls?: ServerTls;
    readonly ca?: string;
    /** Certificate and key that `ask` comes with. */
    readonly client?: { readonly cert: string; readonly key: string };
    /** Asked for the account of the hosts, which are known without one then. */
    readonly credentialCommand?: CredentialCommand;
    /** Accounts for hosts of the API. */
    readonly credentials?: Credentials;
    /** Is given the store before the daemon begins. */
    readonly prepare?: (store: Store) => Promise<void>;
  } = {},
): Promise<World> {
  const folder = await Deno.makeTempDir({ prefix: "drover-daemon-" });
  await Deno.chmod(folder, 0o700);
  const accounts = new Accounts();
  accounts.add("demo", new Secret(password), undefined);
  const service = await startService({
    listeners: Array.from({ length: options.hosts ?? 2 }, () => ({ host: "127.0.0.1", port: 0 })),
    accounts,
    // NTLM refuses, rightly, a challenge that its own process has made.
    auth: ["basic"],
    allowUnencrypted: true,
    onEvent: () => {},
  });
  const store = await openStore({ path: `${folder}/drover.db` });
  const token = (await firstToken(store))!;
  await options.prepare?.(store);
  const hosts = service.addresses.map(({ port }) => `127.0.0.1:${port}`);
  for (let port = 1; port <= (options.dead ?? 0); port++) hosts.push(`127.0.0.1:${port}`);
  const errors: unknown[] = [];
  const daemon = await Daemon.start({
    store,
    inventory: inventoryFromHosts(hosts),
    connection: options.credentialCommand === undefined
      ? { user: "demo", password: new Secret(password), auth: "basic" }
      : { auth: "basic" },
    ...(options.credentialCommand === undefined ? {} : { credentialCommand: options.credentialCommand }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    host: "127.0.0.1",
    port: 0,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    ...(options.stuckMs === undefined ? {} : { stuckMs: options.stuckMs }),
    onError: (error) => errors.push(error),
  });
  const client = options.ca === undefined ? undefined : Deno.createHttpClient({
    caCerts: [options.ca],
    ...(options.client ?? {}),
  });
  const ask = (method: string, path: string, { body, token: other, headers, signal }: AskOptions = {}) =>
    fetch(`${daemon.url}${path}`, {
      method,
      headers: {
        ...(other === null ? {} : { "Authorization": `Bearer ${other ?? token}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      ...(client === undefined ? {} : { client }),
    });
  return {
    daemon,
    store,
    url: daemon.url,
    token,
    hosts,
    errors,
    stopService: () => service.stop(),
    ask,
    async submit(body) {
      const answer = await ask("POST", "/v1/jobs", { body });
      const job = await answer.json() as { id: string };
      if (answer.status !== 202) throw new Error(JSON.stringify(job));
      return job.id;
    },
    async events(id, more = {}) {
      return readEvents(await (await ask("GET", `/v1/jobs/${id}/events`, more)).text());
    },
    async [Symbol.asyncDispose]() {
      client?.close();
      await daemon.stop();
      await service.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Events of a text of server-sent events. */
export function readEvents(text: string): ApiEvent[] {
  return text.split("\n\n").flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    return data === undefined ? [] : [JSON.parse(data) as ApiEvent];
  });
}

/** The code of a problem, after a look at its form. */
export async function problemCode(answer: Response, status: number): Promise<string> {
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${text}`);
  const problem = JSON.parse(text) as Record<string, unknown>;
  const wrong = answer.headers.get("Content-Type") !== "application/problem+json" ||
    problem["status"] !== status || problem["type"] !== `urn:drover:problem:${problem["code"]}` ||
    /drv_[A-Za-z0-9_-]{10}|\bat .*\.ts:|S3cret/.test(text);
  if (wrong) throw new Error(`no proper problem: ${text}`);
  return String(problem["code"]);
}
