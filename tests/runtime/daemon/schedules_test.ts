/** What becomes of due times, in virtual time, on a real store: missed ones, jobs that overlap, clocks that jump, rights, crashes. */
import assert from "node:assert/strict";
import type { Job } from "../../../actors/daemon/job_types.ts";
import { HostBook } from "../../../runtime/daemon/host_book.ts";
import { ScheduleKeeper } from "../../../runtime/daemon/schedules/keeper.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { openStore, type Store, type StoredSchedule, type StoredToken } from "../../../runtime/store/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { VirtualClock } from "../../helpers/virtual_clock.ts";
import { state, succeeded, withFolder } from "../store/fixture.ts";

const minute = 60_000;
const hour = 60 * minute;

/** A daemon's part that is about schedules, and a clock for it. */
class Bench {
  readonly path: string;
  readonly clock = new VirtualClock();
  readonly errors: unknown[] = [];
  /** Every job that was begun, with its hosts. */
  readonly begun: { readonly job: Job; readonly hosts: readonly string[] }[] = [];
  store!: Store;
  keeper!: ScheduleKeeper;
  book!: HostBook;

  constructor(folder: string, start: string) {
    this.path = `${folder}/store.db`;
    this.clock.wallOffset = Date.parse(start);
  }

  get now(): string {
    return new Date(this.clock.now()).toISOString().slice(0, 19);
  }

  /** Begins a life of the daemon. */
  async open(prepare: (store: Store) => Promise<unknown> = async () => {}): Promise<void> {
    this.store = await openStore({ path: this.path });
    await prepare(this.store);
    this.book = new HostBook(inventoryFromHosts(["web1", "web2", "db1"]), {
      user: "u",
      password: new Secret("p"),
      auth: "basic",
      ssl: true,
    });
    this.keeper = new ScheduleKeeper({
      store: this.store,
      book: this.book,
      runner: {
        start: (job, targets) => this.begun.push({ job, hosts: targets.map(({ name }) => name) }),
      },
      clock: this.clock,
      onError: (error) => this.errors.push(error),
    });
    this.keeper.start();
    await this.keeper.idle;
  }

  async close(): Promise<void> {
    await this.keeper.stop();
    await this.store.close();
  }

  /** Lets time pass, looking whenever the keeper wants to. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.monotonic() + ms;
    while (this.clock.step(until)) await this.keeper.idle;
    await this.keeper.idle;
  }

  /** Puts the clock elsewhere, and lets the keeper notice. */
  async jump(ms: number): Promise<void> {
    this.clock.wallOffset += ms;
    await this.pass(31_000);
  }

  /** Due times that became jobs. */
  get ran(): string[] {
    return this.begun.map(({ job }) => {
      const { detail } = this.store.read.audit.page({ action: "schedule.run", limit: 1_000 }).items.find((
        record,
      ) => record.detail["job"] === job.id)!;
      return String(detail["due"]).slice(0, 16);
    });
  }

  async end(job: Job): Promise<void> {
    const results = Array.from({ length: job.hosts }, (_, index) => succeeded(job.id, index));
    await this.store.record([...results, state(job.id, "done")]);
  }

  async put(name: string, value: StoredSchedule, stdin?: Uint8Array): Promise<void> {
    await this.store.write.schedules.put(name, value, stdin, this.clock.now(), "any");
    this.keeper.changed(name);
  }
}

const token: StoredToken = {
  id: "t",
  name: "ops",
  hash: new Uint8Array(32),
  scopes: ["read", "run"],
  hosts: ["web*"],
  createdAt: 0,
  createdBy: "first",
  expiresAt: null,
};

const hourly: StoredSchedule = {
  cron: "0 * * * *",
  timeZone: "UTC",
  missed: "skip",
  overlap: "allow",
  enabled: true,
  request: { command: "hostname", hosts: "all" },
  owner: { token: "t", name: "ops", hosts: ["web*"] },
};

/** A bench with the token and one schedule `s` of it. */
async function bench(
  start: string,
  schedule: Partial<StoredSchedule>,
  use: (bench: Bench) => Promise<void>,
  more: Partial<StoredToken> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const b = new Bench(folder, start);
    await b.open((store) => store.write.tokens.create({ ...token, ...more }));
    try {
      await b.put("s", { ...hourly, ...schedule });
      await use(b);
      assert.deepEqual(b.errors, []);
    } finally {
      await b.close();
    }
  });
}

Deno.test("a schedule makes its jobs when they are due, on hosts that its token may use, with its standard input", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.put("s", { ...hourly, request: { command: "cat", hosts: "all" } }, new Uint8Array([7]));
    await b.pass(2 * hour);
    assert.deepEqual(b.ran, ["2026-11-21T11:00", "2026-11-21T12:00"]);
    const [{ job, hosts }] = b.begun as [Bench["begun"][0]];
    assert.deepEqual(hosts, ["web1", "web2"]);
    assert.deepEqual([job.scheduledBy, job.createdBy, job.createdAt], [
      "s",
      "ops",
      Date.parse("2026-11-21T11:00Z"),
    ]);
    assert.deepEqual(b.store.read.jobs.stdin(job.id), new Uint8Array([7]));
    await b.put("s", { ...hourly, enabled: false });
    await b.pass(3 * hour);
    assert.equal(b.begun.length, 2, "it is switched off");
    await b.put("s", hourly);
    await b.pass(hour);
    assert.deepEqual(b.ran.slice(2), ["2026-11-21T16:00"]);
    await b.store.write.schedules.remove("s", "any");
    b.keeper.changed("s");
    await b.pass(3 * hour);
    assert.equal(b.begun.length, 3, "it is no more");
  }));

Deno.test("by the clock of Berlin and of New York through a whole year a daily job runs once a day", async () => {
  for (const timeZone of ["Europe/Berlin", "America/New_York"]) {
    await bench("2026-03-01T12:00:00Z", { timeZone, cron: "30 2 * * *" }, async (b) => {
      // From change to change, the days around it one by one.
      for (const day of ["2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31"]) {
        await b.close();
        b.clock.wallOffset = Date.parse(`${day}T12:00:00Z`) - b.clock.monotonic();
        await b.open();
        const before = b.begun.length;
        await b.pass(72 * hour);
        assert.equal(b.begun.length - before, 3, `${timeZone} ${day}: ${b.ran.slice(before)}`);
      }
    });
  }
});

Deno.test("what was due while no daemon ran: nothing, or one job for the latest of it", async () => {
  for (const missed of ["skip", "runOnce"] as const) {
    await bench("2026-11-21T10:30:00Z", { missed }, async (b) => {
      await b.pass(hour);
      await b.close();
      b.clock.wallOffset += 5 * hour;
      await b.open();
      assert.deepEqual(b.ran.slice(1), missed === "skip" ? [] : ["2026-11-21T16:00"]);
      const { last, settledTo } = b.store.read.schedules.state("s")!;
      assert.equal(last!.outcome, missed === "skip" ? "missed" : "started");
      assert.equal(settledTo, Date.parse("2026-11-21T16:00Z"));
      await b.close();
      await b.open();
      await b.pass(hour);
      assert.deepEqual(b.ran.at(-1), "2026-11-21T17:00");
      assert.equal(b.begun.length, missed === "skip" ? 2 : 3, "and no second time");
    });
  }
});

Deno.test("a start within the minute after a due time is in time", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.close();
    b.clock.wallOffset += 30 * minute + 50_000;
    await b.open();
    assert.deepEqual(b.ran, ["2026-11-21T11:00"]);
  }));

Deno.test("a clock that is put forward passes due times over as a daemon that was down does", async () => {
  await bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.jump(3 * hour);
    assert.deepEqual([b.ran, b.store.read.schedules.state("s")!.last!.outcome], [[], "missed"]);
    await b.pass(hour);
    assert.deepEqual(b.ran, ["2026-11-21T14:00"]);
  });
  await bench("2026-11-21T10:30:00Z", { missed: "runOnce" }, async (b) => {
    await b.jump(3 * hour);
    assert.deepEqual(b.ran, ["2026-11-21T13:00"]);
  });
});

Deno.test("a clock that is put back runs nothing twice, however far", async () => {
  for (const back of [30 * minute, 90 * minute, 10 * hour]) {
    await bench("2026-11-21T10:30:00Z", {}, async (b) => {
      await b.pass(3 * hour);
      assert.equal(b.begun.length, 3);
      await b.jump(-back);
      await b.pass(back + hour);
      assert.deepEqual(new Set(b.ran).size, b.ran.length, `${back / minute}: ${b.ran}`);
      assert.equal(b.ran.at(-1), "2026-11-21T14:00");
    });
  }
});

Deno.test("after a clock was wrong by a year, due times are kept again", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.jump(365 * 24 * hour);
    await b.pass(hour);
    assert.deepEqual(b.ran, ["2027-11-21T11:00"]);
    await b.jump(-365 * 24 * hour);
    await b.pass(hour);
    assert.deepEqual(b.ran, ["2027-11-21T11:00", "2026-11-21T12:00"]);
  }));

Deno.test("while its last job is not done, a schedule makes none, or another one, as it says", async () => {
  await bench("2026-11-21T10:30:00Z", { overlap: "skip" }, async (b) => {
    await b.pass(3 * hour);
    assert.deepEqual(b.ran, ["2026-11-21T11:00"]);
    assert.equal(b.store.read.schedules.state("s")!.last!.outcome, "overlapped");
    assert.deepEqual(await b.keeper.run("s", { createdBy: "x", from: "127.0.0.1" }), { kind: "overlapped" });
    await b.end(b.begun[0]!.job);
    await b.pass(hour);
    assert.deepEqual(b.ran, ["2026-11-21T11:00", "2026-11-21T14:00"]);
  });
  await bench("2026-11-21T10:30:00Z", { overlap: "allow" }, async (b) => {
    await b.pass(3 * hour);
    assert.equal(b.begun.length, 3);
  });
});

Deno.test("a schedule does not outlive the right of its maker", async () => {
  const refusal = async (b: Bench, code: string) => {
    await b.pass(hour);
    assert.deepEqual(b.begun, []);
    const { outcome, detail } = b.store.read.schedules.state("s")!.last!;
    assert.deepEqual([outcome, detail!.split(":")[0]], ["refused", code]);
    assert.equal(b.store.read.audit.page({ action: "schedule.run" }).items[0]!.outcome, "refused");
    const byHand = await b.keeper.run("s", { createdBy: "x", from: "127.0.0.1" });
    assert.ok(byHand !== undefined && "code" in byHand && byHand.code === code);
  };
  await bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.store.write.tokens.remove("t");
    await refusal(b, "TokenGone");
    // Nor does another token of its name, should there ever be one, inherit it.
    const names = b.store.read.tokens.list().map(({ name }) => name);
    assert.deepEqual(names, []);
  });
  await bench("2026-11-21T10:30:00Z", {}, (b) => refusal(b, "TokenExpired"), {
    expiresAt: Date.parse("2026-11-21T10:59:00Z"),
  });
  await bench("2026-11-21T10:30:00Z", {}, (b) => refusal(b, "ScopeMissing"), { scopes: ["read"] });
  // Neither what the token could do then and cannot now, nor what it can do now and could not then.
  await bench("2026-11-21T10:30:00Z", {}, (b) => refusal(b, "PatternUnmatched"), { hosts: ["db*"] });
  await bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.pass(hour);
    assert.deepEqual(b.begun[0]!.hosts, ["web2"]);
  }, { hosts: ["web2", "db1"] });
});

Deno.test("a store that refuses loses no due time that is not late yet", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    const { write } = b.store;
    const real = write.schedules.run;
    const broken = { ...write.schedules, run: () => Promise.reject(new Error("full")) };
    Object.defineProperty(b.store, "write", { value: { ...write, schedules: broken } });
    await b.pass(30 * minute + 12_000);
    assert.ok(
      b.errors.length >= 2 && b.errors.length <= 4,
      `${b.errors.length} attempts, not one after the other`,
    );
    broken.run = real as never;
    await b.pass(10_000);
    assert.deepEqual(b.ran, ["2026-11-21T11:00"]);
    b.errors.length = 0;
  }));

Deno.test("a daemon that dies right after or right before it made a job neither doubles nor loses it", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    for (const committed of [true, false]) {
      const { write } = b.store;
      const run: typeof write.schedules.run = async (due) => {
        if (committed) await write.schedules.run(due);
        throw new Error("dead");
      };
      Object.defineProperty(b.store, "write", {
        value: { ...write, schedules: { ...write.schedules, run } },
      });
      await b.pass(committed ? 30 * minute : hour - 20_000);
      await b.close();
      const before = b.begun.length;
      await b.open();
      // What was made is unfinished, and a matter of the runner.
      assert.equal(b.store.read.jobs.unfinished().length, committed ? 1 : 2);
      assert.equal(b.begun.length - before, committed ? 0 : 1);
      await b.pass(20_000);
      assert.equal(b.store.read.jobs.list({}).items.length, committed ? 1 : 2);
    }
    b.errors.length = 0;
  }));

Deno.test("credentials that take long delay no other schedule, no end of the daemon, and save no token that goes meanwhile", () =>
  bench("2026-11-21T10:30:00Z", {}, async (b) => {
    await b.put("other", { ...hourly, cron: "1 * * * *", request: { command: "hostname", hosts: "web2" } });
    const slow = Promise.withResolvers<void>();
    b.book.prepare = (names) => names.length === 2 ? slow.promise : Promise.resolve();
    const until = b.clock.monotonic() + hour;
    while (b.clock.step(until)) await new Promise((resolve) => setTimeout(resolve, 1));
    while (b.begun.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(b.begun.map(({ job }) => job.scheduledBy), ["other"]);
    await b.store.write.tokens.remove("t");
    slow.resolve();
    await b.keeper.idle;
    assert.deepEqual(b.begun.map(({ job }) => job.scheduledBy), ["other"]);
    assert.equal(b.store.read.schedules.state("s")!.last!.outcome, "refused");

    b.book.prepare = () => new Promise(() => {});
    await b.store.write.tokens.create({ ...token, id: "t2", name: "ops2" });
    await b.put("s", { ...hourly, owner: { token: "t2", name: "ops2", hosts: ["all"] } });
    while (b.clock.step(until + hour)) await new Promise((resolve) => setTimeout(resolve, 1));
    await b.keeper.stop();
    assert.equal(b.begun.length, 1);
  }));

Deno.test("a schedule that this machine cannot read stops no other one", () =>
  withFolder(async (folder) => {
    const b = new Bench(folder, "2026-11-21T10:30:00Z");
    await b.open(async (store) => {
      await store.write.tokens.create(token);
      await store.write.schedules.put(
        "a",
        { ...hourly, timeZone: "Gone/Zone" },
        undefined,
        b.clock.now(),
        "any",
      );
      await store.write.schedules.put("b", hourly, undefined, b.clock.now(), "any");
    });
    await b.pass(hour);
    assert.equal(b.begun.length, 1);
    assert.equal((b.errors[0] as { code: string }).code, "TimeZoneUnknown");
    await b.close();
  }));
