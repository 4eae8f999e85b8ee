import assert from "node:assert/strict";
import type { ActorRef, ChildSpec, Context } from "../../../actors/kernel/actor.ts";
import { Credit } from "../../../actors/kernel/credit.ts";
import { createTestSystem, SeededRandom } from "../../helpers/virtual_clock.ts";

type Down = { readonly kind: "grant"; readonly messages: number } | { readonly kind: "produce" | "crash" };

/** Sends up whenever it may; `produce` gives it one piece more to send. */
function producer(up: ActorRef<string>, sent: string[]): ChildSpec<Down> {
  let lives = 0;
  return {
    name: "producer",
    restart: "permanent",
    start: () => {
      const credit = new Credit();
      const life = ++lives;
      let pieces = 0;
      let next = 0;
      const spend = (context: Context<Down>) => {
        for (; pieces > 0 && credit.left > 0; pieces--) {
          const piece = `${life}.${next++}`;
          sent.push(piece);
          credit.send(context, up, piece);
        }
      };
      return {
        handle: (message, context) => {
          if (message.kind === "crash") throw new Error("crash");
          if (message.kind === "grant") credit.grant(message.messages);
          else pieces++;
          spend(context);
        },
        figures: () => ({ credit: credit.left, pieces }),
      };
    },
  };
}

/** A parent that grants when it is told to, with a mailbox for one message. */
function consumer(received: string[], sent: string[], child: ActorRef<Down>[]): ChildSpec<string> {
  return {
    name: "consumer",
    mailbox: { capacity: 1, overflow: "wait" },
    supervision: { strategy: "oneForOne", maxRestarts: 1_000, windowMs: 1_000 },
    start: (context) => {
      child[0] = context.spawn(producer(context.self, sent));
      return { handle: (message) => void received.push(message) };
    },
  };
}

Deno.test("upwards goes no more than was granted, all of that, in order, and without waiting or bound", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { system, run, crashes } = createTestSystem({ seed, maxTurn: 1 + seed % 7 });
    const random = new SeededRandom(seed);
    const received: string[] = [];
    const sent: string[] = [];
    const child: ActorRef<Down>[] = [];
    system.spawn(consumer(received, sent, child));
    run();
    let [granted, produced] = [0, 0];
    for (let step = 0; step < 40; step++) {
      if (random.below(2) === 0) {
        const messages = random.below(6);
        granted += messages;
        system.send(child[0]!, { kind: "grant", messages });
      } else {
        produced++;
        system.send(child[0]!, { kind: "produce" });
      }
      if (random.below(3) === 0) {
        run();
        assert.equal(received.length, Math.min(granted, produced), `seed ${seed}, step ${step}`);
      }
    }
    run();
    assert.deepEqual(received, sent);
    assert.equal(received.length, Math.min(granted, produced));
    assert.deepEqual(crashes, []);
  }
});

Deno.test("a restart loses the credit that was left, and inspection shows what is there", () => {
  const { system, run } = createTestSystem();
  const received: string[] = [];
  const child: ActorRef<Down>[] = [];
  system.spawn(consumer(received, [], child));
  run();
  const shown = () => system.inspect().children[0]?.children[0]?.figures;
  system.send(child[0]!, { kind: "grant", messages: 5 });
  system.send(child[0]!, { kind: "produce" });
  run();
  assert.deepEqual([received, shown()], [["1.0"], { credit: 4, pieces: 0 }]);
  system.send(child[0]!, { kind: "crash" });
  system.send(child[0]!, { kind: "produce" });
  run();
  assert.deepEqual([received, shown()], [["1.0"], { credit: 0, pieces: 1 }]);
  system.send(child[0]!, { kind: "grant", messages: 1 });
  run();
  assert.deepEqual(received, ["1.0", "2.0"]);
});

Deno.test("overdrawing and granting nonsense are crashes", () => {
  const { system, run, crashes } = createTestSystem();
  const received: string[] = [];
  const child = (name: string, act: (context: Context<never>, up: ActorRef<string>) => void) =>
    system.spawn<string>({
      start: (context) => {
        context.spawn<never>({
          name,
          start: (inner) => {
            act(inner, context.self);
            return { handle() {} };
          },
        });
        return { handle: (message) => void received.push(message) };
      },
    });
  child("overdrawn", (context, up) => {
    const credit = new Credit(1);
    credit.send(context, up, "one");
    credit.send(context, up, "two");
  });
  child("nonsense", () => new Credit(1).grant(-1));
  child("fraction", () => new Credit(0.5));
  run();
  assert.deepEqual(
    crashes.map(({ path, error }) => [path.split("/").at(-1), (error as { code?: string }).code]),
    [
      ["overdrawn", "KernelCreditSpent"],
      ["nonsense", "KernelBadCredit"],
      ["fraction", "KernelBadCredit"],
    ],
  );
  assert.deepEqual(received, [], "a handler that throws sends nothing");
});

Deno.test("what is on its way on credit belongs to the life that granted it", () => {
  const { system, run } = createTestSystem();
  const received: string[] = [];
  const returned: unknown[] = [];
  let lives = 0;
  const parent = system.spawn<string>({
    restart: "permanent",
    start: (context) => {
      const life = ++lives;
      if (life === 1) {
        context.spawn<string>({
          start: (inner) => {
            const credit = new Credit(2);
            credit.send(inner, context.self, "before");
            return {
              handle() {},
              stopped: (_reason, last) => credit.send(last, context.self, "last words"),
              undeliverable: (_to, message) => void returned.push(message),
            };
          },
        });
      }
      return {
        handle: (message) => {
          if (message === "crash") throw new Error("crash");
          received.push(`${life}: ${message}`);
        },
      };
    },
  });
  run();
  assert.deepEqual(received, ["1: before"]);
  system.send(parent, "crash");
  system.send(parent, "next");
  run();
  assert.deepEqual(received, ["1: before", "2: next"]);
  assert.deepEqual(returned, [], "an actor that has ended hears of nothing");
});
