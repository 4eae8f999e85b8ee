/** One shape for every inventory error: what was done, where, and what is wrong. @module */

import { UsageError } from "../../protocol/errors.ts";

/** A place in an inventory: a file and a line counted from 1 (0 = the file as a whole). */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** `file:line`, as editors understand it. */
export function showPlace(place: Place): string {
  return place.line > 0 ? `${place.file}:${place.line}` : place.file;
}

/** A {@link UsageError} whose text is `action: file:line: state`. */
export function inventoryError(code: string, action: string, place: Place, state: string): UsageError {
  return new UsageError(code, `${action}: ${showPlace(place)}: ${state}`);
}
