/** What became of the work when the daemon stopped. @module */
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { UnfinishedJob } from "../../../actors/daemon/job_types.ts";
import type { WorkWatch } from "./watch.ts";

/** Counts of hosts and jobs. */
export interface StopReport {
  /** Jobs that ended in the meantime. */
  readonly jobsDone: number;
  /** Hosts that ended by themselves in the time that they were given. */
  readonly hostsEnded: number;
  /** Hosts that were stopped when it was over, and have a result. */
  readonly hostsStopped: number;
  /** Jobs with which the next start goes on. */
  readonly jobsLeft: number;
  /** Their hosts that have not been sent anything: they begin then. */
  readonly hostsWaiting: number;
  /** Their hosts that may run on: they are asked then. */
  readonly hostsAsked: number;
}

/** Counts while the daemon stops. */
export class StopCount {
  #jobsDone = 0;
  #ended = 0;
  #stopped = 0;
  #phase: "not yet" | "given time" | "overdue" = "not yet";

  /** From now on. */
  begin(): void {
    this.#phase = "given time";
  }

  /** The time that hosts were given is over. */
  overdue(): void {
    this.#phase = "overdue";
  }

  /** What is told of the work. */
  readonly watch: WorkWatch = {
    exchangeBegan() {},
    exchangeEnded() {},
    jobBegan() {},
    jobLeft() {},
    recording() {},
    recorded: (records: readonly StoreRecord[]) => {
      if (this.#phase === "not yet") return;
      for (const record of records) {
        if (record.kind === "state" && record.state === "done") this.#jobsDone++;
        if (record.kind !== "result") continue;
        if (this.#phase === "overdue") this.#stopped++;
        else this.#ended++;
      }
    },
  };

  /** The whole. `left`: jobs that are not done. */
  report(left: readonly UnfinishedJob[]): StopReport {
    const hosts = left.flatMap(({ hosts }) => hosts);
    const asked = hosts.filter(({ intent }) => intent !== null).length;
    return {
      jobsDone: this.#jobsDone,
      hostsEnded: this.#ended,
      hostsStopped: this.#stopped,
      jobsLeft: left.length,
      hostsWaiting: hosts.length - asked,
      hostsAsked: asked,
    };
  }
}

/** For people. */
export function stopText(report: StopReport): string {
  const { jobsDone, hostsEnded, hostsStopped, jobsLeft, hostsWaiting, hostsAsked } = report;
  const parts = [
    hostsEnded > 0 ? `${count(hostsEnded, "host")} ended` : "",
    hostsStopped > 0 ? `${count(hostsStopped, "host")} stopped` : "",
    jobsDone > 0 ? `${count(jobsDone, "job")} done` : "",
    jobsLeft > 0
      ? `the next start goes on with ${count(jobsLeft, "job")} (${count(hostsWaiting, "host")} to begin, ` +
        `${count(hostsAsked, "host")} to ask)`
      : "",
  ].filter((part) => part !== "");
  return `stopped: ${parts.length === 0 ? "nothing was running" : parts.join(", ")}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
