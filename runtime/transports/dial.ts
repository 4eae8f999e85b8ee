/** TCP to a target: straight, or through a proxy's tunnel (CONNECT, RFC 9110 section 9.3.6). @module */
import type { ConnectTarget, ProxyOptions } from "../../actors/ports.ts";
import { basicAuthorization } from "../../protocol/auth/mod.ts";
import { NetworkError } from "../../protocol/errors.ts";
import {
  HttpError,
  type HttpEvent,
  HttpResponseParser,
  parseChallenges,
  serializeRequestHead,
} from "../../protocol/http/mod.ts";
import { hostPort, networkError } from "./network_errors.ts";

/** Most bytes of a proxy's answer: one that says more says nothing to us. */
const longestAnswer = 65_536;

/** Opens a socket whose other end is `target`; the addresses of all families are tried. */
export async function dial(target: ConnectTarget, signal: AbortSignal): Promise<Deno.TcpConn> {
  const { host, port, proxy } = target;
  if (proxy === undefined) return await Deno.connect({ hostname: host, port, signal });
  const name = hostPort(proxy.host, proxy.port);
  let conn: Deno.TcpConn;
  try {
    conn = await Deno.connect({ hostname: proxy.host, port: proxy.port, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const { message } = networkError(error, `reach proxy ${name}`);
    throw new NetworkError("ProxyUnreachable", message, { cause: error });
  }
  const abort = () => conn.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await tunnel(conn, hostPort(host, port), proxy, name);
    return conn;
  } catch (error) {
    if (!signal.aborted) conn.close();
    if (error instanceof NetworkError) throw error;
    const { message } = networkError(error, `talk to proxy ${name}`);
    throw new NetworkError("ProxyFailed", message, { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Asks the proxy for a tunnel to `authority` (host:port). */
async function tunnel(
  conn: Deno.TcpConn,
  authority: string,
  { credential }: ProxyOptions,
  name: string,
): Promise<void> {
  const headers: [string, string][] = [["Host", authority], ["User-Agent", "Drover"]];
  if (credential !== undefined) {
    headers.push(["Proxy-Authorization", basicAuthorization(credential.user, credential.password)]);
  }
  await writeAll(conn, serializeRequestHead({ method: "CONNECT", target: authority, headers }, undefined));
  const { status, offers } = await readAnswer(conn, name);
  if (status >= 200 && status < 300) return;
  if (status === 407) {
    throw new NetworkError(
      "ProxyAuthenticationRequired",
      credential === undefined
        ? `reach ${authority}: proxy ${name} wants a user and a password (HTTP 407, it offers ${offers}); ` +
          "use --proxy-user and --proxy-password-env"
        : `reach ${authority}: proxy ${name} refused the credentials of ${credential.user} (HTTP 407, it offers ${offers})`,
    );
  }
  throw new NetworkError(
    status === 403 ? "ProxyDenied" : "ProxyFailed",
    `reach ${authority}: proxy ${name} opens no connection to it (HTTP ${status})`,
  );
}

/** Status of the answer, and which schemes it offers. */
async function readAnswer(
  conn: Deno.TcpConn,
  name: string,
): Promise<{ readonly status: number; readonly offers: string }> {
  const parser = new HttpResponseParser({ maxBodyBytes: longestAnswer });
  parser.expect("CONNECT");
  // The other end does not speak first, neither in TLS nor in HTTP: nothing of the tunnel is read here.
  const buffer = new Uint8Array(4_096);
  for (let total = 0; total <= longestAnswer;) {
    const count = await conn.read(buffer);
    if (count === null) {
      throw new NetworkError("ProxyFailed", `talk to proxy ${name}: it closed the connection`);
    }
    total += count;
    let events: HttpEvent[];
    try {
      events = parser.push(buffer.slice(0, count));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      throw new NetworkError(
        "ProxyFailed",
        `talk to proxy ${name}: it does not speak HTTP (${error.message})`,
        {
          cause: error,
        },
      );
    }
    const head = events.find((event) => event.kind === "response" && !event.interim);
    if (head?.kind !== "response") continue;
    if (head.status < 300 && events.some((event) => event.kind === "body" && event.bytes.length > 0)) {
      throw new NetworkError("ProxyFailed", `talk to proxy ${name}: more than its answer came`);
    }
    const offered = parseChallenges(head.headers.getAll("proxy-authenticate")).map(({ scheme }) => scheme);
    return { status: head.status, offers: offered.join(", ") || "nothing" };
  }
  throw new NetworkError("ProxyFailed", `talk to proxy ${name}: its answer has more than 64 KB`);
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
