/** `drover ping`: which WS-Management service answers there. @module */
import { Command } from "commander";
import { describeLogon, type HostTarget, ping, type PingResult } from "../../actors/host/mod.ts";
import { inventoryFromHosts } from "../inventory/mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { readPem, targetOf } from "../client/targets.ts";
import { connectionLimit } from "../os/limits.ts";
import { createSystem } from "../system.ts";
import { createConnector } from "../transports/mod.ts";
import { addConnectionOptions, type ConnectionFlags, connectionOptions, seconds } from "./options.ts";
import { sanitize } from "./output/sanitize.ts";
import { withPasswords } from "./selection.ts";

interface PingFlags extends ConnectionFlags {
  readonly timeout: number;
}

/** The command. */
export function pingCommand(): Command {
  const command = new Command("ping")
    .summary("ask hosts which WS-Management service they run")
    .description(
      "Send WS-Management Identify to each host and show what answers. Without --user the request " +
        "goes without credentials (WSMANIDENTIFY: unauthenticated), unless --auth, --keytab or --ccache say how " +
        "to log on. Exit code 0: all answered.",
    )
    .argument("<host...>", "host, host:port or URL")
    .option("--timeout <seconds>", "per host", seconds, 10);
  return addConnectionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  drover ping web01 web02
  drover ping https://web01:5986/wsman --cert-validation ignore
  drover ping web01 --user admin --password-env PW --trust web01
  drover ping web01.corp.example --auth kerberos`,
    )
    .action(async (hosts: string[], flags: PingFlags) => {
      Deno.exitCode = await pingAll(hosts, flags);
    });
}

async function pingAll(names: readonly string[], flags: PingFlags): Promise<number> {
  const given = inventoryFromHosts(names);
  const { hosts } = isAnonymous(flags)
    ? given
    : await withPasswords(given, connectionOptions(flags), flags, false);
  const targets = hosts.map((host) => identifyTarget(targetOfHost(host, flags), flags));
  const system = createSystem();
  const connector = createConnector();
  const results = new Array<PingResult>(targets.length);
  let next = 0;
  // No more at once than the system has descriptors for.
  const work = async () => {
    for (let index = next++; index < targets.length; index = next++) {
      results[index] = await new Promise<PingResult>((resolve) =>
        system.spawn(ping(targets[index]!, connector, resolve))
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(targets.length, connectionLimit() ?? Infinity) }, work));
  await system.shutdown();
  let failed = 0;
  results.forEach((result, index) => {
    const name = targets[index]!.name;
    if (result.kind === "answered") {
      const { productVendor, productVersion, protocolVersion } = result.identity;
      const said = [productVendor, productVersion, protocolVersion].filter((text) => text !== "").join(", ");
      const logon = result.logon === undefined ? "" : `, ${describeLogon(result.logon)}`;
      console.log(sanitize(`${name}: ${said} (${Math.round(result.durationMs)} ms${logon})`));
    } else {
      failed++;
      console.error(sanitize(`${name}: ${result.error.code}: ${result.error.message}`));
    }
  });
  return failed === 0 ? 0 : 1;
}

/** Without an account there is nothing to prove and nothing to protect: any stand-in passes the checks of real targets. */
function targetOfHost(host: Parameters<typeof targetOf>[0], flags: PingFlags): HostTarget {
  const options = connectionOptions(flags);
  const given = isAnonymous(flags)
    ? { ...options, user: "anonymous", password: new Secret(""), trust: ["*"] }
    : options;
  return targetOf(host, given, readPem);
}

/** Tickets, keytabs and certificates say themselves whose they are. */
function isAnonymous({ user, auth, keytab, ccache }: PingFlags): boolean {
  return user === undefined && auth === undefined && keytab === undefined && ccache === undefined;
}

function identifyTarget(target: HostTarget, flags: PingFlags): HostTarget {
  const timeoutMs = flags.timeout * 1000;
  return {
    ...target,
    ...(isAnonymous(flags) ? { authentication: { kind: "anonymous" } as const } : {}),
    connect: { ...target.connect, timeoutMs },
    operationTimeoutMs: timeoutMs,
  };
}
