/** Addresses for many pretended machines on one. @module */

/** The loopback address of host number `index`: 127.1.1.1, 127.1.1.2, … 250 to a network. Linux answers to all of them. */
export function loopbackAddress(index: number): string {
  return `127.1.${1 + Math.floor(index / 250)}.${1 + index % 250}`;
}

/** A port that is free at `address` now. */
export function freePort(address: string): number {
  using listener = Deno.listen({ hostname: address, port: 0 });
  return listener.addr.port;
}
