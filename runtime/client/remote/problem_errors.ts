/** Errors of the daemon's API (RFC 9457) as errors of Drover. @module */
import { DeniedError, DroverError, ProtocolError, UsageError } from "../../../protocol/errors.ts";

/** Longest text that is taken from an answer that is no success. */
const maxText = 64 * 1024;

/** What {@linkcode errorOf} reads of a problem; whatever else is in it, or is not. */
interface ProblemText {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly errors?: unknown;
}

/** The error that an answer without success stands for: its `code` is the problem's. */
export function errorOf(status: number, statusText: string, body: string): DroverError {
  let code = `Http${status}`;
  let detail = statusText === "" ? `status ${status}` : statusText;
  try {
    const problem = JSON.parse(body.slice(0, maxText)) as ProblemText;
    if (typeof problem.code === "string") code = problem.code;
    if (typeof problem.detail === "string") detail = problem.detail;
    if (Array.isArray(problem.errors)) detail = [detail, ...problem.errors.map(partText)].join("; ");
  } catch {
    // No problem document: something between answered.
  }
  const text = `ask daemon: ${detail} (${code})`;
  if (status === 401 || status === 403) return new DeniedError(code, text);
  // The daemon's own disk or store.
  if (status === 503 || status === 507) return new DroverError("system", code, text);
  return status < 500 ? new UsageError(code, text) : new ProtocolError(code, text);
}

function partText(part: unknown): string {
  const { at, detail } = (part ?? {}) as { readonly at?: unknown; readonly detail?: unknown };
  return `${at}: ${detail}`;
}
