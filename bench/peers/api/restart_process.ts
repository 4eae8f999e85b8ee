/** A daemon that finds unfinished work in the store that is its argument; says where it listens, and how long its start took. @module */
const begun = performance.now();
const { Secret } = await import("../../../protocol/secret.ts");
const { Daemon } = await import("../../../runtime/daemon/daemon.ts");
const { inventoryFromHosts } = await import("../../../runtime/inventory/mod.ts");
const { openStore } = await import("../../../runtime/store/mod.ts");

const loaded = performance.now();
const hosts = Array.from({ length: 1_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}:9`);
const daemon = await Daemon.start({
  store: await openStore({ path: Deno.args[0]! }),
  inventory: inventoryFromHosts(hosts),
  connection: { user: "bench", password: new Secret("bench"), auth: "ntlm" },
  host: "127.0.0.1",
  port: 0,
  drainMs: 100,
  onError: (error) => console.error("daemon:", error),
});
const ready = performance.now();
console.log(JSON.stringify({ url: daemon.url, loadMs: loaded - begun, startMs: ready - loaded }));
for await (const _ of Deno.stdin.readable);
await daemon.stop();
