/** What a script may ask for: a NaN would hang a run, a 0 would stop it at once, and nothing would say why. @module */
import type { Priority } from "../../actors/scheduler/mod.ts";
import { UsageError } from "../../protocol/errors.ts";

/** Numbers of a run, and how urgent it is; milliseconds where they are times. */
export interface RunNumbers {
  readonly throttle?: number | undefined;
  readonly connectRetries?: number | undefined;
  readonly timeout?: number | undefined;
  readonly waitTimeout?: number | undefined;
  readonly priority?: Priority | undefined;
}

const priorities: Readonly<Record<Priority, true>> = { high: true, normal: true, low: true };

/**
 * Checks what is given; what is not has a default.
 *
 * @throws UsageError `BadOption`
 */
export function checkRun(action: string, options: RunNumbers): void {
  const { throttle, connectRetries, timeout, waitTimeout, priority } = options;
  // Infinity is a throttle that does not throttle.
  const whole = (value: number) => Number.isInteger(value) || value === Infinity;
  if (throttle !== undefined) {
    refuseUnless(whole(throttle) && throttle >= 1, "throttle", "a whole number from 1");
  }
  if (connectRetries !== undefined) {
    refuseUnless(
      Number.isInteger(connectRetries) && connectRetries >= 0,
      "connectRetries",
      "a whole number from 0",
    );
  }
  if (timeout !== undefined) refuseUnless(timeout > 0, "timeout", "milliseconds above 0");
  if (waitTimeout !== undefined) refuseUnless(waitTimeout >= 0, "waitTimeout", "milliseconds from 0");
  if (priority !== undefined) {
    refuseUnless(Object.hasOwn(priorities, priority), "priority", Object.keys(priorities).join(", "));
  }

  function refuseUnless(fits: boolean, name: keyof RunNumbers, expected: string): void {
    if (fits) return;
    throw new UsageError("BadOption", `${action}: ${name} is ${String(options[name])}; expected ${expected}`);
  }
}
