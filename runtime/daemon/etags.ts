/** ETag, If-Match and If-None-Match of what can be edited (RFC 9110, section 13.1). @module */
import type { Change, Expected } from "../store/types.ts";
import type { ApiContext } from "./context.ts";
import { Problem } from "./problems.ts";

/** The ETag of a version. */
export function etag(version: number): string {
  return `"${version}"`;
}

/**
 * What a change expects to be there. Without a word about it there must be nothing: what others have written is never
 * overwritten by accident.
 *
 * @throws Problem 428 when something is there and neither header is given, 412 when `If-None-Match` forbids it
 */
export function expectedVersion(context: ApiContext, current: number | undefined): Expected {
  const match = context.req.header("If-Match");
  if (match !== undefined) {
    if (match.trim() === "*") {
      if (current === undefined) throw changed();
      return current;
    }
    const versions = match.split(",").map((tag) => /^\s*"(\d{1,15})"\s*$/.exec(tag)?.[1]);
    if (current === undefined || !versions.includes(String(current))) throw changed();
    return current;
  }
  if (current === undefined) return "absent";
  if (context.req.header("If-None-Match") !== undefined) throw changed();
  throw new Problem(428, "IfMatchMissing", "it exists: give its ETag as If-Match to change it", {
    headers: { "ETag": etag(current) },
  });
}

/** The new version; a `Problem` when somebody was faster. */
export function changedVersion(change: Change): number {
  if (change.kind === "stored") return change.version;
  throw changed();
}

/** It is not what the caller thinks that it is. */
export function changed(): Problem {
  return new Problem(412, "Changed", "it was changed meanwhile: read it again");
}
