/**
 * Services of ours for the matrix, one for each setting. Prints their ports as a line of JSON, then one for each logon; ends with
 * its standard input.
 *
 * usage: services.ts CERTIFICATES KEYTAB (the password of all users is in DROVER_PASSWORD)
 * @module
 */
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { type Column, columns, impossible, rows, userOf } from "./table.ts";

/** Ports of a service: HTTP and HTTPS. */
type Pair = readonly [http: number, https: number];

/** Ports of all services. */
export interface Ports {
  readonly usual: Pair;
  readonly unencrypted: Pair;
  readonly strict: Pair;
  readonly none: Pair;
}

if (import.meta.main) await main(Deno.args as [string, string]);

async function main([identity, keytab]: readonly [string, string]): Promise<void> {
  const { tls, certificates } = JSON.parse(await Deno.readTextFile(identity));
  const password = new Secret(Deno.env.get("DROVER_PASSWORD")!);
  const accounts = new Accounts();
  accounts.add("alice", password, undefined);
  accounts.add("certified", undefined, undefined);
  for (const row of rows) {
    if (row.server !== "Drover") continue;
    for (const column of Object.keys(columns) as Column[]) {
      if (impossible(row, column) === undefined) accounts.add(userOf(row, column), password, undefined);
    }
  }
  await using stack = new AsyncDisposableStack();
  const start = async (settings: Record<string, string>, allowUnencrypted = false): Promise<Pair> => {
    const service = stack.use(
      await startService({
        listeners: [{ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port: 0, tls }],
        accounts,
        auth: ["negotiate", "kerberos", "credssp", "basic", "certificate"],
        certificates,
        keytab,
        settings,
        allowUnencrypted,
        onEvent: (event) => {
          if (event.kind === "logon") say({ user: event.user, mechanism: event.mechanism ?? event.scheme });
        },
      }),
    );
    return [service.addresses[0]!.port, service.addresses[1]!.port];
  };
  say(
    {
      usual: await start({}),
      unencrypted: await start({}, true),
      strict: await start({ CbtHardeningLevel: "Strict" }),
      none: await start({ CbtHardeningLevel: "None" }),
    } satisfies Ports,
  );
  await Deno.stdin.readable.pipeTo(new WritableStream());
}

function say(value: unknown): void {
  console.log(JSON.stringify(value));
}
