/** What the daemon tells of itself, put together: health, figures, log, traces. @module */
import type { Store } from "../../store/api.ts";
import type { AccessMeter } from "../access/limits.ts";
import type { HostBook } from "../host_book.ts";
import type { JobRunner } from "../runner.ts";
import { Health } from "./health.ts";
import { jobLog } from "./job_log.ts";
import { logOf } from "./logs.ts";
import { watchLoop } from "./loop_delay.ts";
import { Metrics } from "./metrics.ts";
import { watchAll, type WorkWatch } from "./watch.ts";

/** What it looks at. */
export interface OperationOptions {
  readonly store: Store;
  readonly book: HostBook;
  readonly meter: AccessMeter;
  /** The runner, once there is one. */
  readonly runner: () => JobRunner | undefined;
  /** Told of the work beside log and figures. */
  readonly watches: readonly WorkWatch[];
}

const log = logOf("daemon");

/** See the module. */
export class Operation implements Disposable {
  readonly health: Health;
  readonly metrics: Metrics;
  /** Is told of the work. */
  readonly watch: WorkWatch;
  readonly #unwatchLoop: () => void;

  constructor({ store, book, meter, runner, watches }: OperationOptions) {
    this.health = new Health(store, () => performance.now());
    this.metrics = new Metrics({
      actors: (path) => runner()?.inspect({ path, limit: 1, sums: true }),
      store: () => store.stats(),
      open: (kind) => meter.open(kind),
      hosts: () => book.inventory.hosts.length,
      ready: () => this.health.reasons().length === 0,
    });
    this.watch = watchAll([this.metrics, jobLog((id) => store.read.jobs.get(id)), ...watches]);
    this.#unwatchLoop = watchLoop((seconds) => this.metrics.loopLate(seconds));
  }

  /** A defect of Drover itself. */
  failed(error: unknown): void {
    this.metrics.failed();
    log.error("internal error: {error}", { error });
  }

  [Symbol.dispose](): void {
    this.#unwatchLoop();
  }
}
