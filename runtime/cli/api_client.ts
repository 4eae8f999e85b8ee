/** Speaks to a running daemon for the commands `job`, `schedule`, `host` and `token`. @module */
import type { Command } from "commander";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { defaultStateDir } from "../client/instances.ts";
import {
  DaemonConnection,
  type RemoteFleetOptions,
  type RequestOptions,
} from "../client/remote/connection.ts";
import { pagesOf } from "../client/remote/paging.ts";
import { readPrivate, tokenFileName, urlFileName } from "./state_files.ts";

/**
 * Somebody sits there and waits: a daemon that stops may do so for minutes, and says so at once. Once more after its Retry-After of 5
 * seconds finds one that was restarted.
 */
const notReadyTimeout = 6_000;

/** What the options of {@linkcode addApiOptions} parse to. */
export interface ApiFlags {
  readonly api?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly json?: boolean;
}

/** Adds the options of how to reach the daemon. */
export function addApiOptions(command: Command): Command {
  return command
    .option("--api <url>", "the daemon (default: DROVER_API, else the one of this user)")
    .option("--token-file <file>", "file with the token (default: DROVER_TOKEN, else the daemon's first)")
    .option("--ca <file>", "PEM file of certificate authorities to trust beside the system's")
    .option("--client-cert <file>", "PEM of our own certificate, for a daemon with --client-ca")
    .option("--client-key <file>", "PEM of its key")
    .option("--json", "JSON instead of text");
}

/**
 * How to reach the daemon that is meant.
 *
 * @throws UsageError `DaemonUnknown`, `TokenMissing`, `FileUnreadable`, `BadOption`
 */
export function daemonOptions(flags: ApiFlags): RemoteFleetOptions {
  const folder = defaultStateDir() ?? "";
  const url = flags.api ?? Deno.env.get("DROVER_API") ?? readPrivate(`${folder}/${urlFileName}`);
  // What is no URL is refused where it is used.
  if (url === undefined) {
    throw new UsageError(
      "DaemonUnknown",
      "find daemon: none of this user runs; start `drover daemon`, or give --api URL",
    );
  }
  const { token, tokenFrom } = findToken(flags, folder);
  if (token === undefined && flags.tokenFile !== undefined) {
    throw new UsageError("FileUnreadable", `find token: ${flags.tokenFile} cannot be read`);
  }
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError("TokenMissing", "find token: set DROVER_TOKEN or give --token-file");
  }
  const { ca, clientCert, clientKey } = flags;
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw new UsageError("BadOption", "read client certificate: --client-cert and --client-key go together");
  }
  return {
    url,
    token,
    tokenFrom,
    notReadyTimeout,
    ...(ca === undefined ? {} : { ca: pem("--ca", ca) }),
    ...(clientCert === undefined ? {} : { clientCert: pem("--client-cert", clientCert) }),
    ...(clientKey === undefined ? {} : { clientKey: new Secret(pem("--client-key", clientKey)) }),
  };
}

/** The token that is meant, if there is one, and where it was looked for. */
function findToken(
  { tokenFile }: ApiFlags,
  folder: string,
): { token: string | undefined; tokenFrom: string } {
  const variable = Deno.env.get("DROVER_TOKEN");
  if (tokenFile === undefined && variable !== undefined) {
    return { token: variable, tokenFrom: "the variable DROVER_TOKEN" };
  }
  const path = tokenFile ?? `${folder}/${tokenFileName}`;
  return { token: readPrivate(path), tokenFrom: `the file ${path}` };
}

/** A daemon, as one token sees it: requests that no method of `RemoteFleet` makes. */
export class ApiClient implements Disposable {
  readonly #connection: DaemonConnection;

  /**
   * Connects to nothing yet.
   *
   * @throws UsageError `DaemonUnknown`, `TokenMissing`, `FileUnreadable`, `BadOption`
   */
  constructor(flags: ApiFlags) {
    this.#connection = new DaemonConnection(daemonOptions(flags));
  }

  /**
   * Sends a request, and gives back what is a success. It is asked again where that is safe.
   *
   * @throws UsageError, DeniedError, ProtocolError or DroverError with the code of the problem; NetworkError `DaemonUnreachable`
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return await this.#connection.request(method, path, options);
  }

  /** The same for JSON. */
  async json<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    return await this.#connection.json<T>(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers }),
    });
  }

  /** Items of all pages of a list. */
  pages<T>(
    path: string,
    query: Readonly<Record<string, string | readonly string[] | undefined>>,
  ): AsyncGenerator<T> {
    return pagesOf(this.#connection, path, query);
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}

function pem(option: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError("FileUnreadable", `read ${option}: ${path} cannot be read`, { cause: error });
  }
}
