/** Memory of idle actors of one library, in a process of its own: arguments are its name, how many, `idle` or `passive`. @module */
import type { ActorPeer } from "./contract.ts";
import { settledMemory } from "./memory.ts";

const [name, count] = [Deno.args[0], Number(Deno.args[1])];
const { peer }: { peer: ActorPeer } = await import(`./${name}.ts`);
const make = Deno.args[2] === "passive" ? peer.passive! : peer.idle;
await make(1_000);
const before = await settledMemory();
const kept = await make(count);
const after = await settledMemory();
console.log(JSON.stringify({
  rss: (after.rss - before.rss) / count,
  heap: (after.heap - before.heap) / count,
  kept: kept !== undefined,
}));
Deno.exit(0);
