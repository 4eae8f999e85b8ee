/** Test helper: a TLS server that is reached by any name. @module */
import type { TlsClientOptions } from "../../../actors/ports.ts";
import { createConnector, createListenerHost } from "../../../runtime/transports/mod.ts";
import { Recorder } from "./recorder.ts";

/** A certificate, with others behind it where there are, and its key: PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** A server with this certificate, and a proxy in front of it that takes every host for it. */
export class NamedServer implements AsyncDisposable {
  readonly #proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #tunnels: Promise<void>[] = [];
  readonly #close: () => void;

  private constructor(port: number, close: () => void) {
    this.#close = close;
    this.#tunnels.push(this.#accept(port));
  }

  /** Begins to listen. */
  static async with(identity: Identity): Promise<NamedServer> {
    const listening = Promise.withResolvers<number>();
    const handle = createListenerHost().listen(
      // OpenSSL sends what the platform would not.
      { host: "127.0.0.1", port: 0, tls: { ...identity, maxVersion: "TLSv1.3", engine: "openssl" } },
      {
        onListening: ({ port }) => listening.resolve(port),
        onConnection: (accept) => {
          const side = new Recorder();
          side.connection = accept(side);
        },
        onClosed: (error) => listening.reject(error),
      },
    );
    return new NamedServer(await listening.promise, () => handle.close());
  }

  /** `open`, or the error of a client that asks for `host`. */
  async outcome(
    host: string,
    tls: TlsClientOptions,
  ): Promise<{ readonly code: string; readonly message: string }> {
    const side = new Recorder();
    const proxy = { host: "127.0.0.1", port: this.#proxy.addr.port };
    side.connection = createConnector().connect({ host, port: 5986, timeoutMs: 30_000, proxy, tls }, side);
    const result = await Promise.race([
      side.opened.promise.then(() => ({ code: "open", message: "" })),
      side.closed.promise.then((error) => ({ code: error?.code ?? "closed", message: error?.message ?? "" })),
    ]);
    side.connection.abort();
    await side.closed.promise;
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#proxy.close();
    this.#close();
    for (const conn of this.#open) this.#drop(conn);
    await Promise.all(this.#tunnels);
  }

  #drop(conn: Deno.Conn): void {
    if (this.#open.delete(conn)) conn.close();
  }

  async #accept(port: number): Promise<void> {
    for await (const conn of this.#proxy) {
      this.#open.add(conn);
      this.#tunnels.push(this.#tunnel(conn, port).catch(() => {}).finally(() => this.#drop(conn)));
    }
  }

  async #tunnel(conn: Deno.Conn, port: number): Promise<void> {
    await conn.read(new Uint8Array(4096));
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    const far = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#open.add(far);
    const pass = async (from: Deno.Conn, to: Deno.Conn) => {
      const buffer = new Uint8Array(65_536);
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    };
    // Whichever ends first ends the other.
    await Promise.race([pass(conn, far), pass(far, conn)]).catch(() => {}).finally(() => this.#drop(far));
  }
}
