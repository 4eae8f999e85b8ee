/** A TCP relay that cuts connections where a test says. @module */

/** A relay in front of a port. */
export interface CuttingProxy extends AsyncDisposable {
  /** Address before which it stands. */
  readonly url: string;
  /** Connections that were cut. */
  readonly cuts: number;
}

/** Takes everything. */
const devNull = { write: (bytes: Uint8Array) => Promise.resolve(bytes.length) };

/**
 * Relays to `port`; each connection is cut when `afterBytes()` bytes of answers have gone through it, or, with `stalls`, stays open and
 * gives nothing more.
 */
export function cuttingProxy(port: number, afterBytes: () => number, stalls = false): CuttingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const relays = new Set<Promise<void>>();
  const sockets = new Set<Deno.Conn>();
  let cuts = 0;

  async function relay(from: Deno.Conn): Promise<void> {
    const to = await Deno.connect({ hostname: "127.0.0.1", port });
    for (const socket of [from, to]) sockets.add(socket);
    let left = afterBytes();
    const close = () => {
      for (const socket of [from, to]) {
        if (sockets.delete(socket)) socket.close();
      }
    };
    const pump = async (source: Deno.Conn, sink: Pick<Deno.Conn, "write">, counts: boolean) => {
      const buffer = new Uint8Array(16_384);
      while (true) {
        const size = await source.read(buffer);
        if (size === null) return;
        const part = buffer.subarray(0, counts ? Math.min(size, left) : size);
        for (let at = 0; at < part.length;) at += await sink.write(part.subarray(at));
        if (!counts) continue;
        left -= size;
        if (left > 0) continue;
        cuts++;
        if (!stalls) return;
        left = Infinity;
        counts = false;
        sink = devNull;
      }
    };
    await Promise.race([pump(from, to, false), pump(to, from, true)].map((end) => end.catch(() => {})));
    close();
  }

  const accepting = (async () => {
    for await (const socket of listener) {
      const ended = relay(socket).catch(() => socket.close());
      relays.add(ended);
      ended.then(() => relays.delete(ended));
    }
  })();
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    get cuts() {
      return cuts;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const socket of sockets) {
        sockets.delete(socket);
        socket.close();
      }
      await Promise.all(relays);
    },
  };
}
