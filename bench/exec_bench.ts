/**
 * Suite `exec`: winrs commands per second of our client and its peers, against the same canned answers from a process
 * of its own. Every command is five requests in a shell of its own (Create, Command, Receive, Signal, Delete); in the
 * cases `reuse…` a shell per worker takes all its commands (three requests each).
 *
 * `floor` sends the requests' bytes over plain sockets and reads the answers without looking into them: what the
 * server and the machine allow. Rates depend on what else the machine does, processor time of the client per command
 * (`cpu_us`) much less: both are told.
 * @module
 */
import { Buffer } from "node:buffer";
import { cpuUsage } from "node:process";
import { fileURLToPath } from "node:url";
import { interopEnvironment } from "../tests/interop/environment.ts";
import { startCannedServer } from "./canned_server.ts";

/** One measurement that an implementation is asked for. */
interface Case {
  readonly name: string;
  readonly concurrency: number;
  readonly reuse: boolean;
}

/** What a run has measured. */
interface Figures {
  /** Commands per second. */
  readonly rate: number;
  /** Microseconds of processor time of the client per command, its start included where it is a program of its own. */
  readonly cpuUs: number;
}

/** What `bench/peers/drover_exec.ts` exports as `runDroverExec`: gives back commands per second. */
type DroverExec = (
  job: { endpoint: string; commands: number; concurrency: number; reuse: boolean },
) => Promise<number>;

/** An implementation under measurement. */
interface Implementation {
  readonly name: string;
  /** About how many commands a second, to choose how many to run. */
  readonly expected: number;
  /** Highest concurrency that it is asked for. */
  readonly most: number;
  run(count: number, c: Case): Promise<Figures>;
}

const cases: readonly Case[] = [
  { name: "c1", concurrency: 1, reuse: false },
  { name: "c32", concurrency: 32, reuse: false },
  { name: "c256", concurrency: 256, reuse: false },
  { name: "reuse1", concurrency: 1, reuse: true },
  { name: "reuse32", concurrency: 32, reuse: true },
];

/** Ratios that are asked for: at which case, against whom, what to reach now and later. */
const targets = [
  { case: "c32", peer: "masterzen", now: 2, later: 4 },
  { case: "c32", peer: "pywinrm", now: 20, later: 20 },
  { case: "c32", peer: "pypsrp", now: 20, later: 20 },
];

const quick = Deno.args.includes("--quick");
/** Seconds that one measurement should last, and how many are made (their median counts). */
const seconds = quick ? 0.6 : 3;
const rounds = quick ? 1 : 3;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Runs a peer that prints commands per second; the shell tells what its processes have used. */
async function figuresOf(count: number, program: string, args: readonly string[]): Promise<Figures> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", '"$0" "$@" || exit; times', program, ...args],
    env: { DROVER_PASSWORD: "bench" },
    stdin: "null",
  }).output();
  // The rate, the shell's own times, and those of its children: "0m1.250s 0m0.310s", with or without more digits.
  const [rate, , used] = new TextDecoder().decode(stdout).trim().split("\n");
  const seconds = [...(used ?? "").matchAll(/(\d+)m([\d.]+)s/g)]
    .reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
  if (success && Number(rate) > 0) return { rate: Number(rate), cpuUs: seconds * 1e6 / count };
  throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? `${program} failed`);
}

/** What is run in this process. */
async function measured(count: number, run: () => Promise<number>): Promise<Figures> {
  const before = cpuUsage();
  const rate = await run();
  const { user, system } = cpuUsage(before);
  return { rate, cpuUs: (user + system) / count };
}

/** The five requests as a client sends them: what `floor` repeats. */
function floorRequests(port: number): Buffer[] {
  const shellNs = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
  const transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
  const actions = [
    `${transfer}/Create`,
    `${shellNs}/Command`,
    `${shellNs}/Receive`,
    `${shellNs}/Signal`,
    `${transfer}/Delete`,
  ];
  return actions.map((action) => {
    const body = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
      `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" ` +
      `xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd" xmlns:rsp="${shellNs}"><s:Header>` +
      `<a:To>http://127.0.0.1:${port}/wsman</a:To><a:ReplyTo><a:Address s:mustUnderstand="true">` +
      `http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>` +
      `<w:MaxEnvelopeSize s:mustUnderstand="true">153600</w:MaxEnvelopeSize>` +
      `<a:MessageID>uuid:01234567-89AB-4CDE-8F01-23456789ABCD</a:MessageID>` +
      `<w:Locale xml:lang="en-US" s:mustUnderstand="false"/><w:OperationTimeout>PT60.000S</w:OperationTimeout>` +
      `<w:ResourceURI s:mustUnderstand="true">${shellNs}/cmd</w:ResourceURI>` +
      `<a:Action s:mustUnderstand="true">${action}</a:Action><w:SelectorSet><w:Selector Name="ShellId">` +
      `11111111-2222-4333-8444-555555555555</w:Selector></w:SelectorSet></s:Header><s:Body><rsp:CommandLine>` +
      `<rsp:Command>hostname</rsp:Command></rsp:CommandLine></s:Body></s:Envelope>`;
    return Buffer.from(
      `POST /wsman HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Basic YmVuY2g6YmVuY2g=\r\n` +
        `Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

/** Commands per second of sockets that send bytes and count bytes. */
async function floor(port: number, count: number, { concurrency, reuse }: Case): Promise<number> {
  const all = floorRequests(port);
  const perCommand = reuse ? all.slice(1, 4) : all;
  const connections = await Promise.all(
    Array.from({ length: concurrency }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  let started = 0;
  async function work(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    const view = Buffer.from(buffer.buffer);
    while (started++ < count) {
      for (const request of perCommand) {
        for (let at = 0; at < request.length;) at += await connection.write(request.subarray(at));
        let got = 0;
        let end = Infinity;
        while (got < end) {
          const n = await connection.read(buffer.subarray(got));
          if (n === null) throw new Error("floor: the server closed the connection");
          got += n;
          if (end !== Infinity) continue;
          const head = view.toString("latin1", 0, Math.min(got, 512));
          const length = /Content-Length: (\d+)/.exec(head)?.[1];
          const body = head.indexOf("\r\n\r\n");
          if (length !== undefined && body > 0) end = body + 4 + Number(length);
        }
      }
    }
  }
  const start = performance.now();
  await Promise.all(connections.map(work));
  const rate = count / ((performance.now() - start) / 1000);
  for (const connection of connections) connection.close();
  return rate;
}

/** Our own client, once there is one. */
async function droverExec(): Promise<DroverExec | undefined> {
  const path = here("peers/drover_exec.ts");
  try {
    await Deno.stat(path);
  } catch {
    return undefined;
  }
  const module: { runDroverExec: DroverExec } = await import(
    new URL("peers/drover_exec.ts", import.meta.url).href
  );
  return module.runDroverExec;
}

async function implementations(endpoint: string, port: number): Promise<Implementation[]> {
  const found: Implementation[] = [
    {
      name: "floor",
      expected: 12_000,
      most: Infinity,
      run: (count, c) => measured(count, () => floor(port, count, c)),
    },
  ];
  const drover = await droverExec();
  if (drover) {
    found.push({
      name: "drover",
      expected: 4_000,
      most: Infinity,
      run: (commands, { concurrency, reuse }) =>
        measured(commands, () => drover({ endpoint, commands, concurrency, reuse })),
    });
  } else console.log("drover: absent (there is no bench/peers/drover_exec.ts)");
  const { python, go, missing } = await interopEnvironment();
  for (const reason of missing) console.log(`absent: ${reason}`);
  if (go) {
    found.push({
      name: "masterzen",
      expected: 1_200,
      most: Infinity,
      run: (count, { concurrency, reuse }) =>
        figuresOf(count, go.masterzen, [
          ...[
            "-endpoint",
            endpoint,
            "-user",
            "bench",
            "-bench",
            `${count}`,
            "-concurrency",
            `${concurrency}`,
          ],
          ...(reuse ? ["-reuse"] : []),
          "hostname",
        ]),
    });
  }
  for (const peer of python === undefined ? [] : ["pywinrm", "pypsrp"]) {
    found.push({
      name: peer,
      expected: 200,
      most: 32,
      run: (count, { concurrency, reuse }) =>
        figuresOf(count, python!, [
          here(`peers/python/${peer}_bench.py`),
          endpoint,
          `${count}`,
          `${concurrency}`,
          ...(reuse ? ["reuse"] : []),
        ]),
    });
  }
  return found;
}

async function median(implementation: Implementation, c: Case): Promise<Figures> {
  // Reused shells need fewer requests; and every worker should get a handful of commands.
  const count = Math.max(
    Math.ceil(implementation.expected * seconds * (c.reuse ? 5 / 3 : 1)),
    c.concurrency * 4,
  );
  const all: Figures[] = [];
  for (let round = 0; round < rounds; round++) all.push(await implementation.run(count, c));
  const middle = (figure: keyof Figures) =>
    all.map((figures) => figures[figure]).sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
  return { rate: middle("rate"), cpuUs: middle("cpuUs") };
}

async function main(): Promise<boolean> {
  await using server = await startCannedServer();
  let failed = false;
  const implementing = await implementations(server.endpoint, server.port);
  for (const implementation of implementing.slice(0, 2)) {
    // What runs in this process is compiled before it is measured, as the server is by that.
    await implementation.run(quick ? 2_500 : 5_000, cases[1]!);
  }
  for (const c of cases) {
    const rates = new Map<string, Figures>();
    for (const implementation of implementing.filter(({ most }) => c.concurrency <= most)) {
      try {
        const figures = await median(implementation, c);
        rates.set(implementation.name, figures);
        console.log(
          `BENCH suite=exec case=${c.name} impl=${implementation.name} cps=${figures.rate.toFixed(0)} ` +
            `cpu_us=${figures.cpuUs.toFixed(0)}`,
        );
      } catch (error) {
        failed = true;
        console.log(
          `failed: ${implementation.name} at ${c.name}: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
    const ours = rates.get("drover");
    if (ours === undefined) continue;
    for (const [peer, figures] of rates) {
      if (peer === "drover") continue;
      const target = targets.find((target) => target.case === c.name && target.peer === peer);
      const goal = target === undefined ? "" : ` target=${target.now} later=${target.later}`;
      console.log(
        `BENCH suite=exec case=${c.name} impl=drover/${peer} ratio=${
          (ours.rate / figures.rate).toFixed(2)
        } ` +
          `cpu_ratio=${(figures.cpuUs / ours.cpuUs).toFixed(2)}${goal}`,
      );
    }
  }
  return failed;
}

Deno.exit(await main() ? 1 : 0);
