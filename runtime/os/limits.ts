/** Limits that the system sets to this process. @module */

/** Soft and hard limit of open files; `Infinity` where unlimited. */
export interface FileDescriptorLimit {
  /** What holds now. */
  readonly soft: number;
  /** What the soft limit may be raised to (the platform does so at its start). */
  readonly hard: number;
}

/** The limit of open files and sockets of this process; `undefined` where the system does not tell (not Linux). */
export function fileDescriptorLimit(): FileDescriptorLimit | undefined {
  let limits: string;
  try {
    limits = Deno.readTextFileSync("/proc/self/limits");
  } catch {
    return undefined;
  }
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  if (soft === undefined || hard === undefined) return undefined;
  const value = (text: string) => text === "unlimited" ? Infinity : Number(text);
  return { soft: value(soft), hard: value(hard) };
}

/** Descriptors that are left for everything but connections: files, name look-ups, pipes. */
const reserve = 32;
/** Fewer connections than these are of no use; running out of descriptors is then tried again like a failed connection. */
const leastConnections = 8;

/** Connections that this process may open beside what it has open now; `undefined` where the system does not tell. */
export function connectionLimit(): number | undefined {
  const limit = fileDescriptorLimit();
  if (limit === undefined || limit.soft === Infinity) return undefined;
  let open = 0;
  for (const _ of Deno.readDirSync("/proc/self/fd")) open++;
  return Math.max(leastConnections, limit.soft - open - Math.max(reserve, Math.floor(limit.soft / 20)));
}
