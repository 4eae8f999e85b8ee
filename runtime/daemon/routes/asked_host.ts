/** A host that a request asks something, and what its failures become. @module */
import type { HostTarget, InquiryOutcome, Question } from "../../../actors/host/mod.ts";
import type { ApiContext, DaemonParts } from "../context.ts";
import { Problem } from "../problems.ts";
import { visible } from "./hosts.ts";

/** How to reach a host that the caller may see. */
export async function askedHost(parts: DaemonParts, context: ApiContext, name: string): Promise<HostTarget> {
  visible(parts, context, name);
  await parts.book.prepare([name]);
  return parts.book.target(name);
}

/**
 * Asks it.
 *
 * @throws Problem 502 with what the host said, 503 when it is too busy
 */
export async function askHost<T>(parts: DaemonParts, target: HostTarget, question: Question<T>): Promise<T> {
  const outcome: InquiryOutcome<T> = await parts.runner.inquire(target, question);
  if (outcome.kind === "done") return outcome.value;
  const { code, message } = outcome.error;
  if (code === "NotStarted") {
    throw new Problem(503, "HostBusy", message, { headers: { "Retry-After": "10" } });
  }
  throw new Problem(502, "HostFailed", `${code}: ${message}`);
}
