/** What the hosts of a fleet do, host by host, from a picture of its actors. @module */
import type { ActorInfo } from "../kernel/inspection.ts";
import { circuitFigures } from "./breaker.ts";
import type { HostCircuit } from "./fleet.ts";

/** One host that works, or that is not tried for a while. */
export interface HostPicture {
  /** State of its actor, see `ActorInfo.state`; `undefined`: it has none. */
  readonly state: string | undefined;
  /** Place of its actor in the tree; `undefined`: it has none. */
  readonly path: string | undefined;
  /** Messages in the mailboxes of its actor and of all below it. */
  readonly mailbox: number;
  /** Restarts of its actor and of all below it. */
  readonly restarts: number;
  /** Pieces of work that have a permit. */
  readonly running: number;
  /** Pieces of work that wait for one. */
  readonly waiting: number;
  /** Open connections, and those being opened. */
  readonly connections: number;
  /** What its actor says that it is doing. */
  readonly work: string | undefined;
  /** Its circuit breaker. `until`: milliseconds since 1970 before which nothing is tried, `null`: none such. */
  readonly breaker: {
    readonly state: "closed" | "open" | "halfOpen";
    readonly failures: number;
    readonly until: number | null;
  };
}

/** A host of which nothing is known but that nothing is wrong. */
export const quietHost: HostPicture = {
  state: undefined,
  path: undefined,
  mailbox: 0,
  restarts: 0,
  running: 0,
  waiting: 0,
  connections: 0,
  work: undefined,
  breaker: { state: "closed", failures: 0, until: null },
};

/**
 * The hosts that are not quiet, by name. `fleet`: the picture of the fleet's actor and all below it; `circuits`: of hosts without an
 * actor. Two targets of one name (other port, other user) are one host here: it does what both do.
 */
export function fleetPicture(
  fleet: ActorInfo | undefined,
  circuits: readonly HostCircuit[],
): ReadonlyMap<string, HostPicture> {
  const hosts = new Map<string, HostPicture>();
  for (const { host, circuit } of circuits) {
    hosts.set(host, { ...quietHost, breaker: breakerOf(circuitFigures(circuit)) });
  }
  for (const child of fleet?.children ?? []) {
    // The connection budget is a child, too; it has no label.
    if (child.label === undefined) continue;
    hosts.set(child.label, hostOf(child, hosts.get(child.label) ?? quietHost));
  }
  return hosts;
}

function hostOf(host: ActorInfo, known: HostPicture): HostPicture {
  let { mailbox, restarts, running, waiting, connections, breaker } = known;
  const open = [host];
  for (let actor = open.pop(); actor !== undefined; actor = open.pop()) {
    mailbox += actor.mailbox;
    restarts += actor.restarts;
    switch (actor.label ?? actor.path.slice(actor.path.lastIndexOf("/") + 1)) {
      case "execution":
        if (actor.figures?.["permits"] === undefined) waiting++;
        else running++;
        break;
      case "link":
        connections++;
        break;
      case "session":
        if (actor.figures?.["circuitUntil"] !== undefined) breaker = breakerOf(actor.figures);
        break;
    }
    open.push(...actor.children);
  }
  const { state, path, doing } = host;
  return { state, path, mailbox, restarts, running, waiting, connections, work: doing, breaker };
}

function breakerOf(figures: Readonly<Record<string, number>>): HostPicture["breaker"] {
  const until = figures["circuitUntil"];
  if (until === undefined) return quietHost.breaker;
  const failures = figures["circuitFailures"] ?? 0;
  return until === 0 ? { state: "halfOpen", failures, until: null } : { state: "open", failures, until };
}
