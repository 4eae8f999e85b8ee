/**
 * One life of a fleet among others: names its shells, notes where it makes them, and deletes what dead ones have left there.
 * @module
 */
import { type HostTarget, type InquiryOutcome, shellName, type Swept } from "../../actors/host/mod.ts";
import type { DroverError } from "../../protocol/errors.ts";
import { type DeadInstance, findDeadInstances, InstanceFile, newOwner } from "./instances.ts";

/** What was left at a host by runs that have died. */
export interface SweepReport {
  /** The inventory's name. */
  readonly host: string;
  /** Shells that were deleted. */
  readonly shells: number;
  /** Why not all of them could be. */
  readonly error?: DroverError;
}

/** Deletes at `target` the shells of the instance `owner`. */
export type SweepHost = (target: HostTarget, owner: string) => Promise<InquiryOutcome<Swept>>;

/** Hosts that are swept at once: work goes first. */
const maxAtOnce = 32;

/** Milliseconds that a fleet which closes waits for sweeps that are under way. */
const graceMs = 3_000;

/** See the module. Without a folder it only names shells. */
export class Sweeper {
  readonly #owner = newOwner();
  readonly #folder: string | undefined;
  readonly #sweepHost: SweepHost;
  readonly #onSwept: (report: SweepReport) => void;
  readonly #file: InstanceFile | undefined;
  /** Keys that were noted and looked at. */
  readonly #known = new Set<string>();
  /** Rounds come one after the other: while one goes on, it has the locks of the dead, and the next would find none. */
  #round: Promise<unknown> = Promise.resolve();

  /** Writes and reads nothing yet. */
  constructor(
    folder: string | undefined,
    sweepHost: SweepHost,
    onSwept: (report: SweepReport) => void = () => {},
  ) {
    this.#folder = folder;
    this.#sweepHost = sweepHost;
    this.#onSwept = onSwept;
    this.#file = folder === undefined ? undefined : new InstanceFile(folder, this.#owner);
  }

  /** Keys that work was begun at. */
  get keys(): ReadonlySet<string> {
    return this.#known;
  }

  /** Name of a shell of this instance. */
  shellName(job: string): string {
    return shellName(this.#owner, job);
  }

  /**
   * Before shells are made at `targets`: notes those that are new, and begins to delete what dead instances have left there. For a
   * target that was seen before this costs nothing; nothing here fails.
   */
  begin(targets: readonly HostTarget[]): void {
    if (this.#file === undefined) return;
    const fresh = targets.filter(({ quotaKey }) => !this.#known.has(quotaKey));
    if (fresh.length === 0) return;
    for (const { quotaKey } of fresh) this.#known.add(quotaKey);
    this.#file.note(fresh.map(({ quotaKey }) => quotaKey));
    this.sweep(fresh).then((reports) => {
      for (const report of reports) if (report.shells > 0) this.#onSwept(report);
    });
  }

  /** Deletes what dead instances have left at `targets`: a report for each host where one had made shells. */
  sweep(targets: readonly HostTarget[]): Promise<SweepReport[]> {
    const round = this.#round.then(() => this.#sweepNow(targets));
    this.#round = round;
    return round;
  }

  async #sweepNow(targets: readonly HostTarget[]): Promise<SweepReport[]> {
    if (this.#folder === undefined) return [];
    const reports = new Map<string, SweepReport>();
    const dead = findDeadInstances(this.#folder, Date.now());
    await Promise.all(dead.map((instance) => this.#sweepInstance(instance, targets, reports)));
    return [...reports.values()];
  }

  /** Waits a little for sweeps that are under way. */
  async settle(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
    await Promise.race([this.#round, grace]);
    clearTimeout(timer);
  }

  /** An orderly end of this instance. `left`: keys at which shells of it may be left, for a later one to sweep. */
  close(left: ReadonlySet<string> = new Set()): void {
    this.#file?.close(left);
  }

  async #sweepInstance(
    instance: DeadInstance,
    targets: readonly HostTarget[],
    reports: Map<string, SweepReport>,
  ): Promise<void> {
    const waiting = targets.filter(({ quotaKey }) => instance.left.has(quotaKey));
    const swept: string[] = [];
    const work = async () => {
      for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
        const outcome = await this.#sweepHost(target, instance.owner);
        const { name, quotaKey } = target;
        const { shells, error } = outcome.kind === "done"
          ? outcome.value
          : { shells: 0, error: outcome.error };
        if (error === undefined) swept.push(quotaKey);
        const before = reports.get(name);
        reports.set(name, {
          ...before,
          host: name,
          shells: (before?.shells ?? 0) + shells,
          ...(error === undefined ? {} : { error }),
        });
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(maxAtOnce, waiting.length) }, work));
    } finally {
      instance.close(swept);
    }
  }
}
