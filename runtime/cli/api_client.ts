/** Speaks to a running daemon for the commands `job`, `schedule` and `token`. @module */
import type { Command } from "commander";
import { DeniedError, DroverError, NetworkError, ProtocolError, UsageError } from "../../protocol/errors.ts";
import { defaultStateDir } from "../client/instances.ts";
import { readPrivate, tokenFileName, urlFileName } from "./state_files.ts";

/** What the options of {@linkcode addApiOptions} parse to. */
export interface ApiFlags {
  readonly api?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly json?: boolean;
}

/** Adds the options of how to reach the daemon. */
export function addApiOptions(command: Command): Command {
  return command
    .option("--api <url>", "the daemon (default: DROVER_API, else the one of this user)")
    .option("--token-file <file>", "file with the token (default: DROVER_TOKEN, else the daemon's first)")
    .option("--ca <file>", "PEM file of certificate authorities to trust beside the system's")
    .option("--json", "JSON instead of text");
}

/** A daemon, as one token sees it. */
export class ApiClient implements Disposable {
  readonly #url: string;
  readonly #token: string;
  readonly #client: Deno.HttpClient | undefined;

  /**
   * Connects to nothing yet.
   *
   * @throws UsageError `DaemonUnknown`, `TokenMissing`, `FileUnreadable`
   */
  constructor(flags: ApiFlags) {
    const folder = defaultStateDir() ?? "";
    const url = flags.api ?? Deno.env.get("DROVER_API") ?? readPrivate(`${folder}/${urlFileName}`);
    if (url === undefined || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new UsageError(
        "DaemonUnknown",
        "find daemon: none of this user runs; start `drover daemon`, or give --api URL",
      );
    }
    const token = flags.tokenFile === undefined
      ? Deno.env.get("DROVER_TOKEN") ?? readPrivate(`${folder}/${tokenFileName}`)
      : readPrivate(flags.tokenFile);
    if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
      throw new UsageError("TokenMissing", "find token: set DROVER_TOKEN or give --token-file");
    }
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
    this.#client = flags.ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [pem(flags.ca)] });
  }

  /**
   * Sends a request, and gives back what is a success.
   *
   * @throws UsageError, DeniedError or ProtocolError with the code of the problem; NetworkError `DaemonUnreachable`
   */
  async request(
    method: string,
    path: string,
    options: {
      readonly body?: unknown;
      readonly headers?: Record<string, string>;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          "Authorization": `Bearer ${this.#token}`,
          ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(this.#client === undefined ? {} : { client: this.#client }),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw new NetworkError("DaemonUnreachable", `ask daemon: ${this.#url} does not answer`, {
        cause: error,
      });
    }
    if (answer.ok) return answer;
    throw await errorOf(answer);
  }

  /** The same for JSON. */
  async json<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const answer = await this.request(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers }),
    });
    return await answer.json() as T;
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.#client?.close();
  }
}

/** Items of all pages of a list. */
export async function* pages<T>(client: ApiClient, path: string, query: URLSearchParams): AsyncGenerator<T> {
  query.set("limit", "1000");
  for (let next: string | null = ""; next !== null;) {
    if (next !== "") query.set("cursor", next);
    const page: { readonly items: readonly T[]; readonly next: string | null } = await client.json(
      "GET",
      `${path}?${query}`,
    );
    yield* page.items;
    next = page.next;
  }
}

async function errorOf(answer: Response): Promise<DroverError> {
  let code = `Http${answer.status}`;
  let detail = answer.statusText;
  try {
    const problem = await answer.json() as {
      code?: unknown;
      detail?: unknown;
      errors?: { at: string; detail: string }[];
    };
    code = String(problem.code ?? code);
    detail = [
      String(problem.detail ?? detail),
      ...(problem.errors ?? []).map((part) => `${part.at}: ${part.detail}`),
    ]
      .join("; ");
  } catch {
    // No problem document: something between answered.
  }
  const text = `ask daemon: ${detail} (${code})`;
  if (answer.status === 401 || answer.status === 403) return new DeniedError(code, text);
  return answer.status < 500 ? new UsageError(code, text) : new ProtocolError(code, text);
}

function pem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError("FileUnreadable", `read --ca: ${path} cannot be read`, { cause: error });
  }
}
