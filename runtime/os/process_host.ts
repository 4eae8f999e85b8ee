/** Starts the service's commands as processes of this system. @module */
import type { ProcessEvents, ProcessHandle, ProcessHost, ProcessSpec } from "../../actors/ports.ts";
import { Guardian, markerVariable } from "./guardian.ts";
import { type LaunchPlan, planLaunch, type Refusal } from "./launch_plan.ts";
import { RunningProcess } from "./running_process.ts";
import { currentUser } from "./users.ts";

/** Options of {@link createProcessHost}. */
export interface ProcessHostOptions {
  /**
   * How long a process that a command left behind may be silent before its hold on the output streams is ended, in
   * milliseconds. Default 2,000.
   */
  readonly graceMs?: number;
}

/** A process host that can be shut down. */
export interface OwnedProcessHost extends ProcessHost {
  /** Removes a folder when this process ends, in whichever way. */
  removeAtEnd(folder: string): void;
  /**
   * Kills every command that still runs (their last events still come), and whatever commands left behind. Resolves
   * when the guardian has found nothing left. Idempotent.
   */
  close(): Promise<void>;
}

/** Starts real processes. Whatever runs when this process ends, in whichever way, is killed by a guardian process. */
export function createProcessHost(options: ProcessHostOptions = {}): OwnedProcessHost {
  const graceMs = options.graceMs ?? 2000;
  const me = currentUser();
  const guardian = new Guardian();
  const running = new Set<RunningProcess>();
  let closed = false;

  const start = (plan: LaunchPlan, events: ProcessEvents): ProcessHandle => {
    const child = new Deno.Command(plan.program, {
      args: [...plan.args],
      cwd: plan.cwd,
      clearEnv: true,
      env: { ...plan.env },
      ...(plan.ids ?? {}),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    guardian.watch(child.pid);
    const process: RunningProcess = new RunningProcess(child, events, graceMs, () => {
      guardian.forget(child.pid);
      running.delete(process);
    });
    running.add(process);
    return process;
  };

  const spawn = (spec: ProcessSpec, events: ProcessEvents): ProcessHandle => {
    if (closed) {
      return refuse({ code: "SpawnFailed", message: "start a command: the service is ending" }, events);
    }
    const plan = planLaunch(spec, me, { [markerVariable]: guardian.marker });
    if ("code" in plan) return refuse(plan, events);
    try {
      return start(plan, events);
    } catch (error) {
      return refuse(explain(error, spec), events);
    }
  };

  return {
    ...(Deno.build.os === "windows" ? {} : { platform: "posix" as const }),
    spawn,
    removeAtEnd: (folder) => guardian.removeAtEnd(folder),
    async close() {
      closed = true;
      for (const process of running) process.signal("terminate");
      await guardian.close();
    },
  };
}

function explain(error: unknown, { command }: ProcessSpec): Refusal {
  const program = command.kind === "argv" ? command.program : "the system's shell";
  if (error instanceof Deno.errors.NotFound) {
    return { code: "NotFound", message: `start ${program}: there is no such program` };
  }
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return { code: "AccessDenied", message: `start ${program}: the system does not allow it` };
  }
  // The platform's text names the program and the system's error, never the environment.
  return {
    code: "SpawnFailed",
    message: `start ${program}: ${error instanceof Error ? error.message : error}`,
  };
}

function refuse({ code, message }: Refusal, events: ProcessEvents): ProcessHandle {
  queueMicrotask(() => events.onFailed(code, message));
  return {
    writeStdin: (_bytes, done) => queueMicrotask(() => done(false)),
    endStdin: () => {},
    resume: () => {},
    signal: () => {},
  };
}
