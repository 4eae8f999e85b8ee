/** When schedules are due: zones, clocks that are put forward and back, leap days, and what is no schedule. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ScheduleTimes } from "../../../runtime/daemon/schedules/times.ts";

const due = (cron: string, zone: string, after: string, count: number) =>
  new ScheduleTimes(cron, zone).upcoming(Date.parse(after), count).map((at) =>
    new Date(at).toISOString().slice(0, 16)
  );

Deno.test("fixed times are due once where clocks are put forward: at the first minute after", () => {
  assert.deepEqual(due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2), [
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  assert.deepEqual(due("15 2,14 * * *", "America/New_York", "2026-03-08T00:00:00Z", 3), [
    "2026-03-08T07:00",
    "2026-03-08T18:15",
    "2026-03-09T06:15",
  ]);
});

Deno.test("fixed times are due once where clocks are put back: at the first of the two", () => {
  assert.deepEqual(due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), [
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
  assert.deepEqual(due("15 1,2 * * *", "America/New_York", "2026-10-31T12:00:00Z", 3), [
    "2026-11-01T05:15",
    "2026-11-01T07:15",
    "2026-11-02T06:15",
  ]);
});

Deno.test("what is due all the time follows the clock through the hour that is left out or comes twice", () => {
  assert.deepEqual(due("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:10:00Z", 4), [
    "2026-03-29T00:30",
    "2026-03-29T01:00",
    "2026-03-29T01:30",
    "2026-03-29T02:00",
  ]);
  assert.deepEqual(due("0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", 4), [
    "2026-11-01T05:00",
    "2026-11-01T06:00",
    "2026-11-01T07:00",
    "2026-11-01T08:00",
  ]);
});

Deno.test("29 February is due in leap years", () => {
  assert.deepEqual(due("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2), [
    "2028-02-29T12:00",
    "2032-02-29T12:00",
  ]);
  assert.deepEqual(due("0 12 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ["2104-02-29T12:00"]);
});

Deno.test("what is no schedule is refused, with a word why", () => {
  const refused = (cron: string, zone: string, code: string) =>
    assert.throws(() => new ScheduleTimes(cron, zone), { code }, `${cron} ${zone}`);
  for (const cron of ["0 0 30 2 *", "0 0 31 4,6,9,11 *"]) refused(cron, "UTC", "CronNever");
  for (
    const cron of [
      "",
      "* * * *",
      "* * * * * *",
      "60 * * * *",
      "* 24 * * *",
      "0 0 0 * *",
      "*/0 * * * *",
      "@reboot",
    ]
      .concat([
        "2026-01-01T00:00:00",
        "0 0 * * *\n",
        "0 0 * * XYZ",
        "+1 0 * * *",
        "0  0 * * *",
        "5-1 * * * *",
      ])
  ) refused(cron, "UTC", "CronInvalid");
  for (const zone of ["Mars/Olympus", "+02:00", "", "Europe/../Berlin"]) {
    refused("0 0 * * *", zone, "TimeZoneUnknown");
  }
});

Deno.test("property: the latest due time is what one comes to by going through all of them", () => {
  const minute = fc.constantFrom("*", "*/7", "0", "30", "15,45");
  const hour = fc.constantFrom("*", "*/6", "2", "1,2,3", "0-4");
  const rest = fc.constantFrom("* * *", "1 * *", "* * 1-5", "29 2 *");
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe");
  const changes = [
    Date.UTC(2026, 2, 29, 1),
    Date.UTC(2026, 9, 25, 1),
    Date.UTC(2026, 10, 1, 6),
    Date.UTC(2026, 3, 4, 15),
  ];
  fc.assert(
    fc.property(
      minute,
      hour,
      rest,
      zone,
      fc.constantFrom(...changes),
      fc.integer({ min: -180, max: 180 }),
      fc.integer({ min: 0, max: 3_000 }),
      (m, h, r, z, change, offset, length) => {
        const times = new ScheduleTimes(`${m} ${h} ${r}`, z);
        const after = change + offset * 60_000;
        const now = after + length * 60_000;
        let last: number | undefined;
        for (let at = times.next(after); at !== undefined && at <= now; at = times.next(at)) {
          assert.ok(at > (last ?? after), "they go forward");
          last = at;
        }
        assert.equal(times.latest(after, now), last);
      },
    ),
    { numRuns: 300 },
  );
});
