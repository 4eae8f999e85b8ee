/** A TCP proxy that cuts a connection when a request of one kind goes through it; the next connection works until then. @module */
import { Buffer } from "node:buffer";

/** A proxy that runs. */
export interface Dropper extends Disposable {
  readonly port: number;
}

/**
 * Passes bytes between its clients and `target` (`address:port`). A request whose text has `mark` in it is passed on, and
 * its connection is cut before the answer. Requests must be in clear.
 */
export function startDropper(target: string, mark: string): Dropper {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  acceptAll(listener, target, mark);
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

async function acceptAll(listener: Deno.TcpListener, target: string, mark: string): Promise<void> {
  const at = target.lastIndexOf(":");
  const hostname = target.slice(0, at);
  const port = Number(target.slice(at + 1));
  for await (const client of listener) {
    try {
      const server = await Deno.connect({ hostname, port });
      passOn(client, server, mark);
    } catch {
      client.close();
    }
  }
}

function passOn(client: Deno.Conn, server: Deno.Conn, mark: string): void {
  let open = true;
  const cut = () => {
    if (!open) return;
    open = false;
    client.close();
    server.close();
  };
  let tail = "";
  copy(client, server, (bytes) => {
    const text = tail + Buffer.from(bytes).toString("latin1");
    tail = text.slice(-mark.length);
    return text.includes(mark);
  }).finally(cut);
  copy(server, client, () => false).finally(cut);
}

/** Until the end of `from`, an error, or until `isLast` says so of what was passed on. */
async function copy(from: Deno.Conn, to: Deno.Conn, isLast: (bytes: Uint8Array) => boolean): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
      const bytes = buffer.subarray(0, n);
      for (let at = 0; at < n;) at += await to.write(bytes.subarray(at));
      if (isLast(bytes)) return;
    }
  } catch {
    // One of the two is gone; so will be the other.
  }
}
