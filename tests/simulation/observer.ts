/**
 * The independent witness: it sees the bytes at the simulated network, the plaintext of sealed messages as it goes into and
 * comes out of the security contexts, and the simulated processes. It knows nothing of the actors, and reads envelopes with
 * expressions of its own.
 * @module
 */
import { Checks, type Invariant } from "./checks.ts";
import type { LinkInfo, NetworkObserver, Side } from "../../runtime/transports/simulated.ts";
import { ByteLog, type ShellRecord, type WorkRecord } from "./records.ts";
import { hasEnvelope, isFault, isQuotaFault, outputBytes } from "./texts.ts";
import { atHost } from "./tokens.ts";

interface Exchange {
  readonly kind: string;
  /** Life of the client that has sent it. */
  readonly life: number;
  readonly messageId: string;
  readonly record: WorkRecord | undefined;
  readonly from: number;
  readonly to: number;
  /** Counted up by machine. */
  readonly number: number;
  begun: boolean;
  arrived: boolean;
  answered: boolean;
  answer: string | undefined;
  delivered: boolean;
}

interface Wire {
  readonly link: LinkInfo;
  readonly user: string;
  clientWritten: number;
  serverGot: number;
  serverWritten: number;
  clientGot: number;
  readonly exchanges: Exchange[];
  pendingRequest: string | undefined;
  pendingAnswer: string | undefined;
  sealed: boolean;
}

/** Something that must never happen, as text. */
export type Report = (violation: string) => void;

/** Limits of one user at one machine. */
interface HostLimits {
  readonly operations: number;
  readonly shells: number;
  readonly processesPerShell: number;
  /** Users that have shells there at once. */
  readonly users: number;
}

/** Limits that the client must keep. */
export interface WatchedLimits extends HostLimits {
  readonly connections: number;
  readonly throttle: ReadonlyMap<string, number>;
}

/** Far more connections than the few commands of a run need at one machine in one second. */
const mostConnects = 50;

/** Requests that ask a host about itself. */
const inquiries: readonly string[] = ["Get", "Enumerate", "Pull"];

/** Faults that later work may meet, too: connections that seem to stand are shared. */
const lasting: readonly string[] = [
  "partition",
  "power loss",
  "kill",
  "half-open",
  "silent link",
  "connect unanswered",
];

const decoder = new TextDecoder();

/** See the module. */
export class Observer implements NetworkObserver {
  readonly records = new Map<string, WorkRecord>();
  readonly shells = new Map<string, ShellRecord>();
  /** Faults by kind. */
  readonly faults = new Map<string, number>();
  readonly checks: Checks;
  /** Requests by kind, for the summary. */
  readonly requests = new Map<string, number>();
  bytes = 0;
  /** The client's life that is under way. */
  life = 1;
  /** Jobs outlive the client: a shell may be made again for work whose Command was not sent. */
  durable = false;
  /** Connections that the client has open, or is opening. */
  #clientEnds = 0;
  readonly #wires = new Map<number, Wire>();
  /** Shell id (upper case) on a machine to the work that it is for. */
  readonly #shellWork = new Map<string, WorkRecord>();
  readonly #limits: WatchedLimits;
  readonly #trace: (line: string) => void;
  readonly #now: () => number;
  /** Connections to a machine in this second. */
  readonly #connects = new Map<string, { second: number; count: number }>();
  /** Hosts of a job that hold a place for certain. */
  readonly #active = new Map<string, Set<string>>();
  /** Operations that are open at a far end, by machine and user. */
  readonly #operations = new Map<string, Set<Exchange>>();
  /** Command id (upper case) on a machine to its work. */
  readonly #commandWork = new Map<string, WorkRecord>();
  /** Requests so far, by machine, and the last of them that has arrived there. */
  readonly #order = new Map<string, { sent: number; arrived: number }>();
  /** Machines that were out of reach at some time: what begins there later may meet the rest of it. */
  readonly #held = new Set<string>();
  /** Connections in a row that have carried no request, by machine and user. */
  readonly #fruitless = new Map<string, number>();
  readonly #learntLimits = new Map<string, HostLimits>();
  readonly #shellCounts = new Map<string, number>();
  /** The last request that was handed to the network and not asked for since. */
  #lastKind: string | undefined;
  mostActive = 0;

  constructor(limits: WatchedLimits, trace: (line: string) => void, now: () => number) {
    this.#limits = limits;
    this.#trace = trace;
    this.#now = now;
    this.checks = new Checks(trace);
  }

  /** See {@link Checks.check}. */
  check(name: Invariant, holds: boolean, text: () => string): boolean {
    return this.checks.check(name, holds, text);
  }

  /** Begins to watch one host of one job; or a shell of a script, or a command in such a `shell`. */
  expect(token: string, job: string, machine: string, user: string, shell?: WorkRecord): WorkRecord {
    const log = () => ({ stdout: new ByteLog(), stderr: new ByteLog() });
    const record: Omit<WorkRecord, "shell"> & { shell: WorkRecord | undefined } = {
      token,
      job,
      machine,
      user,
      shell,
      commands: new Set(),
      running: 0,
      life: this.life,
      written: {},
      maySend: new Set(["Create", "Command"]),
      commandArrived: false,
      runs: 0,
      exitCode: undefined,
      killed: false,
      vanished: false,
      refusedInside: false,
      stopSent: false,
      wrote: log(),
      got: log(),
      read: new ByteLog(),
      doneDelivered: false,
      stopDelivered: false,
      refusalDelivered: false,
      unkept: [],
      told: false,
      toldAt: undefined,
      known: undefined,
      disturbed: this.#held.has(machine),
    };
    record.shell ??= record as WorkRecord;
    record.shell.commands.add(record as WorkRecord);
    this.records.set(token, record as WorkRecord);
    return record as WorkRecord;
  }

  // Connections.

  /** A connection of `user` is about to be made. */
  connection(link: LinkInfo, user: string): void {
    this.#wires.set(link.clientPort, {
      link,
      user,
      clientWritten: 0,
      serverGot: 0,
      serverWritten: 0,
      clientGot: 0,
      exchanges: [],
      pendingRequest: undefined,
      pendingAnswer: undefined,
      sealed: false,
    });
    this.#trace(`connect ${link.id} ${link.server}`);
    this.#clientEnds++;
    this.check(
      "connections stay within the budget",
      this.#clientEnds <= this.#limits.connections,
      () => `${this.#clientEnds} connections, the limit is ${this.#limits.connections}`,
    );
    const second = Math.floor(this.#now() / 1_000);
    let connects = this.#connects.get(link.server);
    if (connects?.second !== second) this.#connects.set(link.server, connects = { second, count: 0 });
    connects.count++;
    this.check(
      "a host is not stormed with connections",
      connects.count !== mostConnects,
      () => `${link.server} was connected to ${mostConnects} times within a second`,
    );
  }

  /** Plaintext that `side` seals: it is what its next bytes on this connection carry. */
  sealed(side: Side, clientPort: number, plaintext: Uint8Array): void {
    const wire = this.#wires.get(clientPort);
    if (wire === undefined) return;
    wire.sealed = true;
    if (side === "client") wire.pendingRequest = decoder.decode(plaintext);
    else wire.pendingAnswer = decoder.decode(plaintext);
  }

  written(link: LinkInfo, side: Side, bytes: Uint8Array): void {
    const wire = this.#wires.get(link.clientPort);
    if (wire === undefined) return;
    if (!wire.sealed && hasEnvelope(bytes)) {
      if (side === "client") wire.pendingRequest = decoder.decode(bytes);
      else wire.pendingAnswer = decoder.decode(bytes);
    }
    if (side === "client") {
      const text = wire.pendingRequest;
      wire.pendingRequest = undefined;
      const from = wire.clientWritten;
      wire.clientWritten += bytes.length;
      if (text !== undefined) this.#request(wire, text, from);
    } else {
      wire.serverWritten += bytes.length;
      const text = wire.pendingAnswer;
      wire.pendingAnswer = undefined;
      if (text !== undefined) this.#answer(wire, text);
    }
  }

  arrived(link: LinkInfo, side: Side, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    const wire = this.#wires.get(link.clientPort);
    if (wire === undefined) return;
    this.#trace(`${side === "server" ? ">" : "<"} ${link.id} ${bytes.length}`);
    if (side === "server") {
      wire.serverGot += bytes.length;
      for (const exchange of wire.exchanges) {
        if (!exchange.begun && wire.serverGot > exchange.from) this.#begun(exchange);
        if (!exchange.arrived && wire.serverGot >= exchange.to) this.#whole(wire, exchange);
      }
    } else {
      wire.clientGot += bytes.length;
      if (wire.clientGot === wire.serverWritten) {
        for (const exchange of wire.exchanges) {
          if (exchange.answered && !exchange.delivered) this.#delivered(wire, exchange);
        }
      }
    }
  }

  closed(link: LinkInfo, side: Side): void {
    this.#trace(`closed ${link.id} ${side}`);
    if (side === "client") this.#clientEnds--;
    const wire = this.#wires.get(link.clientPort);
    if (wire !== undefined && side === "client" && wire.exchanges.length === 0) {
      const key = `${wire.user}@${link.server}`;
      this.#fruitless.set(key, (this.#fruitless.get(key) ?? 0) + 1);
    }
    if (wire === undefined || side !== "server") return;
    for (const exchange of wire.exchanges) this.#operationOver(wire, exchange);
  }

  fault(kind: string, machine: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    this.#trace(`fault ${kind} ${machine}`);
    if (lasting.includes(kind)) this.#held.add(machine);
    for (const record of this.records.values()) {
      if (record.machine !== machine) continue;
      record.disturbed = true;
      // A durable job tells results to its disk, which may be slow or full: whether its host is still at work nobody can see.
      if (this.durable) this.inactive(record);
    }
  }

  #request(wire: Wire, text: string, from: number): void {
    const action = /<a:Action[^>]*>([^<]*)</.exec(text)?.[1] ?? "";
    const kind = action.slice(action.lastIndexOf("/") + 1);
    const messageId = /<a:MessageID>([^<]*)</.exec(text)?.[1] ?? "";
    const shellId = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1]?.toUpperCase();
    const { server } = wire.link;
    const record = this.#workOf(kind, text, server, shellId);
    this.check(
      "requests belong to work that is under way",
      record !== undefined || inquiries.includes(kind),
      () => `${kind} on ${server} belongs to no work`,
    );
    this.requests.set(kind, (this.requests.get(kind) ?? 0) + 1);
    this.#trace(`request ${wire.link.id} ${kind} ${record?.token}`);
    if (record !== undefined) this.#sent(kind, record);
    this.#fruitless.delete(`${wire.user}@${server}`);
    this.#lastKind = kind;
    wire.exchanges.push({
      kind,
      life: this.life,
      messageId,
      record,
      from,
      to: wire.clientWritten,
      number: this.#next(server).sent++,
      begun: false,
      arrived: false,
      answered: false,
      answer: undefined,
      delivered: false,
    });
  }

  /** What a request is for. */
  #workOf(
    kind: string,
    text: string,
    server: string,
    shellId: string | undefined,
  ): WorkRecord | undefined {
    if (kind === "Create") {
      const job = /<rsp:Shell[^>]* Name="drover-i\d-([^".]*)/.exec(text)?.[1] ?? "";
      const record = this.records.get(`${job}@${server}`);
      const proposed = /<rsp:Shell[^>]* ShellId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
      if (proposed !== undefined && record !== undefined) {
        this.#shellWork.set(`${server} ${proposed}`, record);
      }
      return record;
    }
    const shell = this.#shellWork.get(`${server} ${shellId}`);
    const commandId = /CommandId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
    if (kind === "Delete") {
      this.check("a sweep deletes no shell of others", shell !== undefined, () => `${shellId} on ${server}`);
    }
    if (kind !== "Command") return this.#commandWork.get(`${server} ${commandId}`) ?? shell;
    const token = /<rsp:CommandLine[^]*?([a-z0-9]+@(?:[0-9.]+|here))/.exec(text)?.[1] ?? "";
    const record = this.records.get(atHost(token, server));
    if (record === undefined || record.shell !== shell) return undefined;
    if (commandId !== undefined) this.#commandWork.set(`${server} ${commandId}`, record);
    return record;
  }

  /** A request was handed to the network. */
  #sent(kind: string, record: WorkRecord): void {
    record.written[kind] = (record.written[kind] ?? 0) + 1;
    if (kind === "Create" || kind === "Command") {
      this.check(
        "work is sent once",
        record.maySend.delete(kind) || (kind === "Create" && this.durable),
        () => `${kind} of ${record.token} was sent again, which no quota fault allows`,
      );
      if (kind === "Create") record.stopSent = record.stopDelivered = false;
      else record.refusalDelivered = false;
    }
    const stopped = kind === "Signal" ? [record] : kind === "Delete" ? record.commands : [];
    for (const command of stopped) if (!command.doneDelivered) command.stopSent = true;
    if (kind === "Receive" && this.durable) {
      this.check(
        "output counts as taken when it is on disk",
        record.unkept.length < outputWindow,
        () => `${record.token}: Receive, while ${record.unkept.length} answers with output are not on disk`,
      );
    }
    // One that gets its connection in the very instant of the end starts nothing and does no harm.
    const crosses = (kind === "Send" || kind === "Receive") && record.toldAt === this.#now();
    this.check(
      "requests belong to work that is under way",
      !record.told || kind === "Signal" || kind === "Delete" || crosses,
      () => `${kind} of ${record.token} was sent after its result was told`,
    );
  }

  #next(machine: string): { sent: number; arrived: number } {
    let order = this.#order.get(machine);
    if (order === undefined) this.#order.set(machine, order = { sent: 0, arrived: -1 });
    return order;
  }

  /** The first byte is there. */
  #begun(exchange: Exchange): void {
    exchange.begun = true;
    const { record } = exchange;
    if (record === undefined) return;
    if (exchange.kind === "Command") record.commandArrived = true;
    // One that the client had given up before holds no place there any more.
    if (exchange.kind !== "Create" || record.told || exchange.life !== this.life) return;
    let active = this.#active.get(record.job);
    if (active === undefined) this.#active.set(record.job, active = new Set());
    active.add(record.token);
    this.mostActive = Math.max(this.mostActive, active.size);
    const throttle = this.#limits.throttle.get(record.job) ?? Infinity;
    this.check(
      "the throttle of a job is kept",
      active.size <= throttle,
      () => `job ${record.job} has ${active.size} hosts at work, its throttle is ${throttle}`,
    );
  }

  /** The last byte is there: it is an operation of the far end from now on. */
  #whole(wire: Wire, exchange: Exchange): void {
    exchange.arrived = true;
    const order = this.#next(wire.link.server);
    // Sent later than this one on another connection, and there before it: no fault, but worth counting.
    if (order.arrived > exchange.number) {
      this.faults.set("reordering", (this.faults.get("reordering") ?? 0) + 1);
    } else order.arrived = exchange.number;
    const key = `${wire.user}@${wire.link.server}`;
    let open = this.#operations.get(key);
    if (open === undefined) this.#operations.set(key, open = new Set());
    open.add(exchange);
    const limits = this.#limitsOf(wire.user, wire.link.server);
    this.check(
      "operations of a user stay within the limit",
      open.size <= limits.operations,
      () => `${key} has ${open.size} operations open, the limit is ${limits.operations}`,
    );
  }

  #operationOver(wire: Wire, exchange: Exchange): void {
    this.#operations.get(`${wire.user}@${wire.link.server}`)?.delete(exchange);
  }

  #answer(wire: Wire, text: string): void {
    const exchange = wire.exchanges.findLast((candidate) => candidate.arrived && !candidate.answered);
    if (exchange === undefined) return;
    if (text.includes("/wsman/Keepalive<")) {
      this.faults.set("keepalive", (this.faults.get("keepalive") ?? 0) + 1);
      return;
    }
    exchange.answered = true;
    exchange.answer = text;
    this.#operationOver(wire, exchange);
    this.#trace(`answer ${wire.link.id} ${exchange.kind} ${isFault(text) ? "fault" : "ok"}`);
    const { record } = exchange;
    if (record === undefined) return;
    if (exchange.kind === "Create" && !isFault(text)) {
      const id = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1]?.toUpperCase();
      if (id !== undefined) this.#shellWork.set(`${wire.link.server} ${id}`, record);
    }
    if (exchange.kind === "Command" && !isFault(text)) {
      const id = /<rsp:CommandId>([^<]*)</.exec(text)?.[1]?.toUpperCase();
      if (id !== undefined) this.#commandWork.set(`${wire.link.server} ${id}`, record);
    }
    if (exchange.kind === "Delete" || (exchange.kind === "Create" && isFault(text))) this.inactive(record);
  }

  /** The client may have read the service's own limits from this. */
  #learnt(wire: Wire, text: string): void {
    const setting = (name: string) =>
      Number(new RegExp(`${name}>(\\d+)<`).exec(text)?.[1] ?? NaN) || Infinity;
    if (!text.includes("MaxShellsPerUser>")) return;
    this.#learntLimits.set(`${wire.user}@${wire.link.server}`, {
      operations: setting("MaxConcurrentOperationsPerUser"),
      shells: setting("MaxShellsPerUser"),
      processesPerShell: setting("MaxProcessesPerShell"),
      users: setting("MaxConcurrentUsers"),
    });
  }

  /** The larger of what the client was told and what it has read: what was granted before stays granted. */
  #limitsOf(user: string, machine: string): HostLimits {
    const learnt = this.#learntLimits.get(`${user}@${machine}`);
    if (learnt === undefined) return this.#limits;
    const most = (quota: keyof HostLimits) => Math.max(this.#limits[quota], learnt[quota]);
    return {
      operations: most("operations"),
      shells: most("shells"),
      processesPerShell: most("processesPerShell"),
      users: most("users"),
    };
  }

  #delivered(wire: Wire, exchange: Exchange): void {
    exchange.delivered = true;
    const { record, kind } = exchange;
    const text = exchange.answer ?? "";
    this.#trace(`delivered ${kind} ${record?.token}`);
    if (kind === "Get" && !isFault(text)) this.#learnt(wire, text);
    if (record === undefined) return;
    if (kind === "Create" && !isFault(text)) {
      const id = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1]?.toUpperCase();
      const shell = this.shells.get(`${wire.link.server} ${id}`);
      if (shell !== undefined) shell.known = true;
    }
    if (kind === "Receive" && /CommandState\/Done"/.test(text)) record.doneDelivered = true;
    if (kind === "Receive" && !isFault(text)) {
      const bytes = outputBytes(text);
      if (bytes > 0) record.unkept.push(bytes);
    }
    if (kind === "Signal" && !isFault(text)) record.stopDelivered = true;
    // A shell that is unknown is as gone as a deleted one.
    if (
      kind === "Delete" && (!isFault(text) || /Code="21508588(43|13)"|error_Code>21508588(43|13)</.test(text))
    ) {
      for (const command of record.commands) command.stopDelivered = true;
    }
    if (["Delete", "Receive", "Send"].includes(kind) && isFault(text) && isQuotaFault(text)) {
      record.shell.refusedInside = true;
    }
    if ((kind === "Create" || kind === "Command") && isFault(text)) {
      record.refusalDelivered = true;
      if (isQuotaFault(text)) {
        record.shell.maySend.add("Create");
        record.maySend.add(kind);
      }
    }
  }

  /** What kind of request was written, once. */
  takeKind(): string | undefined {
    const kind = this.#lastKind;
    this.#lastKind = undefined;
    return kind;
  }

  /** Its place in its job may be another's from now on. */
  inactive(record: WorkRecord): void {
    this.#active.get(record.job)?.delete(record.token);
  }

  /** The client told its user the result: its place may be another's from now on. */
  told(record: WorkRecord): void {
    record.told = true;
    record.known ??= {
      done: record.doneDelivered,
      stop: record.stopDelivered,
      refusal: record.refusalDelivered,
    };
    record.toldAt = this.#now();
    this.inactive(record);
  }

  /** A result says whether a circuit has refused the work: then the last five tries to reach the host have come to nothing. */
  circuit({ user, machine, token }: WorkRecord, open: boolean): void {
    const failures = this.#fruitless.get(`${user}@${machine}`) ?? 0;
    this.check(
      "a circuit opens only after failures in a row",
      !open || failures >= 5,
      () => `${token} was refused after ${failures} connections without a request`,
    );
  }

  // Far ends.

  /** A far end has made a shell; `proposed`: what it was asked to call it. */
  shellOpened(machine: string, user: string, shellId: string, proposed = shellId): void {
    const key = `${machine} ${shellId.toUpperCase()}`;
    const record = this.#shellWork.get(key) ?? this.#shellWork.get(`${machine} ${proposed}`);
    const life = record?.life ?? this.life;
    const known = proposed.toUpperCase() === shellId.toUpperCase();
    // The answer that would say so may never leave.
    if (record !== undefined) this.#shellWork.set(key, record);
    this.shells.set(key, { machine, user, token: record?.token, life, known, closed: undefined });
    const count = this.#count(machine, `${user} ${life}`, 1);
    const limits = this.#limitsOf(user, machine);
    this.check(
      "shells of a user stay within the limit",
      count <= limits.shells,
      () => `${user}@${machine} has ${count} shells, the limit is ${limits.shells}`,
    );
    const users = new Set<string>();
    for (const shell of this.shells.values()) {
      if (shell.machine === machine && shell.closed === undefined && shell.life === life) {
        users.add(shell.user);
      }
    }
    // What one of them has read of the host lets that one in beside the others.
    const most = Math.max(...[...users].map((name) => this.#limitsOf(name, machine).users));
    this.check(
      "users of a host stay within the limit",
      users.size <= most,
      () => `${machine} has shells of ${[...users].join(", ")}, the limit is ${most}`,
    );
    this.#trace(`shell ${machine}`);
  }

  /** A shell is gone. */
  shellClosed(machine: string, shellId: string, why: "deleted" | "expired" | "other"): void {
    const shell = this.shells.get(`${machine} ${shellId.toUpperCase()}`);
    if (shell === undefined || shell.closed !== undefined) return;
    shell.closed = why;
    this.#count(machine, `${shell.user} ${shell.life}`, -1);
    this.#trace(`shell ${machine} ${why}`);
  }

  /** A far end died, with everything that it had. */
  machineDied(machine: string): void {
    for (const shell of this.shells.values()) {
      if (shell.machine !== machine || shell.closed !== undefined) continue;
      shell.closed = "vanished";
      this.#count(machine, `${shell.user} ${shell.life}`, -1);
    }
  }

  // The client.

  /** The client was killed: nobody closes what it has opened. */
  clientDied(life: number): void {
    for (const record of this.records.values()) if (record.life === life) record.disturbed = true;
    this.#active.clear();
  }

  /** Work goes on in the next life of the client. */
  goesOn(token: string): void {
    const record = this.records.get(token)!;
    record.life = this.life;
    record.unkept.length = 0;
  }

  /** Output is on disk. */
  kept(record: WorkRecord, bytes: number): void {
    const { unkept } = record;
    for (let left = bytes; left > 0 && unkept.length > 0;) {
      const part = Math.min(left, unkept[0]!);
      left -= part;
      if ((unkept[0]! -= part) === 0) unkept.shift();
    }
  }

  /** All shells of an earlier life on one host were deleted, as its account sees them; those of `kept` work were to stay. */
  swept(quotaKey: string, machine: string, life: number, kept: ReadonlySet<string> = new Set()): void {
    for (const shell of this.shells.values()) {
      const record = this.records.get(shell.token ?? "");
      if (shell.machine !== machine || shell.life !== life || !quotaKey.includes(record?.user ?? "")) {
        continue;
      }
      if (kept.has(shell.token ?? "")) {
        continue;
      }
      this.check(
        "a sweep leaves no shell of a dead instance",
        shell.closed !== undefined,
        () => `a shell of ${shell.token}`,
      );
    }
  }

  #count(machine: string, user: string, change: number): number {
    const key = `${user}@${machine}`;
    const count = (this.#shellCounts.get(key) ?? 0) + change;
    this.#shellCounts.set(key, count);
    return count;
  }

  /** Finds the work that a started command is for. */
  ran(token: string): WorkRecord | undefined {
    const record = this.records.get(token);
    const known = this.check(
      "requests belong to work that is under way",
      record !== undefined,
      () => `a command was started that nobody asked for: ${token}`,
    );
    if (record === undefined || !known) return undefined;
    record.runs++;
    this.#trace(`run ${token}`);
    this.check("a command runs once", record.runs === 1, () => `${token} was run ${record.runs} times`);
    const running = ++record.shell.running;
    this.check(
      "processes of a shell stay within the limit",
      running <= this.#limitsOf(record.user, record.machine).processesPerShell,
      () => `${running} processes run in the shell of ${record.shell.token}`,
    );
    return record;
  }
}

/** Answers of a command that may be on their way to whoever keeps them at once, as ARCHITECTURE.md promises. */
const outputWindow = 2;
