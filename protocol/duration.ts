/** XML Schema durations (`PT60.000S`, `P0DT0H0M9S`) as milliseconds. @module */
import { ProtocolError, UsageError } from "./errors.ts";

const pattern =
  /^P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?(T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12})(\.\d{1,12})?S)?)?$/;

/**
 * Milliseconds of an `xs:duration`. Years and months have no fixed length; WinRM takes them as 365 and 30 days.
 *
 * @throws ProtocolError `BadDuration` when `text` is not a non-negative duration
 */
export function parseDuration(text: string): number {
  const match = pattern.exec(text);
  if (match === null || text === "P" || text.endsWith("T")) {
    throw new ProtocolError("BadDuration", "read a duration: the text is not of the form PnDTnHnMn.nS");
  }
  const part = (index: number) => Number(match[index] ?? 0);
  const days = part(1) * 365 + part(2) * 30 + part(3);
  const seconds = part(5) * 3600 + part(6) * 60 + part(7) + part(8);
  return Math.round((days * 86_400 + seconds) * 1000);
}

/** What was written last: time-outs are few, each request has one, and `toFixed` is slow. */
let lastMilliseconds = 0;
let lastText = "PT0.000S";

/**
 * Milliseconds as WinRM writes time-outs: `PT60.000S`.
 *
 * @throws UsageError `BadDuration` for anything but a number from 0 to `Number.MAX_SAFE_INTEGER`
 */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === lastMilliseconds) return lastText;
  // Above that, toFixed goes over to exponents, which a duration does not have.
  if (!(milliseconds >= 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
    throw new UsageError("BadDuration", "write a duration: the time is negative, too large or not a number");
  }
  lastText = `PT${(milliseconds / 1000).toFixed(3)}S`;
  lastMilliseconds = milliseconds;
  return lastText;
}

/** Milliseconds as WinRM writes ages: `P0DT0H0M9S`, whole seconds. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  return `P${days}DT${hours}H${minutes}M${seconds % 60}S`;
}
