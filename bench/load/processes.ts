/** What the system knows about a process: Linux' /proc. @module */

/** Open files, sockets and pipes of a process. */
export function descriptorsOf(pid: number): number {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  } catch {
    return 0;
  }
}

/** Processes below a process, at any depth. */
export function descendantsOf(pid: number): number {
  const childrenOf = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) childrenOf.set(parent, [...childrenOf.get(parent) ?? [], Number(name)]);
  }
  let count = 0;
  const left = [pid];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const children = childrenOf.get(next) ?? [];
    count += children.length;
    left.push(...children);
  }
  return count;
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name, in parentheses, may hold spaces.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
