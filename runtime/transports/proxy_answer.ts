/** One CONNECT and what a proxy answers to it (RFC 9110 section 9.3.6). @module */
import { NetworkError } from "../../protocol/errors.ts";
import {
  type AuthChallenge,
  HttpError,
  type HttpEvent,
  type HttpResponseEvent,
  HttpResponseParser,
  parseChallenges,
  serializeRequestHead,
} from "../../protocol/http/mod.ts";

/** Most bytes of a proxy's answer: one that says more says nothing to us. */
const longestAnswer = 65_536;

/** What a proxy has answered. */
export interface ProxyAnswer {
  /** HTTP status. */
  readonly status: number;
  /** What it wants, of a 407. */
  readonly challenges: readonly AuthChallenge[];
  /** Whether the connection takes another request: it stays open, and the answer's body has been read. */
  readonly reusable: boolean;
}

/**
 * Asks the proxy `name` for a tunnel to `authority` (host:port), with these credentials.
 *
 * @throws NetworkError `ProxyFailed`; what the socket throws
 */
export async function askProxy(
  conn: Deno.TcpConn,
  authority: string,
  name: string,
  authorization: string | undefined,
): Promise<ProxyAnswer> {
  const headers: [string, string][] = [["Host", authority], ["User-Agent", "Drover"]];
  if (authorization !== undefined) headers.push(["Proxy-Authorization", authorization]);
  await writeAll(conn, serializeRequestHead({ method: "CONNECT", target: authority, headers }, undefined));
  try {
    return await readAnswer(conn, name);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    throw failed(name, `it does not speak HTTP (${error.message})`, error);
  }
}

async function readAnswer(conn: Deno.TcpConn, name: string): Promise<ProxyAnswer> {
  const reader = new ProxyAnswerReader(name);
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const count = await conn.read(buffer);
    const read = count === null ? reader.end() : reader.push(buffer.slice(0, count));
    if (read !== undefined) return read;
  }
}

/** Reads one answer, cut anywhere. Its methods throw NetworkError `ProxyFailed` and {@link HttpError}. */
export class ProxyAnswerReader {
  readonly #name: string;
  readonly #parser = new HttpResponseParser({ maxBodyBytes: Infinity });
  #head: HttpResponseEvent | undefined;
  #total = 0;

  /** `name`: the proxy, for errors. */
  constructor(name: string) {
    this.#name = name;
    this.#parser.expect("CONNECT");
  }

  /** Takes bytes; the answer, once nothing more is to be read of it. */
  push(bytes: Uint8Array): ProxyAnswer | undefined {
    this.#total += bytes.length;
    const events = this.#parser.push(bytes);
    const begun = events.findIndex((event) => event.kind === "response" && !event.interim);
    if (begun >= 0) this.#head = events[begun] as HttpResponseEvent;
    const head = this.#head;
    if (head !== undefined) {
      // The other end does not speak first, neither in TLS nor in HTTP: nothing of the tunnel is read here.
      if (head.status < 300 && events.some(hasBytes)) throw failed(this.#name, "more than its answer came");
      // Only a challenge is answered, on the same connection: there its body has to be out of the way.
      if (head.status !== 407 || !staysOpen(head)) return answer(head, false);
      if (events.slice(Math.max(begun, 0)).some(({ kind }) => kind === "end")) return answer(head, true);
    }
    if (this.#total <= longestAnswer) return undefined;
    if (head !== undefined) return answer(head, false);
    throw failed(this.#name, "its answer has more than 64 KB");
  }

  /** The proxy has closed the connection. */
  end(): ProxyAnswer {
    if (this.#head !== undefined) return answer(this.#head, false);
    throw failed(this.#name, "it closed the connection");
  }
}

function answer({ status, headers }: HttpResponseEvent, reusable: boolean): ProxyAnswer {
  const challenges = status === 407 ? parseChallenges(headers.getAll("proxy-authenticate")) : [];
  return { status, challenges, reusable };
}

function hasBytes(event: HttpEvent): boolean {
  return event.kind === "body" && event.bytes.length > 0;
}

/** `Proxy-Connection` was never a standard, and is what some proxies say `close` in. */
function staysOpen({ keepAlive, headers }: HttpResponseEvent): boolean {
  return keepAlive && !/\bclose\b/i.test(headers.get("proxy-connection") ?? "");
}

function failed(name: string, why: string, cause?: unknown): NetworkError {
  return new NetworkError("ProxyFailed", `talk to proxy ${name}: ${why}`, { cause });
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
