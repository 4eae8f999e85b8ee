/** What comes of a connection through a proxy. @module */
import type { ProxyOptions } from "../../actors/ports.ts";
import type { NetworkError } from "../../protocol/errors.ts";
import { createConnector } from "../../runtime/transports/mod.ts";
import { Recorder } from "../runtime/transports/recorder.ts";

/** What came back of what was sent through the tunnel, or why there is none. */
export interface ProxyOutcome {
  readonly text: string;
  readonly error: NetworkError | undefined;
}

/** Sends `hello` through the proxy to a host that sends back what it gets. */
export async function helloThrough(proxy: ProxyOptions): Promise<ProxyOutcome> {
  const host = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echo = host.accept().then((conn) => conn.readable.pipeTo(conn.writable)).catch(() => {});
  const side = new Recorder();
  const target = { host: "127.0.0.1", port: host.addr.port, timeoutMs: 20_000, proxy };
  side.connection = createConnector().connect(target, side);
  const opened = await Promise.race([side.opened.promise, side.closed.promise.then(() => undefined)]);
  if (opened !== undefined) {
    side.connection.write(new TextEncoder().encode("hello"));
    await Promise.race([side.got(5), side.closed.promise]);
  }
  side.connection.abort();
  const error = await side.closed.promise;
  host.close();
  await echo;
  // What stood was closed by us.
  return { text: side.text, error: opened === undefined ? error : undefined };
}
