/** `drover exec` itself on many hosts with canned answers. @module */
import { fileURLToPath } from "node:url";
import { usageOf } from "../peers/fleet/process_usage.ts";
import type { FarEnd } from "./processes.ts";
import { report } from "./report.ts";

const program = fileURLToPath(new URL("../../runtime/cli/main.ts", import.meta.url));
/** How often the memory of the process is looked at; its peak is kept by the system, so only the end matters. */
const sampleMs = 20;

/** Runs one command on all hosts of `farEnd` from an inventory file, and checks every line of what is printed. */
export async function commandLine(farEnd: FarEnd, throttle: number): Promise<void> {
  const { hosts } = farEnd;
  const folder = await Deno.makeTempDir({ prefix: "drover-bench-" });
  const inventory = `${folder}/hosts.txt`;
  try {
    await Deno.writeTextFile(inventory, hosts.map((host) => `${host}\n`).join(""));
    const started = performance.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", program, "exec", "-i", inventory, "--throttle", `${throttle}`],
        ...["--user", "bench", "--password-env", "BENCH", "--auth", "basic", "--", "hostname"],
      ],
      // What it notes about its runs goes away with the folder.
      env: { BENCH: "bench", XDG_STATE_HOME: folder },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let usage = usageOf(child.pid);
    const timer = setInterval(() => {
      const now = usageOf(child.pid);
      if (now.peakMb > 0) usage = now;
    }, sampleMs);
    let firstOutputMs = 0;
    let printed = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      firstOutputMs ||= performance.now() - started;
      printed += text;
    }
    const { code } = await child.status;
    const ms = performance.now() - started;
    clearInterval(timer);
    check(hosts, printed, code);
    report(`cli${hosts.length}`, "drover", {
      succeeded: hosts.length,
      seconds: ms / 1000,
      at_once: throttle,
      first_output_ms: firstOutputMs,
      rss_client_mb: usage.peakMb,
      cpu_client_s: usage.cpuSeconds,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One line of output for each host, and a last line that counts them all. */
function check(hosts: readonly string[], printed: string, code: number): void {
  const answered = new Set([...printed.matchAll(/^(\S+) +\| WEB01$/gm)].map(([, host]) => host));
  const last = printed.trimEnd().split("\n").at(-1) ?? "";
  const expected = `${hosts.length} hosts: ${hosts.length} succeeded in `;
  if (code === 0 && hosts.every((host) => answered.has(host)) && last.startsWith(expected)) return;
  throw new Error(
    `run drover exec: code ${code}, output of ${answered.size} of ${hosts.length} hosts, at last "${last}"`,
  );
}
