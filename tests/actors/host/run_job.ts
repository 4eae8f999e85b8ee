/** Runs jobs over fake hosts in virtual time and collects what their users would see. @module */
import {
  fleet,
  type HostTarget,
  job,
  type JobSpec,
  type ResultEvent,
  type RunEvent,
  type RunSink,
} from "../../../actors/host/mod.ts";
import type { ActorRef } from "../../../actors/kernel/actor.ts";
import type { Connector, ExchangeObserver } from "../../../actors/ports.ts";
import { scheduler, type SchedulerInfo, type SchedulerMessage } from "../../../actors/scheduler/mod.ts";
import { basicAuthorization, createNegotiateInitiator } from "../../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { createTestSystem, type TestSystem } from "../../helpers/virtual_clock.ts";
import { fakeConnector, type FakeHost, password } from "./fake_host.ts";

/** A target that leads to the fake host of this name. */
export function fakeTarget(name: string, ntlm = false, host?: FakeHost): HostTarget {
  return {
    name,
    quotaKey: `alice@${name}`,
    connect: { host: name, port: 5985, timeoutMs: 15_000 },
    hostHeader: name,
    path: "/wsman",
    url: `http://${name}/wsman`,
    authentication: ntlm
      ? {
        kind: "negotiate",
        scheme: "Negotiate",
        seal: true,
        initiator: (_facts, random, wallNow) =>
          spied(
            createNegotiateInitiator({
              credential: { username: "alice", domain: "", password: new Secret(password) },
              targetName: `HTTP/${name}`,
              random: (length) => random.bytes(length),
              now: wallNow,
            }),
            host,
          ),
      }
      : { kind: "basic", authorization: () => basicAuthorization("alice", new Secret(password)) },
    operationTimeoutMs: 20_000,
    networkDelayMs: 5_000,
    maxEnvelopeSize: 153_600,
    locale: "en-US",
  };
}

/** Tells the fake host what is written in sealed requests, of which it may see only a part. */
function spied(context: SecurityContext, host: FakeHost | undefined): SecurityContext {
  return {
    get established() {
      return context.established;
    },
    principal: undefined,
    mechanism: "NTLM",
    step: (token, done) => context.step(token, done),
    seal: (plaintext) => {
      host?.noteWritten(new TextDecoder().decode(plaintext));
      return context.seal(plaintext);
    },
    unseal: (sealed) => context.unseal(sealed),
    dispose: () => context.dispose(),
  };
}

/** Events of a run; `hold` keeps deliveries untaken. */
export class Collected implements RunSink {
  readonly events: RunEvent[] = [];
  readonly untaken: (() => void)[] = [];
  hold = false;
  finishedCount = 0;
  cancel: () => void = () => {};
  onEvent: (event: RunEvent) => void = () => {};

  began(cancel: () => void): void {
    this.cancel = cancel;
  }

  deliver(events: readonly RunEvent[], taken: () => void): void {
    for (const event of events) {
      this.events.push(event);
      this.onEvent(event);
    }
    if (this.hold) this.untaken.push(taken);
    else taken();
  }

  finished(): void {
    this.finishedCount++;
  }

  get results(): ResultEvent[] {
    return this.events.filter((event) => event.type === "result");
  }

  get output(): string {
    return this.events.map((event) => event.type === "output" ? new TextDecoder().decode(event.data) : "")
      .join("");
  }
}

/** How a fake fleet differs from the default one. */
export interface FakeFleetOptions {
  readonly slots?: number;
  readonly maxConnections?: number;
  readonly connector?: Connector;
  readonly observer?: ExchangeObserver;
  /** Messages that are handled before other tasks have their chance. */
  readonly maxTurn?: number;
}

/** A fleet over fake hosts. */
export class FakeFleet {
  readonly test: TestSystem;
  readonly hosts = new Map<string, FakeHost>();
  readonly scheduler: ActorRef<SchedulerMessage>;
  readonly fleet;
  readonly connector: Connector;

  constructor(seed = 1, options: FakeFleetOptions = {}) {
    const { slots, connector = fakeConnector(this.hosts), maxTurn, ...limits } = options;
    this.test = createTestSystem({ seed, ...(maxTurn === undefined ? {} : { maxTurn }) });
    this.connector = connector;
    this.scheduler = this.test.system.spawn(scheduler(slots === undefined ? {} : { slots }));
    this.fleet = this.test.system.spawn(fleet(connector, this.scheduler, limits));
  }

  /** Starts a job on the given targets. */
  start(targets: readonly HostTarget[], changes: Partial<JobSpec> & { stdin?: Uint8Array } = {}): Collected {
    const sink = new Collected();
    const { stdin, ...rest } = changes;
    this.test.system.spawn(job(
      {
        id: "job",
        hosts: targets.map((target) => ({
          target,
          command: stdin === undefined ? { command: "run" } : { command: "run", stdin },
        })),
        shell: {},
        throttle: 32,
        timeoutMs: undefined,
        cleanupTimeoutMs: 10_000,
        ...rest,
      },
      this.fleet,
      sink,
    ));
    return sink;
  }

  /** Counts of the scheduler. */
  async permits(): Promise<SchedulerInfo> {
    const answer = this.test.system.ask<SchedulerMessage, SchedulerInfo>(
      this.scheduler,
      (replyTo) => ({ kind: "inspect", replyTo }),
      1000,
    );
    const outcome = await this.test.until(answer);
    if (outcome.kind !== "answered") throw new Error("scheduler does not answer");
    return outcome.value;
  }
}
