/** Lists of revoked certificates in files, which are replaced every few days while the process runs. @module */
import { UsageError } from "../../protocol/errors.ts";
import { systemClock } from "../clock.ts";
import { RevocationLists } from "./revocation.ts";

/** Milliseconds for which a file is not looked at again. */
const lookMs = 1_000;
/** Bytes of the largest file that is read. */
const largest = 64 * 1024 * 1024;

interface Known {
  readonly lists: RevocationLists;
  /** Size, time and number of the file. */
  readonly stamp: string;
  lookedAt: number;
}

const files = new Map<string, Known>();

/**
 * The lists of a file, read again when it has changed. Where the new one cannot be read the old one holds on: it says itself until when.
 *
 * @throws UsageError `RevocationListUnreadable`, `RevocationListInvalid`
 */
export function revocationLists(path: string): RevocationLists {
  const now = systemClock.monotonic();
  const known = files.get(path);
  if (known !== undefined && now - known.lookedAt < lookMs) return known.lists;
  try {
    const { size, mtime, ino } = Deno.statSync(path);
    const stamp = `${size} ${mtime?.getTime()} ${ino}`;
    if (known?.stamp === stamp) {
      known.lookedAt = now;
      return known.lists;
    }
    if (size > largest) {
      throw new UsageError("RevocationListInvalid", `read revocation lists: ${path} is too large`);
    }
    const lists = new RevocationLists(Deno.readFileSync(path), path);
    files.set(path, { lists, stamp, lookedAt: now });
    return lists;
  } catch (cause) {
    if (known !== undefined) {
      known.lookedAt = now;
      return known.lists;
    }
    if (cause instanceof UsageError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError("RevocationListUnreadable", `read revocation lists: ${path}: ${why}`, { cause });
  }
}
