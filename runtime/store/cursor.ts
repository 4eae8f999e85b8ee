/** Cursors of pages: opaque to callers, a place in the order for us. @module */
import { UsageError } from "../../protocol/errors.ts";

/** Writes the place of the last row of a page. */
export function writeCursor(place: readonly (string | number)[]): string {
  return new TextEncoder().encode(JSON.stringify(place)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Reads a cursor of `length` whole numbers. Throws UsageError `CursorInvalid`. */
export function readCursor(cursor: string, length: number): number[] {
  let place: unknown;
  try {
    place = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(cursor, { alphabet: "base64url" })));
  } catch {
    place = undefined;
  }
  if (!Array.isArray(place) || place.length !== length || !place.every(Number.isSafeInteger)) {
    throw new UsageError("CursorInvalid", "read a page: the cursor is not one of this list");
  }
  return place;
}

/** A page size within its bounds. */
export function pageSize(limit: number | undefined, standard = 100, most = 1000): number {
  if (limit === undefined) return standard;
  return Number.isSafeInteger(limit) ? Math.min(Math.max(limit, 1), most) : standard;
}

/** Cuts the row off that was read only to see whether there is more. */
export function pageOf<Row, T>(
  rows: Row[],
  limit: number,
  item: (row: Row) => T,
  cursor: (row: Row) => string,
): { items: T[]; next: string | null } {
  const more = rows.length > limit;
  if (more) rows.length = limit;
  return { items: rows.map(item), next: more ? cursor(rows[rows.length - 1]!) : null };
}
