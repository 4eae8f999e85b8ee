/** A daemon that cannot start. @module */
import assert from "node:assert/strict";
import { Daemon } from "../../../runtime/daemon/daemon.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { openStore } from "../../../runtime/store/mod.ts";

Deno.test("a daemon whose port is taken leaves nothing open: neither the process stays, nor the store's lock", async () => {
  const folder = await Deno.makeTempDir({ prefix: "drover-daemon-" });
  await Deno.chmod(folder, 0o700);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const path = `${folder}/drover.db`;
  const store = await openStore({ path });
  await assert.rejects(
    Daemon.start({
      store,
      inventory: inventoryFromHosts([]),
      connection: {},
      livesDir: `${path}.lives`,
      host: "127.0.0.1",
      port: taken.addr.port,
    }),
    { code: "ListenFailed", message: /the port is in use/ },
  );
  // Timers and threads that are left are found by the sanitizers.
  await (await openStore({ path })).close();
  await Deno.remove(folder, { recursive: true });
});
