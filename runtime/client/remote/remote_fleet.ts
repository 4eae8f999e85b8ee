/** The fleet of a daemon, for scripts. @module */
import { UsageError } from "../../../protocol/errors.ts";
import type { AnyFleet, HostSummary, PingAnswer } from "../any_fleet.ts";
import { logonOf } from "../logons.ts";
import { OutputBytes } from "../output_bytes.ts";
import { checkRun } from "../run_checks.ts";
import { DaemonConnection, type RemoteFleetOptions } from "./connection.ts";
import {
  type HostDocument,
  type JobDocument,
  type JobEvent,
  type JobFilter,
  type JobHostDocument,
  type JobHostFilter,
  jobPath,
  jobRequest,
  type PingDocument,
  type RemoteRunOptions,
  type RetryOptions,
  type SubmitOptions,
} from "./documents.ts";
import { followJob, type FollowOptions } from "./follow.ts";
import { pagesOf } from "./paging.ts";
import { RemoteRun } from "./remote_run.ts";

/** Which bytes of an output. */
export interface OutputRange {
  /** First byte; default 0. */
  readonly from?: number;
  /** Byte behind the last one; default: the end of what is kept by now. */
  readonly to?: number;
}

/**
 * The fleet of a running `drover daemon`, over its HTTP API: what {@link AnyFleet} has, as the in-process `Fleet`, and jobs that
 * outlive the script. Requests whose answer was lost are asked again where that is safe; a request for a job is, since it has an
 * Idempotency-Key. `await using` cancels what {@link RemoteFleet.run} began; jobs of {@link RemoteFleet.submit} go on.
 *
 * Every method throws DeniedError when the token is wrong or does not allow it, UsageError with the code of the daemon's problem when
 * it refuses the request (`JobUnknown`, `PatternUnmatched` …), DroverError blaming the system when its disk is full, and NetworkError
 * `DaemonUnreachable` when it stays away.
 *
 * @example
 * ```ts
 * import { Fleet } from "../../../mod.ts";
 * await using fleet = Fleet.connect({ url: "http://127.0.0.1:7520", token: Deno.env.get("DROVER_TOKEN")! });
 * const { id } = await fleet.submit("apt-get -y upgrade", { hosts: "web*", idempotencyKey: "upgrade-47" });
 * for await (const event of fleet.follow(id)) {
 *   if (event.type === "output") console.log(event.host, event.data.text());
 *   if (event.type === "result") console.log(event.host, event.status, event.exitCode);
 * }
 * ```
 */
export class RemoteFleet implements AnyFleet {
  readonly #connection: DaemonConnection;
  readonly #runs = new Set<RemoteRun>();
  #closed: Promise<void> | undefined;

  /**
   * Connects to nothing yet.
   *
   * @throws UsageError `DaemonUnknown`, `TokenMissing`, `BadOption`
   */
  constructor(options: RemoteFleetOptions) {
    this.#connection = new DaemonConnection(options);
  }

  /**
   * Runs a command on many hosts, as a job of the daemon. One text goes to the remote shell as it is; several words are quoted so that
   * the program gets exactly these arguments. What the daemon refuses is thrown when the run is iterated.
   *
   * @throws UsageError `BadOption`
   * @example
   * ```ts
   * import { Fleet } from "../../../mod.ts";
   * await using fleet = Fleet.connect({ url: "http://127.0.0.1:7520", token: "drv_…" });
   * for await (const event of fleet.run("hostname", { hosts: "web*", timeout: 30_000 })) {
   *   if (event.type === "output") console.log(event.host, event.data.text());
   *   if (event.type === "result") console.log(event.host, event.status);
   * }
   * ```
   */
  run(command: string | readonly string[], options: RemoteRunOptions = {}): RemoteRun {
    const { signal, ...rest } = options;
    signal?.throwIfAborted();
    checkRun("run command", options);
    if (this.#closed !== undefined) throw new UsageError("FleetClosed", "run command: the fleet is closed");
    const run: RemoteRun = new RemoteRun(
      this.#connection,
      this.submit(command, rest),
      signal,
      () => this.#runs.delete(run),
    );
    this.#runs.add(run);
    return run;
  }

  /**
   * Asks for a job, which goes on whatever becomes of this script.
   *
   * @returns The job, as soon as the daemon has it on disk.
   * @throws UsageError `BadOption`, or what the daemon refuses
   */
  async submit(command: string | readonly string[], options: SubmitOptions = {}): Promise<JobDocument> {
    checkRun("submit job", options);
    return await this.#connection.json("POST", "/v1/jobs", {
      body: jobRequest(command, options),
      headers: keyed(options),
    });
  }

  /**
   * Events of a job from its beginning, or behind `after`, until it is done: each once, in order, across connections that break and
   * daemons that are restarted. Leaving the loop stops nothing but the following.
   *
   * @throws DOMException `AbortError` by `signal`
   */
  follow(id: string, options: FollowOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    return followJob(this.#connection, id, options);
  }

  /** One job as it stands. */
  async job(id: string): Promise<JobDocument> {
    return await this.#connection.json("GET", jobPath(id));
  }

  /** Jobs, newest first unless the filter says otherwise; pages are asked for as they are needed. */
  jobs(filter: JobFilter = {}): AsyncGenerator<JobDocument, void, undefined> {
    return pagesOf(this.#connection, "/v1/jobs", { ...filter });
  }

  /** Hosts of a job with their results, in their order. */
  results(
    id: string,
    filter: JobHostFilter = {},
  ): AsyncGenerator<JobHostDocument, void, undefined> {
    return pagesOf(this.#connection, `${jobPath(id)}/hosts`, { ...filter });
  }

  /** One host of a job. */
  async result(id: string, host: string): Promise<JobHostDocument> {
    return await this.#connection.json("GET", `${jobPath(id)}/hosts/${encodeURIComponent(host)}`);
  }

  /** Output of a host of a job, as far as it is kept by now; none where the range begins behind that. */
  async output(
    id: string,
    host: string,
    stream: "stdout" | "stderr",
    { from = 0, to }: OutputRange = {},
  ): Promise<OutputBytes> {
    for (const [name, value] of [["from", from], ["to", to ?? 0]] as const) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new UsageError("BadOption", `read output: ${name} is ${value}; expected a whole number from 0`);
    }
    if (to !== undefined && to <= from) return OutputBytes.wrap(new Uint8Array());
    const whole = from === 0 && to === undefined;
    try {
      return OutputBytes.wrap(
        await this.#connection.bytes(
          "GET",
          `${jobPath(id)}/hosts/${encodeURIComponent(host)}/output/${stream}`,
          whole ? {} : { headers: { "Range": `bytes=${from}-${to === undefined ? "" : to - 1}` } },
        ),
      );
    } catch (error) {
      if (error instanceof UsageError && error.code === "RangeUnsatisfiable") {
        return OutputBytes.wrap(new Uint8Array());
      }
      throw error;
    }
  }

  /** Stops a job; every host still gets its result. A job that is done stays as it is. */
  cancel(id: string): Promise<JobDocument> {
    return this.#change(id, "cancel");
  }

  /** Begins no further host of a job; what runs goes on. */
  pause(id: string): Promise<JobDocument> {
    return this.#change(id, "pause");
  }

  /** Goes on with a job that was paused. */
  resume(id: string): Promise<JobDocument> {
    return this.#change(id, "resume");
  }

  /** Runs hosts of a job that is done once more, as a new job. */
  async retry(id: string, { hosts, statuses, idempotencyKey }: RetryOptions = {}): Promise<JobDocument> {
    return await this.#connection.json("POST", `${jobPath(id)}/retry`, {
      body: {
        ...(hosts === undefined ? {} : { hosts }),
        ...(statuses === undefined ? {} : { statuses }),
      },
      headers: keyed({ idempotencyKey }),
    });
  }

  /** Hosts that the daemon knows and the token may see, those that match `pattern`, by name; default all. */
  async hosts(pattern?: string): Promise<readonly HostSummary[]> {
    const hosts: HostSummary[] = [];
    for await (
      const { name, address, port, scheme, auth, groups } of pagesOf<HostDocument>(
        this.#connection,
        "/v1/hosts",
        { pattern },
      )
    ) {
      hosts.push({
        name,
        address,
        port: port ?? undefined,
        scheme: scheme ?? undefined,
        auth: auth ?? undefined,
        groups,
      });
    }
    return hosts;
  }

  /** Has the daemon ask a host which service answers. */
  async ping(host: string): Promise<PingAnswer> {
    const path = `/v1/hosts/${encodeURIComponent(host)}/ping`;
    const options = { repeatable: true };
    const answer = await this.#connection.json<PingDocument>("POST", path, options);
    const { vendor, version, durationMs, error } = answer;
    if (error !== null) return { kind: "failed", ...error };
    const logon = logonOf(answer.logon);
    return {
      kind: "answered",
      vendor: vendor ?? "",
      version: version ?? "",
      durationMs: durationMs ?? 0,
      ...(logon === undefined ? {} : { logon }),
    };
  }

  /**
   * Cancels what {@link RemoteFleet.run} began, waits for its end, and closes all connections; jobs of {@link RemoteFleet.submit} go
   * on. Idempotent.
   *
   * @throws DroverError when the daemon could not be told: what runs then goes on
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** See {@link RemoteFleet.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const stopped = await Promise.allSettled([...this.#runs].map((run) => run.stop()));
    this.#connection[Symbol.dispose]();
    for (const end of stopped) if (end.status === "rejected") throw end.reason;
  }

  async #change(id: string, change: "cancel" | "pause" | "resume"): Promise<JobDocument> {
    return await this.#connection.json("POST", `${jobPath(id)}/${change}`, { repeatable: true });
  }
}

function keyed({ idempotencyKey }: { readonly idempotencyKey?: string | undefined }): Record<string, string> {
  return { "Idempotency-Key": idempotencyKey ?? crypto.randomUUID() };
}
