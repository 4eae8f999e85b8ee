/** One byte range of a Range header (RFC 9110, section 14). @module */

/** Bytes from `from` to `to`, both included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The range that `header` asks for of `total` bytes: `undefined` when it asks for all (no Range, another unit, several ranges, or
 * no valid one, all of which may be ignored), `"unsatisfiable"` when there are no such bytes.
 */
export function byteRange(
  header: string | undefined,
  total: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return undefined;
    const length = Math.min(Number(last), total);
    return length === 0 ? "unsatisfiable" : { from: total - length, to: total - 1 };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return undefined;
  if (from >= total) return "unsatisfiable";
  return { from, to: last === "" ? total - 1 : Math.min(Number(last), total - 1) };
}
