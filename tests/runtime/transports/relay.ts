/** Test helper: a TCP relay that cuts, slows down or spoils what passes. @module */

/** What it does to the bytes. */
export interface RelayOptions {
  /** Closes both connections when so many bytes have passed in this direction (forward: to the server). */
  readonly direction?: "forward" | "backward";
  readonly at?: number;
  /** Passes bytes on in pieces of this size, with a turn of the loop between them. */
  readonly pieces?: number;
}

/** One that takes one connection. */
export class Relay implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  /** Bytes that have passed to the server. */
  forward = 0;
  readonly #listener: Deno.TcpListener;
  readonly #options: RelayOptions;
  readonly #conns: Deno.TcpConn[] = [];
  readonly #work: Promise<void>;
  #spoiling = false;

  private constructor(listener: Deno.TcpListener, port: number, options: RelayOptions) {
    this.#listener = listener;
    this.port = listener.addr.port;
    this.#options = options;
    this.#work = this.#run(port);
  }

  /** One that passes everything on to a port of this machine. */
  static to(port: number, options: RelayOptions = {}): Promise<Relay> {
    return Promise.resolve(new Relay(Deno.listen({ hostname: "127.0.0.1", port: 0 }), port, options));
  }

  /** Ends both connections as TCP does in order. */
  end(): void {
    for (const conn of this.#conns) conn.closeWrite().catch(() => {});
  }

  /** Changes a bit of each piece to the server from now on. */
  spoil(): void {
    this.#spoiling = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await this.#work;
  }

  async #run(port: number): Promise<void> {
    try {
      const client = await this.#listener.accept();
      this.#conns.push(client);
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#conns.push(server);
      const { direction, at } = this.#options;
      if (at === 0) return this.#close();
      await Promise.all([
        this.#pass(client, server, "forward", direction === "forward" ? at : undefined),
        this.#pass(server, client, "backward", direction === "backward" ? at : undefined),
      ]);
    } catch {
      // Closed, by us or by the peers.
      this.#close();
    }
  }

  async #pass(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    direction: "forward" | "backward",
    at = Infinity,
  ): Promise<void> {
    const buffer = new Uint8Array(65_536);
    let passed = 0;
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      const bytes = buffer.subarray(0, Math.min(count, at - passed));
      if (this.#spoiling && direction === "forward") bytes[bytes.length - 1]! ^= 1;
      await this.#send(to, bytes);
      passed += bytes.length;
      if (direction === "forward") this.forward = passed;
      if (passed >= at) return this.#close();
    }
    await to.closeWrite();
  }

  async #send(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    const size = this.#options.pieces ?? bytes.length;
    for (let start = 0; start < bytes.length; start += size) {
      const piece = bytes.subarray(start, start + size);
      for (let sent = 0; sent < piece.length;) sent += await to.write(piece.subarray(sent));
      if (this.#options.pieces !== undefined) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #close(): void {
    for (const closable of [this.#listener, ...this.#conns]) {
      try {
        closable.close();
      } catch {
        // It is already.
      }
    }
  }
}
