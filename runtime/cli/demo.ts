/** `deno task demo`: a fleet of real WinRM services on this machine, and one command on all of them. @module */
import { Command } from "commander";
import { NetworkError, UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { Fleet } from "../client/fleet.ts";
import { type Inventory, loadInventory } from "../inventory/mod.ts";
import { fileDescriptorLimit } from "../os/limits.ts";
import { type DemoGreeting, demoPasswordVariable, demoUser } from "./demo_services.ts";
import { interruptible } from "./interrupt.ts";
import { runCommandLine } from "./main.ts";
import { positiveInteger } from "./options.ts";
import { showRun } from "./run_report.ts";

interface DemoFlags {
  readonly hosts: number;
  readonly keep?: boolean;
}

/** Hosts have addresses 127.0.0.2 to 127.0.255.255. */
const maxHosts = 60_000;

/** Descriptors of one host while it works: listener, two connections at both ends, and the pipes of its command. */
const descriptorsPerHost = 4;
const descriptorsBeside = 300;

/** A line for /bin/sh that takes a different while on each host. */
const demoCommand =
  'echo "hello from $(uname -n), shell $$"; sleep 0.$(( $$ % 9 )); echo "done at $(date +%T)"';

/** How this machine's user calls Deno: npm tells its children that they run under `npx`. */
const deno = Deno.env.get("npm_command") === "exec" ? "npx -y deno" : "deno";

/** The command. */
export function demoCommandLine(): Command {
  return new Command("demo")
    .description("Start real WinRM services on loopback addresses and run a command on all of them.")
    .option("--hosts <number>", "how many", positiveInteger, 20)
    .option("--keep", "leave the services running until Ctrl-C")
    .action(async (flags: DemoFlags) => {
      Deno.exitCode = await demo(flags);
    });
}

async function demo(flags: DemoFlags): Promise<number> {
  checkLimits(flags.hosts);
  const password = new Secret(crypto.getRandomValues(new Uint8Array(12)).toBase64({ alphabet: "base64url" }));
  console.log(`Starting ${flags.hosts} WinRM services in a process of their own …`);
  // From here on there is something to clean up, whenever Ctrl-C comes.
  const interrupted = Promise.withResolvers<void>();
  let stopping = false;
  using _interrupt = interruptible(() => {
    stopping = true;
    interrupted.resolve();
  });
  await using services = await startServices(flags.hosts, password);
  if (stopping) return 1;
  const { folder, inventory, file } = writeInventory(services.addresses, password);
  try {
    const first = services.addresses[0]!;
    const last = services.addresses.at(-1)!;
    console.log(
      `They listen on ${first.host}:${first.port} … ${last.host}:${last.port}. Running over HTTP with`,
    );
    console.log("Negotiate (NTLM), every message signed and sealed:\n");
    console.log(`  drover exec -i hosts.yml -- '${demoCommand}'\n`);
    const code = await run(inventory);
    if (stopping) return code;
    if (flags.keep === true) {
      showAccount(first, file, password);
      await interrupted.promise;
    } else {
      console.log("\nTry next:");
      console.log(`  ${deno} task demo --hosts 200`);
      console.log(`  ${deno} task demo --keep        and use the services from another terminal`);
      console.log(`  ${deno} task drover exec --help`);
    }
    return code;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function run(inventory: Inventory): Promise<number> {
  await using fleet = new Fleet({ inventory, throttle: 64 });
  const started = performance.now();
  const run = fleet.run(demoCommand, { timeout: 60_000 });
  return await showRun(run, {
    hosts: inventory.hosts.map((host) => host.name),
    started,
    cancel: () => run.cancel(),
  });
}

function showAccount(first: { host: string; port: number }, file: string, password: Secret): void {
  console.log(`
The services stay up until Ctrl-C.
  account    ${demoUser}
  password   ${password.reveal()}
  inventory  ${file}

From another terminal:
  ${deno} task drover exec -i ${file} -- uname -a

Or with pywinrm (pip install pywinrm):
  import winrm
  session = winrm.Session("http://${first.host}:${first.port}/wsman",
      auth=("${demoUser}", "${password.reveal()}"), transport="ntlm")
  print(session.run_cmd("uname", ["-a"]).std_out)`);
}

function checkLimits(hosts: number): void {
  if (hosts > maxHosts) {
    throw new UsageError("TooManyHosts", `start services: at most ${maxHosts} hosts fit into 127.0.0.0/16`);
  }
  const limit = fileDescriptorLimit();
  const needed = hosts * descriptorsPerHost + descriptorsBeside;
  if (limit !== undefined && limit.soft < needed) {
    throw new UsageError(
      "TooFewDescriptors",
      `start services: ${hosts} hosts need ${needed} open files, the limit is ${limit.soft}; ` +
        `raise it with ulimit -n ${needed}, or use fewer --hosts`,
    );
  }
}

interface DemoServices extends AsyncDisposable {
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
}

async function startServices(hosts: number, password: Secret): Promise<DemoServices> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.resolve("./demo_services.ts"), String(hosts)],
    env: { [demoPasswordVariable]: password.reveal() },
    stdin: "piped",
    stdout: "piped",
    // Ctrl-C is for this process; it ends the services by closing their input.
    detached: true,
  }).spawn();
  const input = child.stdin.getWriter();
  const stop = async () => {
    await input.close().catch(() => {});
    await child.status;
  };
  const greeting = await readGreeting(child.stdout);
  if (greeting.kind === "failed") {
    await stop();
    throw new NetworkError("DemoFailed", greeting.message);
  }
  return { addresses: greeting.addresses, [Symbol.asyncDispose]: stop };
}

async function readGreeting(output: ReadableStream<Uint8Array>): Promise<DemoGreeting> {
  let text = "";
  for await (
    const part of output.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  ) {
    text += part;
    if (text.includes("\n")) return JSON.parse(text);
  }
  return { kind: "failed", message: "start services: their process ended at once" };
}

/** The inventory that the demo uses is a file, only for its owner's eyes, so that `--keep` can hand it to the reader. */
function writeInventory(
  addresses: DemoServices["addresses"],
  password: Secret,
): { folder: string; file: string; inventory: Inventory } {
  const width = String(addresses.length).length;
  const hosts = addresses.map(({ host, port }, index) =>
    `    demo${String(index + 1).padStart(width, "0")}: {ansible_host: ${host}, ansible_port: ${port}}\n`
  );
  const folder = Deno.makeTempDirSync({ prefix: "drover-demo-" });
  const file = `${folder}/hosts.yml`;
  const vars = `{ansible_connection: winrm, ansible_winrm_scheme: http, ansible_user: ${demoUser}, ` +
    `ansible_password: "${password.reveal()}"}`;
  Deno.writeTextFileSync(file, `all:\n  vars: ${vars}\n  hosts:\n${hosts.join("")}`, { mode: 0o600 });
  return { folder, file, inventory: loadInventory(file) };
}

if (import.meta.main) await runCommandLine(demoCommandLine(), Deno.args);
