/** One host of a fleet, for scripts. @module */
import {
  bootTimeQuestion,
  type FleetMessage,
  type HostTarget,
  type InquiryOutcome,
  type LeaseSpec,
  type Question,
  type RebootResult,
  rebootWait,
} from "../../actors/host/mod.ts";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { Priority } from "../../actors/scheduler/mod.ts";
import { NetworkError, UsageError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import { LeaseBridge } from "./lease_bridge.ts";
import { checkRun } from "./run_checks.ts";
import { Shell } from "./shell.ts";
import type { Sweeper } from "./sweeper.ts";

/** Options of a remote shell. */
export interface ShellOptions {
  /** Working directory. */
  readonly cwd?: string;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Code page of its streams (WINRS_CODEPAGE); default 65001, UTF-8. */
  readonly codepage?: number;
  /** WINRS_NOPROFILE; default false. */
  readonly noProfile?: boolean;
  /** Milliseconds without activity after which the service deletes it. */
  readonly idleTimeoutMs?: number;
}

/** Options of {@link FleetHost.openShell}. */
export interface OpenShellOptions extends ShellOptions {
  /** How urgent the shell and its commands are beside other work of the fleet; default `normal`. */
  readonly priority?: Priority;
  /** Milliseconds that it may wait for its turn at the host's quotas, then `NotStarted` is thrown; default: as long as it takes. */
  readonly waitTimeout?: number;
}

/** What options say about waiting, as the actors take it. */
export function permitTerms(
  { priority, waitTimeout }: {
    readonly [name in "priority" | "waitTimeout"]?: OpenShellOptions[name] | undefined;
  },
): Pick<LeaseSpec, "priority" | "waitMs"> {
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(waitTimeout === undefined ? {} : { waitMs: waitTimeout }),
  };
}

/** Shell options as the actors take them. */
export function shellOptions(options: ShellOptions | undefined): CreateShellOptions {
  return { codepage: 65001, ...options };
}

/** Milliseconds for a Signal or Delete and for all clean-up of one host. */
export const cleanupTimeoutMs = 10_000;

/** Options of {@link FleetHost.waitForReboot}. */
export interface RebootOptions {
  /** Boot time before the restart, from {@link FleetHost.bootTime}. */
  readonly after: Date;
  /** Milliseconds until it is given up; default 600,000. */
  readonly timeout?: number;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
}

/** What a host needs of its fleet. */
export interface FleetParts {
  readonly system: ActorSystem;
  readonly fleet: ActorRef<FleetMessage>;
  readonly shells: Set<LeaseBridge>;
  readonly sweeper: Sweeper;
}

/** Milliseconds for one question, whatever happens to it: requests have deadlines of their own. */
const questionMs = 300_000;

/** Asks one host something that is no command. */
export async function inquire<T>(
  { system, fleet }: Pick<FleetParts, "system" | "fleet">,
  target: HostTarget,
  question: Question<T>,
): Promise<InquiryOutcome<T>> {
  const asked = await system.ask<FleetMessage, InquiryOutcome<unknown>>(
    fleet,
    (replyTo) => ({ kind: "inquire", target, question, replyTo }),
    questionMs,
  );
  if (asked.kind === "answered") return asked.value as InquiryOutcome<T>;
  const why = asked.kind === "targetStopped" ? "the fleet is closed" : "the host did not answer in time";
  return { kind: "failed", error: new NetworkError("NotAnswered", `${question.name}: ${why}`) };
}

/** One host of a `Fleet`. */
export class FleetHost {
  readonly #target: HostTarget;
  readonly #parts: FleetParts;

  /** Made by `Fleet.host`. */
  constructor(target: HostTarget, parts: FleetParts) {
    this.#target = target;
    this.#parts = parts;
  }

  /** The inventory's name. */
  get name(): string {
    return this.#target.name;
  }

  /**
   * Opens a remote shell.
   *
   * @throws DroverError when it cannot be opened
   */
  async openShell({ priority, waitTimeout, ...options }: OpenShellOptions = {}): Promise<Shell> {
    checkRun("open shell", { priority, waitTimeout });
    const { system, fleet, shells, sweeper } = this.#parts;
    const id = crypto.randomUUID().slice(0, 8);
    sweeper.begin([this.#target]);
    const bridge = new LeaseBridge(fleet, this.#target, {
      job: id,
      quotaKey: this.#target.quotaKey,
      throttle: Infinity,
      ...permitTerms({ priority, waitTimeout }),
      shell: { name: sweeper.shellName(id), ...shellOptions(options) },
      times: {
        operationTimeoutMs: this.#target.operationTimeoutMs,
        cleanupTimeoutMs,
        guardMs: this.#target.networkDelayMs + 60_000,
      },
    });
    system.spawn(bridge.spec);
    shells.add(bridge);
    bridge.closed.then(() => shells.delete(bridge));
    await bridge.opened;
    return new Shell(bridge);
  }

  /**
   * When the host was started: LastBootUpTime of the CIM class Win32_OperatingSystem, which Windows shows to administrators. A host
   * without that class (Drover's own service) is asked for `/proc/stat` by a command in a shell of its own.
   *
   * @throws DroverError when it cannot be known
   */
  async bootTime(): Promise<Date> {
    const { sweeper } = this.#parts;
    sweeper.begin([this.#target]);
    const question = bootTimeQuestion(sweeper.shellName(crypto.randomUUID().slice(0, 8)));
    const outcome = await inquire(this.#parts, this.#target, question);
    if (outcome.kind === "failed") throw outcome.error;
    return new Date(outcome.value);
  }

  /**
   * Waits until the host has been restarted: until its boot time differs from `after` by more than 10 seconds, since clocks are
   * set and rounded. That it does not answer for a while, or answers again, proves nothing. Asks every few seconds.
   *
   * @example
   * ```ts
   * import { Fleet } from "../../mod.ts";
   * await using fleet = new Fleet({ hosts: ["web01"], user: "admin", password: "…" });
   * const host = fleet.host("web01");
   * const after = await host.bootTime();
   * for await (const _ of fleet.run("shutdown /r /t 0"));
   * await host.waitForReboot({ after, timeout: 900_000 });
   * ```
   * @returns The new boot time.
   * @throws NetworkError `RebootTimeout`
   * @throws DeniedError at once, when the credentials are wrong
   * @throws DOMException `AbortError` by `signal`
   */
  async waitForReboot({ after, timeout = 600_000, signal }: RebootOptions): Promise<Date> {
    if (Number.isNaN(after.getTime())) {
      throw new UsageError("BadBootTime", "wait for reboot: after is no time");
    }
    checkRun("wait for reboot", { timeout });
    signal?.throwIfAborted();
    const { system, fleet, sweeper } = this.#parts;
    sweeper.begin([this.#target]);
    const shellName = sweeper.shellName(crypto.randomUUID().slice(0, 8));
    const spec = { target: this.#target, after: after.getTime(), timeoutMs: timeout, shellName };
    const ended = Promise.withResolvers<RebootResult>();
    const ref = system.spawn(rebootWait(spec, fleet, ended.resolve));
    const cancel = () => system.send(ref, { kind: "cancel" });
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const result = await ended.promise;
      if (result.kind === "rebooted") return new Date(result.bootTime);
      signal?.throwIfAborted();
      throw result.error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
}
