/** Times as people read them, in one zone. @module */

/**
 * `2026-11-21 16:43`, with ` +01:00` where a zone is given: an hour that a clock shows twice is told apart. Without one it is
 * the zone of whoever looks.
 */
export function showTime(iso: string, timeZone?: string): string {
  let format: Intl.DateTimeFormat;
  try {
    // The time of Sweden is written as ISO 8601 writes it.
    format = new Intl.DateTimeFormat("sv-SE", {
      dateStyle: "short",
      timeStyle: "short",
      ...(timeZone === undefined ? {} : { timeZone }),
    });
  } catch {
    // A daemon of another version may know zones that this one does not.
    return iso;
  }
  const time = new Date(iso);
  const text = format.format(time);
  if (timeZone === undefined) return text;
  const name = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" })
    .formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
  return `${text} ${name.replace("GMT", "") || "+00:00"}`;
}
