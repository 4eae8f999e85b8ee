/** Ports for programs that cannot take any port, and a wait for them. @module */

/** Longest that a program may take until it listens, in milliseconds. */
const patience = 60_000;

/**
 * A port that was free just now, outside of those that the system gives to whoever asks for any. Somebody may take it all the same: see
 * {@link listens}.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + crypto.getRandomValues(new Uint32Array(1))[0]! % 20_000;
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Waits until `child` listens at `port`; `false`: it has ended, as it does when somebody else has taken the port. */
export async function listens(port: number, child: Deno.ChildProcess): Promise<boolean> {
  let ended = false;
  void child.status.then(() => ended = true);
  const until = performance.now() + patience;
  while (!ended) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return false;
}

/** Starts something at a port of its own; tries others when it has ended at once. */
export async function startAtFreePort<T>(start: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 5; tries++) {
    const started = await start();
    if (started !== undefined) return started;
  }
  throw new Error("start at a free port: it ended five times before it listened");
}
