/**
 * A stand-in for a proxy that opens tunnels by CONNECT and wants a logon: real sockets, real HTTP, real tunnels. Who checks the logon
 * is given to it. It is no product's proxy.
 * @module
 */
import { parseAuthorization } from "../../protocol/http/mod.ts";

/** Checks one logon; a dialogue belongs to one connection. */
export interface ProxyLogon extends AsyncDisposable {
  /** Takes the client's token; throws when it is refused. */
  step(token: Uint8Array): Promise<{ readonly token: Uint8Array | undefined; readonly complete: boolean }>;
}

/** How the stand-in behaves. */
export interface ConnectProxyOptions {
  /** Values of Proxy-Authenticate in a 407 that begins no dialogue. */
  readonly offers: readonly string[];
  /** Begins a logon with NTLM or Negotiate. */
  readonly logon?: () => ProxyLogon;
  /** `user:password` of Basic. */
  readonly basic?: string;
  /** After which 407s of a connection it closes: `first` only that without a token, `all` those of the dialogue, too; default none. */
  readonly closes?: "first" | "all";
}

/** The stand-in, listening on 127.0.0.1. */
export class ConnectProxy implements AsyncDisposable {
  /** Proxy-Authorization's scheme in each request (`none` without one), in order. */
  readonly schemes: string[] = [];
  /** Connections that it took. */
  connections = 0;
  readonly #options: ConnectProxyOptions;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #tasks: Promise<void>[] = [];

  constructor(options: ConnectProxyOptions) {
    this.#options = options;
    this.#tasks.push(this.#accept());
  }

  /** Its port. */
  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) this.#close(conn);
    await Promise.all(this.#tasks);
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.connections++;
      this.#open.add(conn);
      this.#tasks.push(this.#serve(conn).catch(() => {}).finally(() => this.#close(conn)));
    }
  }

  #close(conn: Deno.Conn): void {
    if (this.#open.delete(conn)) conn.close();
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const { closes, offers } = this.#options;
    await using dialogues = new AsyncDisposableStack();
    let logon: ProxyLogon | undefined;
    for (;;) {
      const request = await nextRequest(conn);
      if (request === undefined) return;
      const value = request.authorization;
      const credentials = value === undefined ? undefined : parseAuthorization(value);
      this.schemes.push(credentials?.scheme ?? "none");
      let challenges = offers;
      if (credentials?.scheme === "Basic" && this.#options.basic !== undefined) {
        const wanted = new TextEncoder().encode(this.#options.basic).toBase64();
        if (credentials.token === wanted) return await this.#tunnel(conn, request.target);
      } else if (credentials?.token !== undefined && this.#options.logon !== undefined) {
        logon ??= dialogues.use(this.#options.logon());
        const ours = await logon.step(Uint8Array.fromBase64(credentials.token)).catch(() => undefined);
        if (ours?.complete === true) return await this.#tunnel(conn, request.target);
        if (ours?.token !== undefined) challenges = [`${credentials.scheme} ${ours.token.toBase64()}`];
      }
      const close = closes === "all" || closes === "first" && value === undefined;
      const page = "<html>who are you?</html>".repeat(200);
      await write(
        conn,
        `HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: ${page.length}\r\n` +
          challenges.map((challenge) => `Proxy-Authenticate: ${challenge}\r\n`).join("") +
          (close ? "Proxy-Connection: close\r\n" : "") + `\r\n${page}`,
      );
      if (close) return;
    }
  }

  async #tunnel(conn: Deno.Conn, target: string): Promise<void> {
    const { hostname, port } = new URL(`http://${target}`);
    const far = await Deno.connect({ hostname, port: Number(port) });
    this.#open.add(far);
    await write(conn, "HTTP/1.1 200 Connection established\r\n\r\n");
    await Promise.allSettled([
      conn.readable.pipeTo(far.writable),
      far.readable.pipeTo(conn.writable),
    ]);
    // The streams have closed both.
    this.#open.delete(conn);
    this.#open.delete(far);
  }
}

interface Asked {
  readonly target: string;
  readonly authorization: string | undefined;
}

/** The next CONNECT, which has no body. */
async function nextRequest(conn: Deno.Conn): Promise<Asked | undefined> {
  const buffer = new Uint8Array(16_384);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    const count = await conn.read(buffer);
    if (count === null) return undefined;
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return {
    target: /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head)![1]!,
    authorization: /\r\nProxy-Authorization: (.*)\r\n/.exec(head)?.[1],
  };
}

async function write(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
