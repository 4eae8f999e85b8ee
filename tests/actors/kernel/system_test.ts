import assert from "node:assert/strict";
import type { ActorRef, AskOutcome, ChildSpec, Context, ReplyTo } from "../../../actors/kernel/actor.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

/** An actor from a function. */
function actor<M>(
  handle: (message: M, context: Context<M>) => void,
  more: Partial<ChildSpec<M>> = {},
): ChildSpec<M> {
  return { start: () => ({ handle }), ...more };
}

Deno.test("messages of one sender arrive in order, effects only after the handler", () => {
  const { system, run } = createTestSystem();
  const seen: string[] = [];
  const sink = system.spawn(actor<string>((m) => void seen.push(m)));
  const source = system.spawn(actor<number>((n, context) => {
    context.send(sink, `a${n}`);
    context.send(sink, `b${n}`);
    seen.push(`handled ${n}`);
  }));
  system.send(source, 1);
  system.send(source, 2);
  assert.deepEqual(seen, []);
  run();
  assert.deepEqual(seen, ["handled 1", "handled 2", "a1", "b1", "a2", "b2"]);
});

Deno.test("a handler that throws has no effects, is reported without values, and its actor restarts", () => {
  const { system, run, crashes } = createTestSystem();
  const seen: string[] = [];
  const sink = system.spawn(actor<string>((m) => void seen.push(m)));
  let starts = 0;
  const shaky = system.spawn<{ kind: string; password: string }>({
    name: "shaky",
    restart: "transient",
    start: () => {
      starts++;
      return {
        handle: (m, context) => {
          context.send(sink, m.kind);
          context.spawn(actor(() => {}, { name: "child" }));
          if (m.kind === "bad") throw new Error("boom");
          context.stop();
        },
      };
    },
  });
  system.send(shaky, { kind: "bad", password: "hunter2" });
  system.send(shaky, { kind: "good", password: "hunter2" });
  run();
  assert.equal(starts, 2);
  assert.deepEqual(seen, ["good"]);
  assert.equal(crashes.length, 1);
  assert.equal(crashes[0]?.path, "/shaky");
  assert.equal(crashes[0]?.lastMessage, "bad {password}");
  assert.equal((crashes[0]?.error as Error).message, "boom");
  assert.equal(system.stats.actors, 1);
});

Deno.test("a full mailbox rejects, sheds the oldest, or makes the sender wait", () => {
  for (const overflow of ["reject", "shedOldest", "wait"] as const) {
    const { system, run } = createTestSystem();
    const seen: number[] = [];
    const returned: unknown[] = [];
    system.spawn<number>({
      start: (context) => {
        const sink = context.spawn(
          actor<number>((m) => void seen.push(m), { mailbox: { capacity: 2, overflow } }),
        );
        context.effect((post) => post(0));
        return {
          handle: () => {
            for (let i = 0; i < 5; i++) context.send(sink, i);
          },
          undeliverable: (_to, message, reason) => void returned.push([message, reason]),
        };
      },
    });
    run();
    const expected = { reject: [0, 1], shedOldest: [3, 4], wait: [0, 1, 2, 3, 4] }[overflow];
    assert.deepEqual(seen, expected);
    assert.deepEqual(
      returned,
      overflow === "reject" ? [[2, "full"], [3, "full"], [4, "full"]] : [],
    );
  }
});

Deno.test("a sender that waits takes no user message, but stops when it is told to", async () => {
  const { system, run, advance, until } = createTestSystem();
  const handled: number[] = [];
  const received: string[] = [];
  const sender = system.spawn<number>({
    supervision: { strategy: "oneForOne", maxRestarts: 9, windowMs: 1, backoffMs: 1000 },
    start: (context) => {
      let lives = 0;
      // Between its two lives the sink takes nothing.
      const sink = context.spawn<string>({
        restart: "transient",
        mailbox: { capacity: 1, overflow: "wait" },
        start: () => {
          if (lives++ === 0) throw new Error("first life");
          return { handle: (m) => void received.push(m) };
        },
      });
      return {
        handle: (n) => {
          handled.push(n);
          for (const m of ["a", "b", "c"]) context.send(sink, m + n);
        },
      };
    },
  });
  system.send(sender, 1);
  system.send(sender, 2);
  run();
  assert.deepEqual(handled, [1]);
  assert.equal(system.inspect().children[0]?.state, "waiting");
  advance(1000);
  assert.deepEqual(handled, [1, 2]);
  assert.deepEqual(received, ["a1", "b1", "c1", "a2", "b2", "c2"]);

  const blocked = system.spawn<number>({
    supervision: { strategy: "oneForOne", maxRestarts: 9, windowMs: 1, backoffMs: 1000 },
    start: (context) => {
      const sink = context.spawn<string>({
        restart: "transient",
        mailbox: { capacity: 1, overflow: "wait" },
        start: () => {
          throw new Error("never lives");
        },
      });
      context.send(sink, "one");
      context.send(sink, "two");
      return { handle() {} };
    },
  });
  run();
  assert.equal(system.inspect().children[1]?.state, "waiting");
  system.stop(blocked);
  assert.deepEqual(await until(system.whenStopped(blocked)), { kind: "shutdown" });
});

Deno.test("waiting upwards and waiting in a circle are crashes, not deadlocks", () => {
  const { system, run, crashes } = createTestSystem();
  system.spawn<string>({
    name: "parent",
    mailbox: { capacity: 1, overflow: "wait" },
    start: (context) => {
      context.spawn(actor<string>(() => {}, {
        name: "child",
        start: (inner) => {
          for (let i = 0; i < 3; i++) inner.send(context.self, "up");
          return { handle() {} };
        },
      }));
      return { handle() {} };
    },
  });
  system.spawn<string>({
    name: "self",
    mailbox: { capacity: 1, overflow: "wait" },
    start: (context) => {
      for (let i = 0; i < 3; i++) context.send(context.self, "me");
      return { handle() {} };
    },
  });
  run();
  assert.deepEqual(
    crashes.map((crash) => [crash.path, (crash.error as { code?: string }).code]),
    [["/self", "KernelWaitCycle"], ["/parent/child", "KernelUpwardWait"]],
  );
});

Deno.test("an ask ends answered, timed out, cancelled or with its target", async () => {
  const { system, until } = createTestSystem();
  type Question = { readonly kind: "echo" | "ignore" | "die"; readonly replyTo: ReplyTo<string> };
  const target = system.spawn<Question>({
    start: () => ({
      handle: (question, context) => {
        if (question.kind === "echo") {
          context.reply(question.replyTo, "first");
          context.reply(question.replyTo, "second");
        } else if (question.kind === "die") context.stop();
      },
    }),
  });
  const ask = (kind: Question["kind"], signal?: AbortSignal) =>
    until(system.ask<Question, string>(target, (replyTo) => ({ kind, replyTo }), 1000, signal));
  assert.deepEqual(await ask("echo"), { kind: "answered", value: "first" });
  assert.deepEqual(await ask("ignore"), { kind: "timedOut" });
  assert.deepEqual(await ask("ignore", AbortSignal.abort()), { kind: "cancelled" });
  const controller = new AbortController();
  const cancelled = ask("ignore", controller.signal);
  controller.abort();
  assert.deepEqual(await cancelled, { kind: "cancelled" });
  assert.deepEqual(await ask("die"), { kind: "targetStopped" });
  assert.deepEqual(await ask("echo"), { kind: "targetStopped" });
  assert.equal(system.stats.timers, 0);
});

Deno.test("an actor's ask brings its outcome back as a message", () => {
  const { system, advance } = createTestSystem();
  const outcomes: AskOutcome<number>[] = [];
  const target = system.spawn(
    actor<ReplyTo<number>>((replyTo, context) => void context.effect(() => context.self && replyTo)),
  );
  system.spawn<AskOutcome<number>>({
    start: (context) => {
      context.ask<ReplyTo<number>, number>(target, (replyTo) => replyTo, 50, (outcome) => outcome);
      return { handle: (outcome) => void outcomes.push(outcome) };
    },
  });
  advance(49);
  assert.deepEqual(outcomes, []);
  advance(1);
  assert.deepEqual(outcomes, [{ kind: "timedOut" }]);
});

Deno.test("children stop in reverse start order before their parent, and a slow one is killed at its deadline", async () => {
  const { system, run, until, clock } = createTestSystem();
  const log: string[] = [];
  const leaf = (name: string, slow = false): ChildSpec<never> => ({
    name,
    shutdownMs: 100,
    start: () => ({
      handle() {},
      stopping: () => !slow,
      stopped: (reason) => void log.push(`${name} ${reason.kind} ${clock.monotonic()}`),
    }),
  });
  const top = system.spawn<never>({
    name: "top",
    start: (context) => {
      context.spawn(leaf("a"));
      context.spawn(leaf("b", true));
      context.spawn(leaf("c"));
      return { handle() {}, stopped: (reason) => void log.push(`top ${reason.kind}`) };
    },
  });
  run();
  system.stop(top);
  await until(system.whenStopped(top));
  assert.deepEqual(log, ["c shutdown 0", "b killed 100", "a shutdown 100", "top shutdown"]);
  assert.equal(system.stats.timers, 0);
});

Deno.test("an actor asked to stop goes on until it says that it is done", async () => {
  const { system, run, until, advance } = createTestSystem();
  const log: string[] = [];
  const ref = system.spawn<string>({
    start: (context) => ({
      handle: (message) => {
        log.push(message);
        if (message === "closed") context.stop();
      },
      stopping: () => {
        context.timer(10, "closed");
        return false;
      },
      stopped: (reason) => void log.push(reason.kind),
    }),
  });
  run();
  system.stop(ref);
  run();
  system.send(ref, "still here");
  advance(10);
  assert.deepEqual(log, ["still here", "closed", "shutdown"]);
  assert.deepEqual(await until(system.whenStopped(ref)), { kind: "shutdown" });
});

Deno.test("too many restarts in the window crash the supervisor; backoff grows between them", () => {
  const { system, settle, crashes, clock } = createTestSystem();
  const starts: number[] = [];
  system.spawn<never>({
    name: "super",
    supervision: { strategy: "oneForOne", maxRestarts: 3, windowMs: 60_000, backoffMs: 100 },
    start: (context) => {
      context.spawn<never>({
        name: "child",
        restart: "permanent",
        start: () => {
          starts.push(clock.monotonic());
          throw new Error("no");
        },
      });
      return { handle() {} };
    },
  });
  settle();
  assert.equal(starts.length, 4);
  const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? 0));
  gaps.forEach((gap, i) => assert.ok(gap >= 50 * 2 ** i && gap <= 100 * 2 ** i + 1, `gap ${i}: ${gap}`));
  const last = crashes.at(-1);
  assert.equal(last?.path, "/super");
  assert.equal((last?.error as { code?: string }).code, "KernelRestartIntensity");
  assert.equal(system.stats.actors, 0);
});

Deno.test("one-for-all and rest-for-one restart the right siblings, in order", () => {
  for (const strategy of ["oneForOne", "oneForAll", "restForOne"] as const) {
    const { system, run } = createTestSystem();
    const log: string[] = [];
    const refs = new Map<string, ActorRef<string>>();
    system.spawn<never>({
      supervision: { strategy, maxRestarts: 3, windowMs: 1000 },
      start: (context) => {
        for (const name of ["a", "b", "c"]) {
          const spec: ChildSpec<string> = {
            name,
            restart: "transient",
            start: () => {
              log.push(`+${name}`);
              return {
                handle: () => {
                  throw new Error("crash");
                },
                stopped: () => void log.push(`-${name}`),
              };
            },
          };
          refs.set(name, context.spawn(spec));
        }
        return { handle() {} };
      },
    });
    run();
    log.length = 0;
    const b = refs.get("b");
    assert.ok(b);
    system.send(b, "crash");
    run();
    const expected = {
      oneForOne: ["-b", "+b"],
      oneForAll: ["-b", "-c", "-a", "+a", "+b", "+c"],
      restForOne: ["-b", "-c", "+b", "+c"],
    }[strategy];
    assert.deepEqual(log, expected, strategy);
  }
});

Deno.test("watchers hear of an end once, also when it lies in the past; a cancelled timer never speaks", () => {
  const { system, run, advance } = createTestSystem();
  const log: string[] = [];
  const target = system.spawn(actor<string>((_m, context) => context.stop()));
  const watch = () =>
    system.spawn<string>({
      start: (context) => {
        context.watch(target, (reason) => `ended ${reason.kind}`);
        const timer = context.timer(5, "never");
        context.timer(5, "timer");
        return {
          handle: (m) => {
            log.push(m);
            if (m.startsWith("ended")) context.cancel(timer);
          },
        };
      },
    });
  watch();
  run();
  system.send(target, "end");
  run();
  watch();
  advance(10);
  assert.deepEqual(log, ["ended normal", "ended normal", "timer", "timer"]);
});

Deno.test("completions, timers and outcomes of an earlier life never reach the next one", () => {
  const { system, run, advance } = createTestSystem();
  const log: string[] = [];
  const posts: ((message: string) => void)[] = [];
  const ref = system.spawn<string>({
    restart: "permanent",
    start: (context) => {
      context.effect((post) => void posts.push(post));
      context.timer(10, `timer ${posts.length}`);
      return {
        handle: (m) => {
          if (m === "crash") throw new Error("crash");
          log.push(m);
        },
      };
    },
  });
  run();
  system.send(ref, "crash");
  system.send(ref, "kept");
  run();
  posts.forEach((post, life) => post(`post of life ${life}`));
  advance(20);
  assert.deepEqual(log, ["kept", "post of life 1", "timer 1"]);
  system.stop(ref);
  run();
  posts.forEach((post) => post("late"));
  advance(20);
  assert.equal(log.length, 3);
  assert.equal(system.send(ref, "gone"), false);
});

Deno.test("the loop yields to I/O, and no actor starves another", () => {
  const { system, later, run, yields } = createTestSystem({ maxTurn: 10 });
  let spins = 0;
  let stopped = false;
  const spinner = system.spawn(actor<string>((m, context) => {
    spins++;
    if (!stopped) context.send(context.self, m);
  }));
  system.send(spinner, "spin");
  let rounds = 0;
  const tick = () => {
    if (++rounds < 20) later(tick);
    else stopped = true;
  };
  later(tick);
  run();
  assert.ok(yields() >= 18);
  assert.ok(spins <= 10 * 22);
});

Deno.test("inspection shows the tree, depths, ages and what each actor is doing", () => {
  const { system, run, advance, clock } = createTestSystem();
  const slow = system.spawn<string>({
    name: "fleet",
    start: (context) => {
      const child = context.spawn<string>({
        name: "web01",
        mailbox: { capacity: 1, overflow: "wait" },
        start: () => ({ handle() {}, describe: () => "idle" }),
      });
      void child;
      return {
        handle() {},
        describe: () => {
          throw new Error("no");
        },
      };
    },
  });
  run();
  advance(100);
  system.send(slow, "one");
  clock.step(clock.monotonic() + 40);
  const [fleet] = system.inspect().children;
  assert.equal(fleet?.path, "/fleet");
  assert.equal(fleet?.mailbox, 1);
  assert.equal(fleet?.oldestMs, 40);
  assert.equal(fleet?.doing, "(describe failed)");
  assert.equal(fleet?.children[0]?.path, "/fleet/web01");
  assert.equal(fleet?.children[0]?.doing, "idle");
  run();
});

Deno.test("contexts are useless outside their handlers, and names are unique among siblings", () => {
  const { system, run, crashes } = createTestSystem();
  let leaked: Context<string> | undefined;
  system.spawn<string>({
    name: "one",
    start: (context) => {
      leaked = context;
      return { handle() {} };
    },
  });
  run();
  assert.throws(() => leaked?.timer(1, "x"), { code: "ContextOutsideHandler" });
  assert.throws(() => system.spawn(actor(() => {}, { name: "one" })), { code: "ActorNameTaken" });
  assert.equal(crashes.length, 0);
});

Deno.test("a shut down system starts nothing and has nothing left", async () => {
  const { system, until, clock } = createTestSystem();
  system.spawn<string>({
    start: (context) => {
      context.timer(1e6, "late");
      return { handle() {}, stopping: () => false };
    },
  });
  await until(system.shutdown());
  await until(system.shutdown());
  assert.throws(() => system.spawn(actor(() => {})), { code: "SystemStopped" });
  assert.deepEqual({ ...system.stats, messages: 0 }, { messages: 0, actors: 0, timers: 0 });
  await Promise.resolve();
  assert.equal(clock.pending, 0);
});
