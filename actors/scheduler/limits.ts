/** How much one user may do at once on one host, and what quota faults say about it. @module */

/** Limits of the WinRM service for one user of one host, spelt by what they bound. */
export interface HostLimits {
  /** MaxConcurrentOperationsPerUser. One of them stays reserved for Signal and Delete. */
  readonly operations: number;
  /** Connections that are in use at once, each by one operation: MaxConnections, or what a session opens at most. One is reserved. */
  readonly connections: number;
  /** MaxShellsPerUser. */
  readonly shells: number;
  /** MaxProcessesPerShell; commands per shell are the same. */
  readonly processesPerShell: number;
  /** MaxConcurrentUsers: users that have shells at the host at once. */
  readonly users: number;
}

/** The smallest defaults of any Windows version that WinRM 2.0 and later shipped with: safe until more is known. */
export const conservativeLimits: HostLimits = {
  operations: 15,
  connections: 25,
  shells: 5,
  processesPerShell: 15,
  users: 5,
};

/** One work operation beside the reserved one, one shell, one process: below this nothing would ever run. */
const LEAST: HostLimits = { operations: 2, connections: 2, shells: 1, processesPerShell: 1, users: 1 };

const names = Object.keys(LEAST) as readonly (keyof HostLimits)[];

/** Limits with a value of `valueOf` for each. */
function limitsFrom(valueOf: (quota: keyof HostLimits) => number): HostLimits {
  return {
    operations: valueOf("operations"),
    connections: valueOf("connections"),
    shells: valueOf("shells"),
    processesPerShell: valueOf("processesPerShell"),
    users: valueOf("users"),
  };
}

/** Operations that may be in use at once, the reserved one included: each is on a connection of its own. */
export function operationsWithin({ operations, connections }: HostLimits): number {
  return Math.min(operations, connections);
}

/** Which limit a WSManFault code speaks of; `undefined`: it is not about a quota of ours. */
export function quotaOf(code: number): keyof HostLimits | undefined {
  switch (code) {
    case 2150859173: // QUOTA_MAX_SHELLS
    case 2150859236: // QUOTA_MAX_SHELLS_PPQ
    case 2150859238: // QUOTA_MAX_PLUGINSHELLS_PPQ
    case 2150859242: // QUOTA_MIN_REQUIREMENT_NOT_AVAILABLE_PPQ
      return "shells";
    case 2150859179: // QUOTA_MAX_SHELLUSERS
    case 2150859237: // QUOTA_MAX_USERS_PPQ
      return "users";
    case 2150859241: // QUOTA_MAX_COMMANDS_PER_SHELL_PPQ
      return "processesPerShell";
    case 2150858815: // QUOTA_LIMIT
    case 2150859174: // QUOTA_MAX_OPERATIONS
    case 2150859175: // QUOTA_USER
    case 2150859176: // QUOTA_SYSTEM
    case 2150859239: // QUOTA_MAX_PLUGINOPERATIONS_PPQ
    case 2150859240: // QUOTA_MAX_OPERATIONS_USER_PPQ
      return "operations";
    default:
      return undefined;
  }
}

/** After a fault with `used` in use (the refused one included): what was in use without it is the limit now. */
export function lowered(limits: HostLimits, quota: keyof HostLimits, used: number): HostLimits {
  const next = Math.max(LEAST[quota], Math.min(limits[quota], used) - 1);
  return { ...limits, [quota]: next };
}

/**
 * After a sign that the service has too much to do, which says nothing of shells: half of the `used` operations are the limit now.
 * One alone is no load of ours.
 */
export function halved(limits: HostLimits, used: number): HostLimits {
  if (used <= 1) return limits;
  const half = Math.floor(Math.min(limits.operations, used) / 2);
  return { ...limits, operations: Math.max(LEAST.operations, half) };
}

/**
 * One step up towards `ceiling`, where another client may have made room: by one, or by a quarter of what is much, so that the
 * way to any ceiling is of some dozens of steps. `ceiling` itself when that is reached.
 */
export function raised(limits: HostLimits, ceiling: HostLimits): HostLimits {
  const next = limitsFrom((quota) =>
    Math.min(ceiling[quota], limits[quota] + Math.max(1, Math.floor(limits[quota] / 4)))
  );
  return names.every((quota) => next[quota] === ceiling[quota]) ? ceiling : next;
}

/** `base` with the `given` limits: whole numbers, never below what lets one command run. */
export function sane(given: Partial<HostLimits>, base: HostLimits): HostLimits {
  return limitsFrom((quota) => {
    const value = given[quota] ?? base[quota];
    return value >= LEAST[quota] ? Math.floor(value) : LEAST[quota];
  });
}
