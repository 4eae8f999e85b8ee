/** What the steady load does again and again, each with the only result that is right. @module */
import { Buffer } from "node:buffer";
import type { Fleet, FleetHost, HostStatus, RunOptions } from "../../mod.ts";

/** Whom activities work with. */
export interface Cast {
  /** Fleets with the right password: NTLM with sealed messages, and Basic in clear. */
  readonly fleets: readonly Fleet[];
  /** The same hosts with a wrong password. */
  readonly strangers: Fleet;
  /** Hosts whose connection is cut at a request, in clear: by what is cut. */
  readonly dropped: { readonly fleet: Fleet; readonly command: string; readonly receive: string };
  /** A host where nobody listens. */
  readonly gone: string;
  /** Names of the hosts that work. */
  readonly hosts: readonly string[];
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** One thing to do. Throws {@link Unexpected} when anything but the right result comes out. */
export interface Activity {
  readonly name: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  run(cast: Cast): Promise<void>;
}

/** A result that is not the right one. */
export class Unexpected extends Error {}

interface Expected {
  readonly status: HostStatus;
  readonly exitCode?: number;
  readonly stdout?: Uint8Array;
}

const mega = 1024 * 1024;
const megaOfZeros = new Uint8Array(mega);
const hello = Buffer.from("hello\n");

/** All of them. */
export const activities: readonly Activity[] = [
  {
    name: "short",
    weight: 30,
    run: (cast) =>
      runOn(fleetOf(cast), pick(cast, 1), "echo hello", { status: "succeeded", exitCode: 0, stdout: hello }),
  },
  {
    name: "manyHosts",
    weight: 4,
    run: (cast) =>
      runOn(fleetOf(cast), pick(cast, 20), "echo hello", { status: "succeeded", exitCode: 0, stdout: hello }),
  },
  {
    name: "exitCode",
    weight: 10,
    run: (cast) => runOn(fleetOf(cast), pick(cast, 1), "exit 3", { status: "failed", exitCode: 3 }),
  },
  {
    name: "megabyte",
    weight: 8,
    run: (cast) =>
      runOn(fleetOf(cast), pick(cast, 1), `head -c ${mega} /dev/zero`, {
        status: "succeeded",
        exitCode: 0,
        stdout: megaOfZeros,
      }),
  },
  {
    name: "stdin",
    weight: 8,
    run: (cast) => {
      const stdin = bytesOf(cast, 200_000);
      return runOn(fleetOf(cast), pick(cast, 1), "cat", { status: "succeeded", exitCode: 0, stdout: stdin }, {
        stdin,
      });
    },
  },
  {
    name: "timeout",
    weight: 3,
    run: (cast) =>
      runOn(fleetOf(cast), pick(cast, 1), "echo hello; exec sleep 600", { status: "timedOut" }, {
        timeout: 3_000,
      }),
  },
  { name: "cancel", weight: 4, run: cancel },
  {
    name: "wrongPassword",
    weight: 4,
    run: (cast) => runOn(cast.strangers, pick(cast, 1), "echo hello", { status: "denied" }),
  },
  {
    name: "gone",
    weight: 2,
    run: (cast) => runOn(fleetOf(cast), [cast.gone], "echo hello", { status: "unreachable" }),
  },
  {
    name: "droppedCommand",
    weight: 2,
    run: ({ dropped: { fleet, command } }) => runOn(fleet, [command], "echo hello", { status: "unknown" }),
  },
  {
    name: "droppedReceive",
    weight: 2,
    run: ({ dropped: { fleet, receive } }) => runOn(fleet, [receive], "echo hello", { status: "unknown" }),
  },
  { name: "shell", weight: 6, run: shellWithCommands },
  { name: "shellAbort", weight: 3, run: shellWithAbort },
];

/** Runs a command on hosts and compares what comes of each. */
async function runOn(
  fleet: Fleet,
  hosts: readonly string[],
  command: string,
  expected: Expected,
  options: RunOptions = {},
): Promise<void> {
  const seen = new Map<string, { results: number; stdout: Uint8Array[]; wrong: string }>(
    hosts.map((host) => [host, { results: 0, stdout: [], wrong: "" }]),
  );
  for await (const event of fleet.run(command, { ...options, hosts: hosts.join(",") })) {
    const host = seen.get(event.host);
    if (host === undefined) throw new Unexpected(`${event.host}: it was not asked`);
    if (event.type === "output" && event.stream === "stdout") host.stdout.push(event.data);
    if (event.type !== "result") continue;
    host.results++;
    if (event.status !== expected.status || (expected.exitCode ?? event.exitCode) !== event.exitCode) {
      const { code, message } = event.error ?? { code: "", message: "" };
      host.wrong = `${event.status} ${event.exitCode ?? ""} ${code} ${message}`;
    }
  }
  for (const [name, { results, stdout, wrong }] of seen) {
    if (wrong !== "") throw new Unexpected(`${name}: ${wrong}`);
    if (results !== 1) throw new Unexpected(`${name}: ${results} results`);
    const { stdout: right } = expected;
    if (right !== undefined && !Buffer.concat(stdout).equals(right)) {
      throw new Unexpected(`${name}: other output than expected, ${Buffer.concat(stdout).length} bytes`);
    }
  }
}

/** Cancels a command that has begun to write. */
async function cancel(cast: Cast): Promise<void> {
  const [host] = pick(cast, 1);
  const run = fleetOf(cast).run("echo hello; exec sleep 600", { hosts: host! });
  let status: string | undefined;
  for await (const event of run) {
    if (event.type === "output") run.cancel();
    else if (event.type === "result") status = `${event.status} ${event.error?.code}`;
  }
  if (status !== "cancelled Cancelled") throw new Unexpected(`${host}: ${status}`);
}

/** A shell that stays for several commands. */
async function shellWithCommands(cast: Cast): Promise<void> {
  await using shell = await hostOf(cast).openShell();
  const stdin = bytesOf(cast, 10_000);
  const [first, second, third] = [
    await shell.run("echo hello"),
    await shell.run("cat", [], { stdin }),
    await shell.run("exit 7"),
  ];
  if (first.exitCode !== 0 || !hello.equals(first.stdout)) throw new Unexpected("shell: the first command");
  if (second.exitCode !== 0 || !Buffer.from(stdin).equals(second.stdout)) {
    throw new Unexpected("shell: the second command");
  }
  if (third.exitCode !== 7) throw new Unexpected("shell: the third command");
}

/** A shell in which one command is stopped, and the next one runs. */
async function shellWithAbort(cast: Cast): Promise<void> {
  await using shell = await hostOf(cast).openShell();
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort("enough"), 300);
  try {
    await shell.run("exec sleep 600", [], { signal: abort.signal });
    throw new Unexpected("shell: the stopped command exited");
  } catch (error) {
    if (error !== "enough") throw error;
  } finally {
    clearTimeout(timer);
  }
  const after = await shell.run("echo hello");
  if (after.exitCode !== 0 || !hello.equals(after.stdout)) {
    throw new Unexpected("shell: the command after the stopped one");
  }
}

function fleetOf({ fleets, random }: Cast): Fleet {
  return fleets[Math.floor(random() * fleets.length)]!;
}

function hostOf(cast: Cast): FleetHost {
  return fleetOf(cast).host(pick(cast, 1)[0]!);
}

function pick({ hosts, random }: Cast, count: number): string[] {
  const left = [...hosts];
  return Array.from(
    { length: Math.min(count, hosts.length) },
    () => left.splice(Math.floor(random() * left.length), 1)[0]!,
  );
}

function bytesOf({ random }: Cast, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 64) bytes[at] = Math.floor(random() * 256);
  return bytes;
}
