/** Listens for the API's connections without TLS, and keeps them within bounds. @module */
import type { Handler } from "../context.ts";
import { HttpConnection } from "./connection.ts";
import { within } from "./within.ts";

/** Connections at once. */
export const maxConnections = 10_000;
/** Milliseconds between looks at connections that are silent for too long. */
const checkMs = 1_000;
/** Milliseconds until the next try when the system gives no connection. */
const pauseMs = 100;
/** Milliseconds between two reports of that. */
const reportMs = 60_000;
/** Milliseconds in which what was cut ends. */
const cutMs = 200;

/** See the head of this file. */
export class HttpListener {
  readonly handler: Handler;
  readonly onError: (error: unknown) => void;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Map<HttpConnection, Promise<void>>();
  readonly #checks: ReturnType<typeof setInterval>;
  #closing = false;
  #reportedAt = -Infinity;

  /** Listens from now on. Throws what `Deno.listen` throws. */
  constructor(host: string, port: number, handler: Handler, onError: (error: unknown) => void) {
    this.handler = handler;
    this.onError = onError;
    this.#listener = Deno.listen({ hostname: host, port });
    this.#checks = setInterval(() => {
      const now = performance.now();
      for (const connection of this.#open.keys()) connection.check(now);
    }, checkMs);
    void this.#accept();
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Whether it was closed: answers are the last ones of their connections. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Takes no more connections, lets requests that have begun end for `graceMs`, and cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#listener.close();
    this.#cutWaiting();
    await within(graceMs, Promise.all(this.#open.values()));
    clearInterval(this.#checks);
    for (const connection of this.#open.keys()) connection.close();
    // A handler may still have an answer to make, for nobody.
    await within(cutMs, Promise.all(this.#open.values()));
  }

  async #accept(): Promise<void> {
    while (!this.#closing) {
      try {
        this.#take(await this.#listener.accept());
      } catch (error) {
        if (this.#closing) return;
        // A client that left while it was queued, or no descriptors: neither is a reason to stop serving.
        if (this.#cutWaiting() > 0) this.#report(error);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  #take(conn: Deno.TcpConn): void {
    if (this.#open.size >= maxConnections && this.#cutWaiting() === 0) return conn.close();
    const connection = new HttpConnection(conn, this);
    this.#open.set(connection, connection.serve().then(() => void this.#open.delete(connection)));
  }

  /** Cuts all that have no request under way: whoever only connects keeps nobody out. */
  #cutWaiting(): number {
    let cut = 0;
    for (const connection of this.#open.keys()) {
      if (!connection.waiting) continue;
      connection.close();
      cut++;
    }
    return cut;
  }

  #report(error: unknown): void {
    const now = performance.now();
    if (now - this.#reportedAt < reportMs) return;
    this.#reportedAt = now;
    this.onError(
      new Error("take connections: the system gave no more, those without a request were cut", {
        cause: error,
      }),
    );
  }
}
