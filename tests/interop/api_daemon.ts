/** A daemon for foreign clients of its API. @module */
import { Secret } from "../../protocol/secret.ts";
import { Daemon, firstToken } from "../../runtime/daemon/daemon.ts";
import { inventoryFromHosts } from "../../runtime/inventory/mod.ts";
import { openStore } from "../../runtime/store/mod.ts";

/** It runs in the process of the test. */
export interface ApiDaemon extends AsyncDisposable {
  readonly url: string;
  /** A token that may do everything. */
  readonly token: string;
  /** A folder for whatever the client writes. */
  readonly folder: string;
  /** What it called internal errors. */
  readonly errors: readonly unknown[];
}

/** Starts it; its hosts are at these addresses, tried once each. */
export async function apiDaemon(hosts: readonly string[], password: string): Promise<ApiDaemon> {
  const folder = await Deno.makeTempDir({ prefix: "drover-interop-" });
  await Deno.chmod(folder, 0o700);
  const store = await openStore({ path: `${folder}/drover.db` });
  const token = (await firstToken(store))!;
  const errors: unknown[] = [];
  const daemon = await Daemon.start({
    store,
    inventory: inventoryFromHosts(hosts),
    connection: { user: "demo", password: new Secret(password), auth: "basic", connectRetries: 0 },
    host: "127.0.0.1",
    port: 0,
    onError: (error) => errors.push(error),
  });
  return {
    url: daemon.url,
    token,
    folder,
    errors,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
