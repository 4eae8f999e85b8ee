/**
 * A network that exists only in virtual time: {@link Connector} and {@link ListenerHost} over bytes, with latency,
 * bandwidth, bounded buffers, chunks that are split at any byte, and connections that break at any byte. Everything is
 * drawn from the given random source and scheduled on the given clock, so that one seed gives one run.
 *
 * It keeps the promises of the real transports (`stream_connection.ts`): no event comes from inside a call of the owner, one
 * chunk for each `resume`, the peer's end and resets are noticed without being asked for, `onClosed` is last and comes once.
 * TLS is only pretended: the facts say so, the bytes are in clear.
 * @module
 */
import type {
  Clock,
  Connection,
  ConnectionEvents,
  ConnectionFacts,
  Connector,
  ConnectTarget,
  ListenAddress,
  ListenerEvents,
  ListenerHandle,
  ListenerHost,
  RandomSource,
} from "../../actors/ports.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { hostPort } from "./network_errors.ts";

/** How bytes travel on one connection. */
export interface LinkConditions {
  /** Milliseconds that a packet takes, from least to most; packets of one direction stay in order. */
  readonly latencyMs: readonly [least: number, most: number];
  /** Bytes that leave in one millisecond; `Infinity`: no limit. */
  readonly bytesPerMs: number;
  /** How a receiver's chunks are cut: as they came, at any byte, or to 1–16 bytes (the first 4 KB; then at any byte). */
  readonly chunks: "whole" | "any" | "tiny";
  /** Bytes that may be under way or unread in one direction. */
  readonly windowBytes: number;
}

/** Who hears that a connection broke; the others wait for ever. */
export type ToldOfBreak = "both" | "client" | "server" | "nobody";

/** A break at one byte of one direction: the bytes before it arrive, nothing after it does, in either direction. */
export interface ConnectionBreak {
  /** Whose bytes are counted. */
  readonly direction: "toServer" | "toClient";
  /** Bytes of this direction that still arrive. */
  readonly afterBytes: number;
  /** `both`: a reset; `nobody`: a silent link; else half-open. */
  readonly told: ToldOfBreak;
}

/** What happens to one connection. */
export interface ConnectionPlan {
  /** How bytes travel. */
  readonly conditions: LinkConditions;
  /** Connecting is refused, or never answered. */
  readonly connect?: "refused" | "unanswered";
  /** Where it breaks. */
  readonly break?: ConnectionBreak;
}

/** The two ends of a connection. */
export type Side = "client" | "server";

/** One connection, for observers. */
export interface LinkInfo {
  /** Unique in its network, counted up. */
  readonly id: number;
  /** Machine of the client. */
  readonly client: string;
  /** Port of the client: unique in its network. */
  readonly clientPort: number;
  /** Machine of the server. */
  readonly server: string;
  /** Port of the server. */
  readonly serverPort: number;
}

/** Sees every byte. The arrays must not be changed or kept. */
export interface NetworkObserver {
  /** `side` has handed these bytes to the network. */
  written?(link: LinkInfo, side: Side, bytes: Uint8Array): void;
  /** These bytes have reached the machine of `side`; its owner may not have read them. */
  arrived?(link: LinkInfo, side: Side, bytes: Uint8Array): void;
  /** The end at `side` is closed for its owner, or its owner is dead. */
  closed?(link: LinkInfo, side: Side): void;
  /** Something was broken on purpose. */
  fault?(kind: string, machine: string): void;
}

/** What a network is made with. */
export interface SimulatedNetworkOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Decides on each connection when it is asked for; `target` is the very object that was given to `connect`. */
  readonly plan: (link: LinkInfo, target: ConnectTarget) => ConnectionPlan;
  readonly observer?: NetworkObserver;
}

/** Bytes that may be queued before `write` answers `false`, as in the real transports. */
const highWaterBytes = 256 * 1024;
/** Largest piece that travels at once, and largest chunk that a reader gets. */
const packetBytes = 64 * 1024;
/** Bytes that a reader of tiny chunks gets so: a logon and a request. */
const tinyBytes = 4 * 1024;
const firstClientPort = 40_000;

interface Listening {
  readonly address: ListenAddress;
  readonly events: ListenerEvents;
}

/** Machines, connections between them, and their faults. */
export class SimulatedNetwork {
  readonly #options: SimulatedNetworkOptions;
  readonly #listeners = new Map<string, Listening>();
  readonly #links = new Set<Link>();
  /** Machines that nothing reaches or leaves for now, and what waits for their return. */
  readonly #held = new Map<string, (() => void)[]>();
  #count = 0;

  /** A network without machines. */
  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
  }

  /** Ends of connections that their owners have not seen closed. */
  get openEnds(): number {
    let count = 0;
    for (const link of this.#links) {
      count += (link.client.closed ? 0 : 1) + (link.server?.closed === false ? 1 : 0);
    }
    return count;
  }

  /** Opens connections from `machine`. */
  connector(machine: string): Connector {
    return { connect: (target, events) => this.#connect(machine, target, events) };
  }

  /** Opens listeners, on any machine that their address names. */
  listenerHost(): ListenerHost {
    return { listen: (address, events) => this.#listen(address, events) };
  }

  /**
   * The programs of a machine are gone at once (`kill -9`): its listeners are closed and its ends of connections get no more
   * events. Its peers are told by a reset, or (the machine itself lost its power) not at all.
   */
  crash(machine: string, told: "peers" | "nobody"): void {
    this.#options.observer?.fault?.(told === "peers" ? "kill" : "power loss", machine);
    for (const [key, { address }] of this.#listeners) {
      if (address.host === machine) this.#listeners.delete(key);
    }
    for (const link of [...this.#links]) link.crash(machine, told);
  }

  /** Nothing reaches or leaves `machine` until {@link SimulatedNetwork.heal}; what is sent meanwhile is not lost. */
  hold(machine: string): void {
    if (this.#held.has(machine)) return;
    this.#options.observer?.fault?.("partition", machine);
    this.#held.set(machine, []);
  }

  /** Ends a {@link SimulatedNetwork.hold}. */
  heal(machine: string): void {
    const waiting = this.#held.get(machine);
    this.#held.delete(machine);
    for (const go of waiting ?? []) go();
  }

  /** Calls `go` once neither machine is held: now, or later. */
  #whenPassable(info: LinkInfo, go: () => void): void {
    const held = this.#held.get(info.server) ?? this.#held.get(info.client);
    if (held === undefined) go();
    else held.push(() => this.#whenPassable(info, go));
  }

  #listen(address: ListenAddress, events: ListenerEvents): ListenerHandle {
    const { clock } = this.#options;
    const key = hostPort(address.host, address.port);
    if (this.#listeners.has(key)) {
      clock.schedule(
        0,
        () => events.onClosed(new NetworkError("AddressInUse", `listen on ${key}: it is in use`)),
      );
      return { close: () => {} };
    }
    const listening: Listening = { address, events };
    this.#listeners.set(key, listening);
    clock.schedule(0, () => {
      if (this.#listeners.get(key) === listening) {
        events.onListening({ host: address.host, port: address.port });
      }
    });
    return {
      close: () => {
        if (this.#listeners.get(key) !== listening) return;
        this.#listeners.delete(key);
        clock.schedule(0, () => events.onClosed(undefined));
      },
    };
  }

  #connect(client: string, target: ConnectTarget, events: ConnectionEvents): Connection {
    const { clock } = this.#options;
    const id = ++this.#count;
    const info: LinkInfo = {
      id,
      client,
      clientPort: firstClientPort + id,
      server: target.host,
      serverPort: target.port,
    };
    const plan = this.#options.plan(info, target);
    const link = new Link(
      info,
      plan,
      {
        ...this.#options,
        passable: (go) => this.#whenPassable(info, go),
        over: (ended) => this.#links.delete(ended),
      },
      events,
      target.tls !== undefined,
    );
    this.#links.add(link);
    const peer = hostPort(target.host, target.port);
    const cancel = clock.schedule(target.timeoutMs, () =>
      link.client.finish(
        new NetworkError(
          "ConnectTimeout",
          `connect to ${peer}: not established within ${target.timeoutMs} ms`,
        ),
      ));
    link.client.whenDecided = cancel;
    if (plan.connect === "unanswered") {
      this.#options.observer?.fault?.("connect unanswered", target.host);
      return link.client;
    }
    clock.schedule(link.latency(), () => this.#whenPassable(info, () => this.#arrive(link, target, plan)));
    return link.client;
  }

  /** A connection request has reached the server's machine. */
  #arrive(link: Link, target: ConnectTarget, plan: ConnectionPlan): void {
    const { clock, observer } = this.#options;
    if (link.client.closed) return;
    const peer = hostPort(target.host, target.port);
    const listening = plan.connect === "refused" ? undefined : this.#listeners.get(peer);
    const refuse = (error: NetworkError) =>
      void clock.schedule(link.latency(), () => link.client.finish(error));
    if (listening === undefined) {
      if (plan.connect === "refused") observer?.fault?.("connect refused", target.host);
      return refuse(
        new NetworkError("ConnectRefused", `connect to ${peer}: nothing listens there (connection refused)`),
      );
    }
    if ((target.tls === undefined) !== (listening.address.tls === undefined)) {
      return refuse(new NetworkError("TlsHandshakeFailed", `connect to ${peer}: only one side speaks TLS`));
    }
    listening.events.onConnection((events) => link.accept(events));
    if (link.server === undefined) {
      return refuse(new NetworkError("ConnectRefused", `connect to ${peer}: refused`));
    }
    clock.schedule(0, () => link.server?.open());
    clock.schedule(link.latency(), () => this.#whenPassable(link.info, () => link.client.open()));
  }
}

interface LinkPorts extends SimulatedNetworkOptions {
  readonly passable: (go: () => void) => void;
  readonly over: (link: Link) => void;
}

/** One connection: two ends and what lies between. */
class Link {
  readonly info: LinkInfo;
  readonly plan: ConnectionPlan;
  readonly ports: LinkPorts;
  readonly tls: boolean;
  readonly client: End;
  server: End | undefined;
  /** Nothing passes any more. */
  broken = false;

  constructor(
    info: LinkInfo,
    plan: ConnectionPlan,
    ports: LinkPorts,
    events: ConnectionEvents,
    tls: boolean,
  ) {
    this.info = info;
    this.plan = plan;
    this.ports = ports;
    this.tls = tls;
    this.client = new End(this, "client", events);
  }

  accept(events: ConnectionEvents): Connection {
    return this.server = new End(this, "server", events);
  }

  peerOf(end: End): End | undefined {
    return end === this.client ? this.server : this.client;
  }

  /** A whole number of milliseconds. */
  latency(): number {
    const [least, most] = this.plan.conditions.latencyMs;
    return least + this.below(most - least + 1);
  }

  /** A random whole number in [0, bound). */
  below(bound: number): number {
    if (bound <= 1) return 0;
    const [a, b, c, d] = this.ports.random.bytes(4) as unknown as [number, number, number, number];
    return Math.floor((((a << 24 | b << 16 | c << 8 | d) >>> 0) / 2 ** 32) * bound);
  }

  /** The planned break. */
  snap(told: ToldOfBreak): void {
    if (this.broken) return;
    this.broken = true;
    this.ports.observer?.fault?.(
      told === "nobody" ? "silent link" : told === "both" ? "reset" : "half-open",
      this.info.server,
    );
    if (told === "both" || told === "client") this.client.reset(this.latency());
    if (told === "both" || told === "server") this.server?.reset(this.latency());
  }

  crash(machine: string, told: "peers" | "nobody"): void {
    for (const end of [this.client, this.server]) {
      if (end === undefined || end.closed) continue;
      const own = end === this.client ? this.info.client : this.info.server;
      if (own !== machine) continue;
      end.die();
      const peer = this.peerOf(end);
      if (told === "peers" && !this.broken) {
        const ms = this.latency();
        this.ports.clock.schedule(ms, () => this.ports.passable(() => peer?.reset(0)));
      }
      this.broken = true;
    }
  }

  closed(end: End): void {
    this.ports.observer?.closed?.(this.info, end.side);
    if (this.client.closed && this.server?.closed !== false) this.ports.over(this);
  }
}

/** One end of a connection, as its owner has it. */
class End implements Connection {
  readonly side: Side;
  closed = false;
  /** Called once when it stands or never will. */
  whenDecided: (() => void) | undefined;
  readonly #link: Link;
  readonly #events: ConnectionEvents;
  #isOpen = false;
  /** Its owner gets no more events. */
  #dead = false;

  // Outwards.
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #sentBytes = 0;
  #drainOwed = false;
  #ending = false;
  #endSent = false;
  /** When the line is free for the next packet, and when the last one arrives. */
  #lineFree = 0;
  #lastArrival = 0;

  // Inwards.
  #underWay = 0;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #readBytes = 0;
  #peerEnded = false;
  #endTold = false;
  #wanted = false;

  constructor(link: Link, side: Side, events: ConnectionEvents) {
    this.#link = link;
    this.side = side;
    this.#events = events;
  }

  // What the owner does.

  write(bytes: Uint8Array): boolean {
    if (this.closed || this.#ending) return false;
    if (bytes.length > 0) {
      this.#link.ports.observer?.written?.(this.#link.info, this.side, bytes);
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
      if (this.#isOpen) this.transmit();
    }
    if (this.#queuedBytes <= highWaterBytes) return true;
    this.#drainOwed = true;
    return false;
  }

  resume(): void {
    this.#wanted = true;
    this.#soon(() => this.#deliver());
  }

  end(): void {
    if (this.#ending || this.closed) return;
    this.#ending = true;
    if (this.#isOpen) this.transmit();
  }

  abort(): void {
    if (this.closed) return;
    const unread = this.#receivedBytes > 0 || this.#underWay > 0;
    const peer = this.#link.peerOf(this);
    this.finish(new NetworkError("ConnectionClosed", "use the connection: it was aborted on this side"));
    if (peer === undefined || this.#link.broken) return;
    // As a closed socket does: unread data makes a reset, else an end that stands behind what is under way.
    if (unread) this.#pass(() => peer.reset(0));
    else this.#pass(() => peer.#takeEnd());
  }

  // What the network does.

  /** The connection stands. */
  open(): void {
    if (this.closed || this.#isOpen) return;
    this.#isOpen = true;
    this.whenDecided?.();
    this.#events.onOpen(this.#facts());
    this.transmit();
  }

  /** Sends what the window, the line and the break allow. */
  transmit(): void {
    const { plan, ports } = this.#link;
    const peer = this.#link.peerOf(this);
    if (peer === undefined || this.closed) return;
    while (this.#queue.length > 0) {
      const room = plan.conditions.windowBytes - peer.#underWay - peer.#receivedBytes;
      const first = this.#queue[0]!;
      // As TCP does: no crumbs for a reader that takes crumbs.
      if (room < Math.min(first.length, plan.conditions.windowBytes / 2)) return;
      let size = Math.min(first.length, room, packetBytes);
      if (this.#link.broken) {
        // The machine's own buffer takes it, and nothing ever leaves that.
        peer.#underWay += this.#take(size).length;
        continue;
      }
      const left = this.#untilBreak();
      if (left < size) size = left;
      if (size > 0) this.#send(this.#take(size), peer);
      if (left <= size) {
        const at = Math.max(0, this.#lastArrival - ports.clock.monotonic());
        ports.clock.schedule(at, () => this.#link.snap(plan.break!.told));
        // Nothing leaves behind the break.
        this.#queue = [];
        this.#queuedBytes = 0;
        return;
      }
    }
    if (this.#drainOwed) {
      this.#drainOwed = false;
      this.#soon(() => this.#events.onDrain());
    }
    if (this.#ending && !this.#endSent) {
      this.#endSent = true;
      this.#pass(() => peer.#takeEnd());
      this.#soon(() => this.#finishIfOver());
    }
  }

  /** The peer, or something between, has broken the connection. */
  reset(afterMs: number): void {
    this.#link.ports.clock.schedule(
      afterMs,
      () => this.finish(new NetworkError("ConnectionReset", "use the connection: the peer reset it")),
    );
  }

  /** Closes for the owner. */
  finish(error: NetworkError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#received = [];
    this.#receivedBytes = 0;
    this.whenDecided?.();
    this.#link.closed(this);
    this.#link.ports.clock.schedule(0, () => {
      if (!this.#dead) this.#events.onClosed(error);
    });
  }

  /** The owner is gone. */
  die(): void {
    this.#dead = true;
    this.finish(undefined);
  }

  #send(bytes: Uint8Array, peer: End): void {
    peer.#underWay += bytes.length;
    const { bytesPerMs } = this.#link.plan.conditions;
    const now = this.#link.ports.clock.monotonic();
    this.#lineFree = Math.max(now, this.#lineFree) + Math.ceil(bytes.length / bytesPerMs);
    this.#pass(() => peer.#arrive(bytes));
  }

  /** Lets something reach the peer's machine, behind everything that was sent before. */
  #pass(reach: () => void): void {
    const { clock, passable } = this.#link.ports;
    const now = clock.monotonic();
    this.#lastArrival = Math.max(this.#lastArrival, Math.max(now, this.#lineFree) + this.#link.latency());
    clock.schedule(this.#lastArrival - now, () =>
      passable(() => {
        if (!this.#link.broken) reach();
      }));
  }

  #untilBreak(): number {
    const cut = this.#link.plan.break;
    const counted = cut?.direction === (this.side === "client" ? "toServer" : "toClient");
    return counted ? Math.max(0, cut!.afterBytes - this.#sentBytes) : Infinity;
  }

  #take(size: number): Uint8Array {
    const first = this.#queue[0]!;
    if (size === first.length) this.#queue.shift();
    else this.#queue[0] = first.subarray(size);
    this.#queuedBytes -= size;
    this.#sentBytes += size;
    return first.slice(0, size);
  }

  #arrive(bytes: Uint8Array): void {
    this.#underWay -= bytes.length;
    this.#link.ports.observer?.arrived?.(this.#link.info, this.side, bytes);
    if (this.closed) {
      // Nobody is there: the sender hears of it.
      const peer = this.#link.peerOf(this);
      if (peer !== undefined && !peer.closed) this.#pass(() => peer.reset(0));
      return;
    }
    this.#received.push(bytes);
    this.#receivedBytes += bytes.length;
    this.#deliver();
  }

  #takeEnd(): void {
    if (this.closed || this.#peerEnded) return;
    this.#peerEnded = true;
    this.#deliver();
  }

  #deliver(): void {
    if (this.closed || !this.#isOpen) return;
    if (this.#receivedBytes === 0) {
      if (!this.#peerEnded || this.#endTold) return;
      this.#endTold = true;
      this.#events.onEnd();
      this.#finishIfOver();
      return;
    }
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#events.onData(this.#chunk());
    this.#link.peerOf(this)?.transmit();
    // The end stands behind the last chunk, and is told without being asked for.
    if (this.#receivedBytes === 0 && this.#peerEnded) this.#soon(() => this.#deliver());
  }

  #chunk(): Uint8Array {
    const first = this.#received[0]!;
    const { chunks } = this.#link.plan.conditions;
    let size = first.length;
    if (chunks === "tiny" && this.#readBytes < tinyBytes) size = Math.min(size, 1 + this.#link.below(16));
    else if (chunks !== "whole") size = 1 + this.#link.below(first.length);
    this.#readBytes += size;
    if (size === first.length) this.#received.shift();
    else this.#received[0] = first.subarray(size);
    this.#receivedBytes -= size;
    return first.slice(0, size);
  }

  #finishIfOver(): void {
    if (this.#endSent && this.#endTold) this.finish(undefined);
  }

  /** Calls the owner later, never from inside its own call. */
  #soon(call: () => void): void {
    this.#link.ports.clock.schedule(0, () => {
      if (!this.closed) call();
    });
  }

  #facts(): ConnectionFacts {
    const { info, tls } = this.#link;
    const own = this.side === "client"
      ? [info.client, info.clientPort] as const
      : [info.server, info.serverPort] as const;
    const other = this.side === "client"
      ? [info.server, info.serverPort] as const
      : [info.client, info.clientPort] as const;
    return {
      localAddress: own[0],
      localPort: own[1],
      remoteAddress: other[0],
      remotePort: other[1],
      tls: tls ? { protocol: "TLSv1.2", peerCertificate: undefined, localCertificate: undefined } : undefined,
    };
  }
}
