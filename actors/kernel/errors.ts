/** What goes wrong inside the kernel. @module */
import { DroverError } from "../../protocol/errors.ts";

/**
 * The kernel's own reasons for a crash. Codes: `KernelUpwardWait` (a send to an ancestor would have waited),
 * `KernelWaitCycle` (a send would have waited for its own sender), `KernelRestartIntensity` (children crash too often),
 * `KernelCreditSpent`, `KernelBadCredit` (see `Credit`).
 */
export class KernelError extends DroverError {
  /** Makes a kernel error. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super("caller", code, message, options);
  }
}
