/** When a schedule is due: a cron expression in a time zone. @module */
import { Cron } from "croner";
import { UsageError } from "../../../protocol/errors.ts";

/** Five fields of digits, names, `*`, lists, ranges, steps, `L`, `W` and `#`. */
const form = /^[0-9A-Za-z*,/#-]+(?: [0-9A-Za-z*,/#-]+){4}$/;
/** IANA names; not offsets, which know no daylight saving time. */
const zoneForm = /^[A-Za-z][\w+/-]*$/;
/** Every expression that is ever due is due within some years of this (29 February: eight around 1900 and 2100). */
const start = Date.UTC(2024, 0, 1);
/** The shortest time between two due times. */
const minuteMs = 60_000;

/**
 * The due times. Where clocks are put forward, a fixed time (no `*` and no step in minute and hour) that is left out is due at the
 * first minute after; where they are put back, it is due once, at the first of the two. What has a `*` or a step there follows the
 * clock: the hour that is left out is not due, the hour that comes twice is due twice. That is what Vixie cron does.
 */
export class ScheduleTimes {
  readonly #cron: Cron;

  /**
   * @throws UsageError `CronInvalid`, `TimeZoneUnknown`, `CronNever`: no time is ever due, as with 30 February
   */
  constructor(cron: string, timeZone: string) {
    if (!isTimeZone(timeZone)) {
      throw new UsageError(
        "TimeZoneUnknown",
        `read schedule: there is no time zone ${
          JSON.stringify(timeZone)
        }; give its IANA name, e.g. Europe/Berlin`,
      );
    }
    const invalid = (cause?: unknown) =>
      new UsageError(
        "CronInvalid",
        `read schedule: ${JSON.stringify(cron)} is no cron expression of five fields: ` +
          "minute, hour, day of month, month, day of week",
        { cause },
      );
    if (!form.test(cron)) throw invalid();
    try {
      this.#cron = new Cron(cron, {
        timezone: timeZone,
        mode: "5-part",
        fixedTimeRule: "no-wildcard",
        paused: true,
      });
    } catch (error) {
      throw invalid(error);
    }
    if (this.next(start) === undefined) {
      throw new UsageError("CronNever", `read schedule: ${JSON.stringify(cron)} is never due`);
    }
  }

  /** The first due time after `after`; `undefined`: there is none any more. */
  next(after: number): number | undefined {
    return this.#cron.nextRun(new Date(after))?.getTime();
  }

  /** The first due times after `after`. */
  upcoming(after: number, count: number): number[] {
    const times: number[] = [];
    for (let due = this.next(after); due !== undefined && times.length < count; due = this.next(due)) {
      times.push(due);
    }
    return times;
  }

  /** The latest due time after `after` and not after `now`; looks back from `now` in growing steps, however long ago `after` is. */
  latest(after: number, now: number): number | undefined {
    for (let back = minuteMs;; back *= 2) {
      const from = Math.max(after, now - back);
      let found: number | undefined;
      for (let due = this.next(from); due !== undefined && due <= now; due = this.next(due)) found = due;
      if (found !== undefined || from === after) return found;
    }
  }
}

function isTimeZone(name: string): boolean {
  if (!zoneForm.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
