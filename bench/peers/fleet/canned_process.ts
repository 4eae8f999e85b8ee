/**
 * The far end of the canned cases: COUNT listeners from address number FIRST on, one port for all. Prints them as a JSON array
 * of `address:port`, and ends with its input.
 * @module
 */
import { serve } from "../../canned_server.ts";
import { freePort, loopbackAddress } from "./addresses.ts";

const [first, count] = Deno.args.map(Number) as [number, number];
const addresses = Array.from({ length: count }, (_, index) => loopbackAddress(first + index));
const port = freePort(addresses[0]!);
for (const hostname of addresses) accept(Deno.listen({ hostname, port }));
console.log(JSON.stringify(addresses.map((address) => `${address}:${port}`)));
for await (const _ of Deno.stdin.readable);
Deno.exit(0);

async function accept(listener: Deno.Listener): Promise<void> {
  for await (const connection of listener) serve(connection);
}
