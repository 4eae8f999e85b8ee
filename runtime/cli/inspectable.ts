/** Opens a command's process to `drover inspect`, unless `--no-inspect` was given. @module */
import { type InspectionSource, openInspection } from "../inspection/endpoint.ts";
import { sanitizeLine } from "./output/sanitize.ts";

/** Set to anything, it is said on standard error why a process cannot be inspected. */
const debugVariable = "DROVER_DEBUG";

/** Opens it. Where that cannot be the command goes on all the same, and says so only under `DROVER_DEBUG`. */
export function inspectable(wanted: boolean, source: InspectionSource): Disposable {
  if (!wanted) return { [Symbol.dispose]() {} };
  const debug = (why: string) => {
    if (Deno.env.has(debugVariable)) console.error(sanitizeLine(`drover: debug: ${why}`));
  };
  return openInspection({ ...source, onUnavailable: debug });
}
