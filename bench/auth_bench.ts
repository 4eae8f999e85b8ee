/**
 * Suite `auth`: logons of each kind, client and service, and sealed messages, beside pyspnego (its own NTLM; Kerberos through MIT's
 * library) and beside MIT's library in a loop in C; then tickets that a KDC gives for many hosts, how long logons hold the event loop
 * up, and native memory. `--memory COUNT`: nothing but that last one.
 *
 * Every implementation is a process that stays and has both sides in it, asked in turns (see `bench/peers/auth/`). Kerberos needs
 * a KDC (Debian: krb5-kdc and others, tests/setup_debian.sh), the C program gcc and libkrb5-dev; what is missing is reported as absent.
 * @module
 */
import { fileURLToPath } from "node:url";
import { kerberosEnvironment } from "../tests/auth/environment.ts";
import { Kdc, kdcPresent } from "../tests/auth/kdc.ts";

const quick = Deno.args.includes("--quick");
/** Seconds of one measurement, and how many are made (their median counts). */
const seconds = quick ? 0.3 : 1;
const rounds = quick ? 1 : 5;
const hostCount = quick ? 200 : 1_000;

const password = "Passw0rd!";
const realm = "DROVER.TEST";
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A program that answers each line with a line. */
class Peer implements AsyncDisposable {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(name: string, program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#child = new Deno.Command(program, {
      args: [...args],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The words of the answer. */
  async ask(command: string): Promise<string[]> {
    await this.#writer.write(new TextEncoder().encode(`${command}\n`));
    while (!this.#rest.includes("\n")) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error(`${this.name} ended at "${command}"`);
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    if (line.startsWith("error ")) throw new Error(`${this.name} at "${command}": ${line.slice(6)}`);
    return line.split(" ");
  }

  async numbers(command: string): Promise<number[]> {
    return (await this.ask(command)).map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
    await this.#reader.cancel();
  }
}

function drover(kdc: Kdc | undefined): Peer {
  const of = kdc === undefined ? [] : [`alice@${realm}`, kdc.keytab];
  const args = ["run", "-A", "--no-check", here("peers/auth/drover_process.ts"), password, ...of];
  return new Peer("drover", Deno.execPath(), args, kdc?.environment ?? {});
}

async function peers(kdc: Kdc | undefined, folder: string): Promise<Peer[]> {
  const found = [drover(kdc)];
  const env = kdc === undefined ? {} : { ...kdc.environment, KRB5_KTNAME: kdc.keytab };
  const { python, missing } = await kerberosEnvironment();
  for (const reason of missing) console.log(`absent: ${reason}`);
  if (python !== undefined) {
    const accounts = `${folder}/accounts.txt`;
    await Deno.writeTextFile(accounts, `:alice:${password}\nWEB01:alice:${password}\n`);
    const args = [
      here("peers/auth/spnego_process.py"),
      password,
      ...(kdc === undefined ? [] : [`alice@${realm}`]),
    ];
    found.push(new Peer("pyspnego", python, args, { ...env, NTLM_USER_FILE: accounts }));
  }
  if (kdc === undefined) return found;
  const program = `${folder}/gss_loop`;
  try {
    const { success, stderr } = await new Deno.Command("gcc", {
      args: ["-O2", "-o", program, here("peers/auth/gss_loop.c"), "-lgssapi_krb5"],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n")[0]);
    found.push(new Peer("c", program, [`alice@${realm}`, password], env));
  } catch (error) {
    console.log(
      `absent: the C library in a loop (gcc, libkrb5-dev): ${error instanceof Error ? error.message : error}`,
    );
  }
  return found;
}

/** One measurement: what the implementations are asked, and what comes of their numbers. */
interface Case {
  readonly name: string;
  readonly command: string;
  readonly impls: readonly string[];
  readonly figures: (numbers: readonly number[]) => Readonly<Record<string, number>>;
  /** The figures that are compared: more is better. */
  readonly compared: readonly string[];
  /** What to reach against whom, in the first of these. */
  readonly targets?: Readonly<Record<string, number>>;
}

/** Logons a second, of both sides together and of each alone; and a second of processor time, which neighbours disturb less. */
function logons([count = 0, elapsed = 0, client = 0, service = 0, cpu = 0]: readonly number[]) {
  return {
    hps: count / elapsed,
    ...(client === 0 ? {} : { client_hps: count / client }),
    ...(service === 0 ? {} : { service_hps: count / service }),
    cpu_hps: count / cpu,
  };
}

const megabytes = ([bytes = 0, elapsed = 0, cpu = 0]: readonly number[]) => ({
  mbps: bytes / elapsed / 1e6,
  cpu_mbps: bytes / cpu / 1e6,
});

function cases(withKerberos: boolean): Case[] {
  const logon = (kind: string, impls: readonly string[], targets?: Case["targets"], atOnce = 1): Case => ({
    name: `handshake-${kind}${atOnce === 1 ? "" : `-c${atOnce}`}`,
    command: `handshake ${kind} ${seconds}${atOnce === 1 ? "" : ` ${atOnce}`}`,
    impls,
    figures: logons,
    compared: ["hps", "cpu_hps", ...(atOnce === 1 ? ["client_hps", "service_hps"] : [])],
    ...(targets === undefined ? {} : { targets }),
  });
  const seals = (kind: string, impls: readonly string[], targets?: Case["targets"]): Case[] =>
    [1, 16, 64].map((size) => ({
      name: `seal-${kind}-${size}k`,
      command: `seal ${kind} ${size * 1024} ${seconds}`,
      impls,
      figures: megabytes,
      compared: ["mbps", "cpu_mbps"],
      ...(targets === undefined ? {} : { targets }),
    }));
  return [
    logon("ntlm", ["drover", "pyspnego"], { pyspnego: 3 }),
    logon("negotiate-ntlm", ["drover", "pyspnego"], { pyspnego: 3 }),
    logon("credssp", ["drover", "pyspnego"]),
    logon("basic", ["drover"]),
    logon("digest", ["drover", "pyspnego"]),
    ...(withKerberos
      ? [
        logon("kerberos", ["drover", "c", "pyspnego"], { c: 0.67 }),
        logon("negotiate-kerberos", ["drover", "c", "pyspnego"], { c: 0.67 }),
        // C knows nothing of several at once: its loop is the same one.
        logon("kerberos", ["drover", "c"], undefined, 32),
      ]
      : []),
    ...seals("ntlm", ["drover", "pyspnego"]),
    ...seals("credssp", ["drover", "pyspnego"]),
    ...(withKerberos ? seals("kerberos", ["drover", "c", "pyspnego"], { c: 0.8 }) : []),
  ];
}

function bench(name: string, impl: string, figures: Readonly<Record<string, number | string>>): void {
  const words = Object.entries(figures).map(([key, value]) =>
    `${key}=${typeof value === "string" ? value : short(value)}`
  );
  console.log(`BENCH suite=auth case=${name} impl=${impl} ${words.join(" ")}`);
}

const short = (value: number) =>
  Math.abs(value) >= 100 ? value.toFixed(0) : `${Number(value.toPrecision(3))}`;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Asks in turns, and tells the medians and our ratios to the others. */
async function compare(all: readonly Peer[], c: Case): Promise<void> {
  const asked = all.filter(({ name }) => c.impls.includes(name));
  const samples = new Map(asked.map((peer) => [peer, [] as Readonly<Record<string, number>>[]]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of asked) samples.get(peer)!.push(c.figures(await peer.numbers(c.command)));
  }
  for (const [{ name }, figures] of samples) {
    const keys = Object.keys(figures[0]!);
    bench(
      c.name,
      name,
      Object.fromEntries(keys.map((key) => [key, median(figures.map((one) => one[key]!))])),
    );
  }
  const ours = samples.get(asked[0]!)!;
  for (const [{ name }, theirs] of [...samples].slice(1)) {
    const ratios = c.compared.filter((key) => key in ours[0]! && key in theirs[0]!).map((key) => {
      // Of each round by itself: what the machine does besides changes from one to the next.
      const ratio = median(ours.map((one, round) => one[key]! / theirs[round]![key]!));
      return [key === c.compared[0] ? "ratio" : `${key.split("_")[0]}_ratio`, ratio] as const;
    });
    const target = c.targets?.[name];
    bench(c.name, `drover/${name}`, {
      ...Object.fromEntries(ratios),
      ...(target === undefined ? {} : { target }),
    });
  }
}

/** Tickets for many hosts, counted in the KDC's log. */
async function tickets(): Promise<void> {
  await using kdc = await Kdc.start({ users: { alice: password }, services: ["HTTP/localhost"] });
  await kdc.admin(Array.from({ length: hostCount }, (_, i) => `addprinc -randkey HTTP/host${i}`).join("\n"));
  await using peer = drover(kdc);
  const [elapsed = 0, gap = 0, late = 0, busy = 0, clock = 0] = await peer.numbers(`hosts ${hostCount}`);
  const [tgt, services] = [await kdc.issued("AS"), await kdc.issued("TGS")];
  const of = (line: string) => /HTTP\/host\d+/.exec(line)?.[0];
  const times = new Map<string | undefined, number>();
  for (const line of services) times.set(of(line), (times.get(of(line)) ?? 0) + 1);
  bench(`tickets-hosts${hostCount}`, "drover", {
    logons: 4 * hostCount,
    tgts: tgt.length,
    service_tickets: services.length,
    most_for_one_host: Math.max(...times.values()),
    seconds: elapsed,
    gap_ms: gap,
    over_5ms: late,
    busy_ms: busy,
    clock_ms: clock,
    target: `2tgts,${2 * hostCount}tickets`,
  });
  if (tgt.length !== 2 || services.length > 2 * hostCount) {
    throw new Error("tickets: each is to be asked for once, and once again when it is about to end");
  }
}

/** How long logons hold the event loop up, beside what the machine does to a process that does nothing. */
async function gaps(own: Peer, kdc: Kdc | undefined): Promise<void> {
  const span = quick ? 0.5 : 5;
  const kinds = [
    "idle",
    "ntlm",
    "negotiate-ntlm",
    "credssp",
    ...(kdc === undefined ? [] : ["kerberos", "negotiate-kerberos"]),
  ];
  for (const kind of kinds) {
    const [gap = 0, late = 0, busy = 0, clock = 0, count = 0] = await own.numbers(`gap ${kind} ${span}`);
    bench(`loop-${kind}`, "drover", {
      gap_ms: gap,
      over_5ms: late,
      busy_ms: busy,
      clock_ms: clock,
      logons: count,
      seconds: span,
      target: 5,
    });
  }
  if (kdc === undefined) return;
  kdc.silence(true);
  try {
    await using peer = drover(kdc);
    const wait = quick ? 2 : 12;
    const [gap, late, busy, clock, ended] = await peer.ask(`silent ${wait}`);
    bench("loop-silent-kdc", "drover", {
      gap_ms: Number(gap),
      over_5ms: Number(late),
      busy_ms: Number(busy),
      clock_ms: Number(clock),
      ended: ended ?? "",
      seconds: wait,
      target: 5,
    });
  } finally {
    kdc.silence(false);
  }
}

async function memory(own: Peer, count: number): Promise<void> {
  const quarters = await own.numbers(`memory ${count}`);
  bench("memory", "drover", {
    logons: count,
    ...Object.fromEntries(quarters.map((value, i) => [`rss${i + 1}_mb`, value])),
    growth: quarters[3]! / quarters[1]!,
  });
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "drover-auth-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const kdc = kdcPresent
    ? stack.use(await Kdc.start({ users: { alice: password }, services: ["HTTP/localhost"] }))
    : undefined;
  const memoryAt = Deno.args.indexOf("--memory");
  if (memoryAt >= 0) {
    return await memory(stack.use(drover(kdc)), Number(Deno.args[memoryAt + 1] ?? 100_000));
  }
  const all = await peers(kdc, folder);
  for (const peer of all) stack.use(peer);
  const own = all[0]!;
  const list = cases(kdc !== undefined);
  // Ours is compiled before it is measured.
  for (const { command } of list) await own.ask(command.replace(`${seconds}`, quick ? "0.1" : "0.5"));
  for (const c of list) await compare(all, c);
  await gaps(own, kdc);
  if (kdc !== undefined) {
    await tickets();
    await memory(own, quick ? 500 : 5_000);
  }
}

await main();
