/**
 * Keeping a service's secrets from its own commands. Commands of an unprivileged service run as the service's user, who
 * may otherwise read the environment and the memory of all his processes (/proc/PID/environ, /proc/PID/mem).
 * @module
 */
import { eraseEnvironmentValue, forbidInspection } from "../../ffi/libc.ts";

/** Takes the value of a variable out of this process' environment, for good where the system allows it. */
export function takeFromEnvironment(variable: string): string | undefined {
  const value = Deno.env.get(variable);
  if (value === undefined) return undefined;
  eraseEnvironmentValue(variable);
  Deno.env.delete(variable);
  return value;
}

/** Closes this process to others of its user, before it runs anything for strangers. `false` where that cannot be. */
export function closeToOthers(): boolean {
  return forbidInspection();
}

/** More processes than this are not between a service and the first one of the system. */
const mostAncestors = 64;

/**
 * The processes above this one (`npx`, `deno task`, a shell) whose environment has `variable` and is open to us, and so to
 * commands that run as we do. Linux only; elsewhere none are found.
 */
export function ancestorsWith(variable: string): number[] {
  const found: number[] = [];
  let pid = Deno.ppid;
  for (let count = 0; pid > 1 && count < mostAncestors; count++) {
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      if (environment.split("\0").some((entry) => entry.startsWith(`${variable}=`))) found.push(pid);
    } catch {
      // Somebody else's, or gone.
    }
    try {
      pid = Number(/^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
    } catch {
      break;
    }
  }
  return found;
}
