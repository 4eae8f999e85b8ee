/** Memory of idle actors of one library, in a process of its own: arguments are its name and how many. @module */
import type { ActorPeer } from "./contract.ts";
import { settledMemory } from "./memory.ts";

const [name, count] = [Deno.args[0], Number(Deno.args[1])];
const { peer }: { peer: ActorPeer } = await import(`./${name}.ts`);
await peer.idle(1_000);
const before = await settledMemory();
const kept = await peer.idle(count);
const after = await settledMemory();
console.log(JSON.stringify({
  rss: (after.rss - before.rss) / count,
  heap: (after.heap - before.heap) / count,
  kept: kept !== undefined,
}));
Deno.exit(0);
