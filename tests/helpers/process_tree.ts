/**
 * Ends a process together with everything that came from it, processes in sessions of their own too: they are known
 * by a mark in the environment that they inherited.
 * @module
 */

/** Name of the environment variable that marks what a run of the tests started. */
export const MARK = "DROVER_TEST_RUN";

/** A process that bears a mark. */
export interface MarkedProcess {
  readonly pid: number;
  /** Its command line, for a message. */
  readonly command: string;
}

/** The living processes that bear `mark`. Where there is no `/proc`, none are found. */
export function markedProcesses(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === Deno.pid) continue;
      const environment = readProc(pid, "environ");
      if (!environment.split("\0").includes(`${MARK}=${mark}`)) continue;
      const command = readProc(pid, "cmdline").replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid, command }); // without one it has ended and waits for its parent
    }
  } catch { /* no /proc on this system */ }
  return found;
}

function readProc(pid: number, name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${name}`);
  } catch {
    return ""; // gone, or another user's
  }
}

/** Kills the process group `group` and everything that bears `mark`; gives back what it found beside the group's head. */
export function killTree(group: number, mark: string): MarkedProcess[] {
  const victims = markedProcesses(mark).filter(({ pid }) => pid !== group);
  kill(Deno.build.os === "windows" ? group : -group);
  // What starts another process while it is being killed is caught by the next round.
  for (let round = 0; round < 3; round++) for (const { pid } of markedProcesses(mark)) kill(pid);
  return victims;
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch { /* already gone */ }
}
