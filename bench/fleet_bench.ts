/**
 * Suite `fleet`: many hosts and much output, client and far ends each in processes of their own.
 *
 * Real processes behind our service, NTLM, messages sealed: `hosts1000` (`--quick`: `hosts200`), and `hosts100` in turns with
 * pywinrm. Canned answers, Basic in clear: `cost` (one host among 100 to 10,000), `canned10000-…` (all in one client;
 * `--quick`: `canned3000-…`) and `cli10000` (`drover exec`). `stdout1g-…`: one host writes a gigabyte (`--quick`: 128 MB).
 * @module
 */
import { allowsConnections, costPerHost, oneClient } from "./fleet/canned_hosts.ts";
import { commandLine } from "./fleet/command_line.ts";
import { muchOutput } from "./fleet/much_output.ts";
import { startFarEnd } from "./fleet/processes.ts";
import { besidePywinrm, manyHosts } from "./fleet/real_hosts.ts";
import { report } from "./fleet/report.ts";

const quick = Deno.args.includes("--quick");
const most = quick ? 3_000 : 10_000;
const sizes = quick ? [100, 1_000] : [100, 300, 1_000, 3_000, most];
/** The same for all sizes, so that only the number of hosts differs. */
const costThrottle = 100;
/** Each size is measured so often, in turns; noise only adds, so the lowest counts for the ratio. */
const passes = quick ? 1 : 3;
/** Rounds of 100 hosts before each. */
const warmUpRounds = quick ? 10 : 30;
const outputBytes = (quick ? 128 : 1_024) * 1024 * 1024;

async function cannedHosts(): Promise<void> {
  if (!allowsConnections(most)) return;
  await using farEnd = await startFarEnd("canned_process.ts", most);
  const lowest = new Map<number, number>();
  for (let pass = 0; pass < passes; pass++) {
    for (const size of sizes) {
      const { cpuMicrosPerHost } = await costPerHost(farEnd, size, costThrottle, warmUpRounds);
      lowest.set(size, Math.min(cpuMicrosPerHost, lowest.get(size) ?? Infinity));
    }
  }
  const costs = [...lowest.values()];
  report("cost", "drover", {
    from: sizes[0]!,
    to: sizes.at(-1)!,
    last_to_first: costs.at(-1)! / costs[0]!,
    highest_to_lowest: Math.max(...costs) / Math.min(...costs),
  });
  await oneClient(farEnd, most, 1_000);
  if (quick) return;
  await oneClient(farEnd, most, most);
  await commandLine(farEnd, 1_000);
}

async function main(): Promise<void> {
  if (Deno.build.os !== "linux") {
    console.log(
      "absent: the hosts are addresses of 127.0.0.0/8 and the figures come from /proc, both of Linux",
    );
    return;
  }
  await manyHosts(quick ? 200 : 1_000, 64);
  await besidePywinrm(100, 50, quick ? 1 : 3);
  await cannedHosts();
  await muchOutput("stdout1g-basic", "basic", outputBytes);
  await muchOutput("stdout1g-ntlm", "negotiate", outputBytes);
}

await main();
