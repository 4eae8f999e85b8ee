/** TCP to a target: straight, or through a proxy's tunnel (CONNECT, RFC 9110 section 9.3.6). @module */
import type { ConnectTarget, ProxyOptions } from "../../actors/ports.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { hostPort, networkError } from "./network_errors.ts";
import { askProxy, type ProxyAnswer } from "./proxy_answer.ts";
import { chooseScheme, logOnToProxy } from "./proxy_logon.ts";

/** Opens a socket whose other end is `target`; the addresses of all families are tried. */
export async function dial(target: ConnectTarget, signal: AbortSignal): Promise<Deno.TcpConn> {
  const { host, port, proxy } = target;
  if (proxy === undefined) return await Deno.connect({ hostname: host, port, signal });
  using tunnel = new Tunnel(proxy, hostPort(host, port), signal);
  return await tunnel.open();
}

/** A connection to a proxy that becomes one to `authority`. */
class Tunnel implements Disposable {
  readonly #proxy: ProxyOptions;
  readonly #name: string;
  readonly #authority: string;
  readonly #signal: AbortSignal;
  /** The connection while it is ours to close. */
  #conn: Deno.TcpConn | undefined;
  readonly #close = () => {
    this.#conn?.close();
    this.#conn = undefined;
  };

  constructor(proxy: ProxyOptions, authority: string, signal: AbortSignal) {
    this.#proxy = proxy;
    this.#name = hostPort(proxy.host, proxy.port);
    this.#authority = authority;
    this.#signal = signal;
    signal.addEventListener("abort", this.#close, { once: true });
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#close);
    this.#close();
  }

  async open(): Promise<Deno.TcpConn> {
    let conn = await this.#reach();
    try {
      // Which schemes there are comes first: nothing of the credentials is said to a proxy that does not ask.
      let answer = await this.#ask(conn);
      const { credential } = this.#proxy;
      const scheme = answer.status === 407 && credential !== undefined
        ? chooseScheme(answer.challenges, credential)
        : undefined;
      if (scheme !== undefined) {
        if (!answer.reusable) conn = await this.#reach();
        const proxy = { host: this.#proxy.host, name: this.#name };
        answer = await logOnToProxy(scheme, credential!, proxy, (value) => this.#ask(conn, value));
      }
      if (answer.status < 200 || answer.status >= 300) throw this.#refused(answer, scheme !== undefined);
    } catch (error) {
      if (error instanceof NetworkError) throw error;
      const { message } = networkError(error, `talk to proxy ${this.#name}`);
      throw new NetworkError("ProxyFailed", message, { cause: error });
    }
    this.#conn = undefined;
    return conn;
  }

  /** Opens a connection to the proxy, in the place of any before. */
  async #reach(): Promise<Deno.TcpConn> {
    this.#close();
    const { host, port } = this.#proxy;
    try {
      this.#conn = await Deno.connect({ hostname: host, port, signal: this.#signal });
      this.#signal.throwIfAborted();
      return this.#conn;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const { message } = networkError(error, `reach proxy ${this.#name}`);
      throw new NetworkError("ProxyUnreachable", message, { cause: error });
    }
  }

  #ask(conn: Deno.TcpConn, authorization?: string): Promise<ProxyAnswer> {
    return askProxy(conn, this.#authority, this.#name, authorization);
  }

  /** `answered`: we have answered one of the proxy's offers. */
  #refused({ status, challenges }: ProxyAnswer, answered: boolean): NetworkError {
    const action = `reach ${this.#authority}: proxy ${this.#name}`;
    if (status === 407) {
      const offers = challenges.map(({ scheme }) => scheme).join(", ") || "nothing";
      const user = this.#proxy.credential?.user;
      return new NetworkError(
        "ProxyAuthenticationRequired",
        user === undefined
          ? `${action} wants a user and a password (HTTP 407, it offers ${offers}); ` +
            "use --proxy-user and --proxy-password-env"
          : answered
          ? `${action} refused the credentials of ${user} (HTTP 407, it offers ${offers})`
          : `${action} offers no logon that may be used (HTTP 407, it offers ${offers}; NTLM and Negotiate are used, and Basic, ` +
            "which sends the password in clear, with --proxy-basic)",
      );
    }
    return new NetworkError(
      status === 403 ? "ProxyDenied" : "ProxyFailed",
      `${action} opens no connection to it (HTTP ${status})`,
    );
  }
}
