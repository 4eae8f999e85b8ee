/** Runs durable jobs over fake hosts in virtual time, in lives of a daemon that can be killed. */
import {
  type DurableHost,
  durableJob,
  type DurableJobEnd,
  type DurableJobMessage,
  type StoreError,
  type StoreRecord,
  type WishMessage,
} from "../../../actors/daemon/mod.ts";
import type { Job, JobRequest } from "../../../actors/daemon/job_types.ts";
import { fleet, type FleetMessage } from "../../../actors/host/mod.ts";
import type { ActorRef, AskOutcome, ChildSpec } from "../../../actors/kernel/actor.ts";
import { ActorSystem } from "../../../actors/kernel/system.ts";
import { scheduler } from "../../../actors/scheduler/mod.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { createTestSystem, type TestSystem } from "../../helpers/virtual_clock.ts";
import {
  envelopeOf,
  fakeConnector,
  FakeHost,
  type FakeOptions,
  faultBody,
  response,
} from "../host/fake_host.ts";
import { fakeTarget } from "../host/run_job.ts";
import { Disk, type KeptHost, MemoryStore } from "../../helpers/memory_store.ts";

/** Id of the only job. */
export const jobId = "019ab000-0000-7000-8000-000000000001";

/** One life of the daemon. */
export interface Life {
  readonly system: ActorSystem;
  readonly job: ActorRef<DurableJobMessage>;
  readonly fleet: ActorRef<FleetMessage>;
  readonly store: MemoryStore;
  readonly ends: DurableJobEnd[];
  readonly crashes: unknown[];
  tell(kind: "cancel" | "pause" | "resume" | "drain"): void;
  /** As {@link Life.tell}; the answer is added to `answers`. */
  wish(kind: WishMessage["kind"]): void;
  readonly answers: (string | undefined)[];
  /** `kill -9`. */
  kill(): void;
}

/** A durable job on fake hosts, whose lives share a disk. */
export class DurableRun {
  readonly test: TestSystem = createTestSystem();
  readonly disk = new Disk();
  readonly hosts = new Map<string, FakeHost>();
  /** Milliseconds that a commit takes. */
  commitMs = 2;
  /** What the store was given, append by append, and how many appends at once were not kept yet. */
  readonly appends: (readonly StoreRecord[])[] = [];
  mostUnkept = 0;
  #unkept = 0;
  /** Names that the inventory has lost. */
  readonly gone = new Set<string>();
  #life = 0;
  readonly #stdin: Uint8Array | undefined;

  constructor(
    names: readonly string[],
    request: Partial<JobRequest> = {},
    options: (name: string) => FakeOptions = () => ({}),
    stdin?: Uint8Array,
  ) {
    this.#stdin = stdin;
    for (const name of names) this.hosts.set(name, this.host(options(name)));
    this.disk.create(jobId, { command: "run", hosts: "all", ...request }, names, stdin);
  }

  /** A fake host that also lists its shells. */
  host(options: FakeOptions): FakeHost {
    const host: FakeHost = new FakeHost(this.test, {
      ...options,
      answer: (operation, body) => {
        const given = options.answer?.(operation, body) ??
          (options.answer === undefined ? "default" : undefined);
        if (given !== "default") return given;
        if (operation === "Enumerate") return listOf(host);
        return operation === "Receive" && !wasSent(host, body) ? unknownCommand : given;
      },
    });
    return host;
  }

  /** Begins a life with all that is unfinished. */
  start(): Life {
    const { clock, random, later } = this.test;
    let alive = true;
    const soon = (task: () => void) => later(() => alive && task());
    const crashes: unknown[] = [];
    const system = new ActorSystem({
      clock: { ...clockOf(clock), schedule: (ms, wake) => clock.schedule(ms, () => alive && wake()) },
      random,
      soon,
      yieldToIo: soon,
      onCrash: (report) => crashes.push(report),
    });
    const store = new MemoryStore(
      this.disk,
      (ms, task) => void clock.schedule(ms, task),
      () => this.commitMs,
      {
        given: (records) => {
          this.appends.push(records);
          this.mostUnkept = Math.max(this.mostUnkept, ++this.#unkept);
        },
        // Of one job there is one append in each commit.
        kept: () => this.#unkept--,
      },
    );
    const turns = system.spawn(scheduler());
    const ref = system.spawn(fleet(fakeConnector(this.hosts), turns));
    const [unfinished] = this.disk.unfinished();
    const life = ++this.#life;
    const ends: DurableJobEnd[] = [];
    const hosts = unfinished!.hosts.map((host): DurableHost => ({
      ...host,
      target: this.gone.has(host.host) ? undefined : fakeTarget(host.host),
    }));
    const job = system.spawn(durableJob(
      {
        job: unfinished!.job as Job,
        stdin: this.#stdin,
        hosts,
        shellName: (index) => `drover-life${life}-job${index}`,
        throttle: 32,
        cleanupTimeoutMs: 10_000,
      },
      ref,
      store,
      (end) => ends.push(end),
    ));
    const answers: (string | undefined)[] = [];
    return {
      system,
      job,
      fleet: ref,
      store,
      ends,
      crashes,
      tell: (kind) => void system.send(job, { kind }),
      wish: (kind) => {
        const answered = (error: StoreError | undefined) => alive && answers.push(error?.code);
        system.spawn(wisher(job, kind, answered));
      },
      answers,
      kill: () => {
        alive = false;
        store.die();
        for (const host of this.hosts.values()) for (const connection of host.connections) connection.abort();
      },
    };
  }

  get kept(): readonly KeptHost[] {
    return this.disk.jobs.get(jobId)!.hosts;
  }

  get states(): readonly string[] {
    return this.disk.jobs.get(jobId)!.states;
  }

  /** Status of each host, `null` without a result. */
  get statuses(): (string | null)[] {
    return this.kept.map(({ results }) => results[0]?.status ?? null);
  }

  /** Requests of a kind that arrived anywhere. */
  count(operation: string): number {
    return [...this.hosts.values()].reduce(
      (sum, host) => sum + host.requests.filter((request) => request.operation === operation).length,
      0,
    );
  }

  get shells(): number {
    return [...this.hosts.values()].reduce((sum, { shells }) => sum + shells.size, 0);
  }
}

/** Asks a durable job for something and ends. */
function wisher(
  job: ActorRef<DurableJobMessage>,
  kind: WishMessage["kind"],
  answered: (error: StoreError | undefined) => void,
): ChildSpec<AskOutcome<StoreError | undefined>> {
  return {
    start: (context) => {
      context.ask<DurableJobMessage, StoreError | undefined>(
        job,
        (replyTo) => ({ kind, replyTo }),
        600_000,
        (outcome) => outcome,
      );
      return {
        handle: (outcome, own) => {
          if (outcome.kind === "answered") own.effect(() => answered(outcome.value));
          own.stop();
        },
      };
    },
  };
}

/** Kept standard output of a host. */
export function textOf(host: KeptHost): string {
  const decoder = new TextDecoder();
  return host.output.stdout.map((piece) => decoder.decode(piece, { stream: true })).join("");
}

function clockOf(clock: TestSystem["clock"]) {
  return { now: () => clock.now(), monotonic: () => clock.monotonic() };
}

/** Whether the command that `receive` asks for has reached the host. */
function wasSent(host: FakeHost, receive: string): boolean {
  const id = /CommandId="([^"]*)"/.exec(receive)?.[1] ?? "";
  return host.requests.some(({ operation, body }) => operation === "Command" && body.includes(id));
}

const unknownCommand = response(500, utf8(envelopeOf(faultBody(2150858843))));

const shellNamespace = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const enumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";

/** An EnumerateResponse with the shells of `host`. */
function listOf(host: FakeHost): Uint8Array {
  const items = host.requests.filter(({ operation }) => operation === "Create").flatMap(({ body }) => {
    const id = /ShellId="([^"]*)"/.exec(body)?.[1] ?? "";
    const name = /<rsp:Shell[^>]* Name="([^"]*)"/.exec(body)?.[1] ?? "";
    return host.shells.has(id)
      ? [
        `<r:Shell xmlns:r="${shellNamespace}"><r:ShellId>${id}</r:ShellId><r:Name>${name}</r:Name></r:Shell>`,
      ]
      : [];
  });
  return response(
    200,
    utf8(envelopeOf(
      `<n:EnumerateResponse xmlns:n="${enumeration}"><n:EnumerationContext/><w:Items>${items.join("")}` +
        `</w:Items><w:EndOfSequence/></n:EnumerateResponse>`,
    )),
  );
}
