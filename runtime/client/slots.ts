/** How many hosts may be active at once with so many connections. @module */
import { UsageError } from "../../protocol/errors.ts";

/** Hosts that are active at once at the most, unless a throttle says more. */
const mostSlots = 1_000;

/**
 * Slots of the scheduler beside a budget of `maxConnections` (default: no limit). An active host needs a connection for what the
 * service holds back, and one for everything else; the last one is for clean-up.
 *
 * @throws UsageError `BadLimit`
 */
export function slotsOf(throttle = 0, maxConnections = Infinity): number {
  if (!(maxConnections >= 3)) {
    throw new UsageError(
      "BadLimit",
      `open fleet: ${maxConnections} connections are too few, give at least 3`,
    );
  }
  return Math.max(1, Math.min(Math.max(mostSlots, throttle), Math.floor((maxConnections - 1) / 2)));
}
