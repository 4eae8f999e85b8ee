/** What a process has used so far, from Linux' /proc; zeros elsewhere. @module */

/** Memory and time of one process. */
export interface ProcessUsage {
  /** Peak resident memory, in MB of 2^20 bytes. */
  readonly peakMb: number;
  /** Resident memory now, in the same unit. */
  readonly rssMb: number;
  /** Processor time of the process itself, user and system, in seconds (children are not counted). */
  readonly cpuSeconds: number;
  /** The same of its children that have ended. */
  readonly cpuChildrenSeconds: number;
}

/** Linux counts processor time in ticks of this length for every architecture that Deno runs on. */
const ticksPerSecond = 100;

/** Usage of the process with this id. */
export function usageOf(pid: number): ProcessUsage {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name, in parentheses, may hold spaces: fields are counted behind it. utime, stime, cutime and cstime are
    // the 14th to 17th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      peakMb: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024,
      rssMb: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      cpuChildrenSeconds: (Number(fields[13]) + Number(fields[14])) / ticksPerSecond,
    };
  } catch {
    return { peakMb: 0, rssMb: 0, cpuSeconds: 0, cpuChildrenSeconds: 0 };
  }
}
