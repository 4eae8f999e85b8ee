/** Lines of the log about jobs and hosts. @module */
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { Job } from "../../../actors/daemon/job_types.ts";
import type { ExchangeNote } from "../../../actors/ports.ts";
import { logOf } from "./logs.ts";
import type { WorkWatch } from "./watch.ts";

const jobs = logOf("jobs");
const hosts = logOf("hosts");

/** `get`: a job as it is on disk. */
export function jobLog(get: (id: string) => Job | undefined): WorkWatch {
  return {
    jobBegan({ id, createdBy }, count, resumed) {
      jobs.info(resumed ? "job {job} goes on with {hosts} hosts" : "job {job} begins on {hosts} hosts", {
        job: id,
        hosts: count,
        by: createdBy,
      });
    },
    recording() {},
    recorded(records: readonly StoreRecord[]) {
      for (const record of records) {
        if (record.kind === "state") state(record.job, record.state, get);
        else if (record.kind === "result" && hosts.isEnabledFor("debug")) {
          const { job, index, status, exitCode, durationMs, error } = record;
          hosts.debug("host {index} of job {job}: {status}", {
            job,
            index,
            status,
            exitCode,
            durationMs: Math.round(durationMs),
            code: error?.code,
          });
        }
      }
    },
    jobLeft() {},
    exchangeBegan() {},
    exchangeEnded({ operation, outcome, code, to, durationMs, httpStatus }: ExchangeNote) {
      if (!hosts.isEnabledFor("trace")) return;
      hosts.trace("{operation} to {host}:{port}: {outcome}", {
        operation,
        host: to.host,
        port: to.port,
        outcome,
        code,
        httpStatus,
        durationMs: Math.round(durationMs),
      });
    },
  };
}

function state(id: string, state: Job["state"], get: (id: string) => Job | undefined): void {
  if (state !== "done") {
    jobs.debug("job {job} is {state}", { job: id, state });
    return;
  }
  const job = jobs.isEnabledFor("info") ? get(id) : undefined;
  if (job === undefined) return;
  const counts = Object.fromEntries(Object.entries(job.counts).filter(([, count]) => count > 0));
  jobs.info("job {job} is done", { job: id, hosts: job.hosts, ...counts });
}
