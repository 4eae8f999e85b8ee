/** Our own kernel as a peer of the `actors` suite, on the real clock and loop. @module */
import type { ActorRef, Behaviour, ChildSpec, ReplyTo } from "../../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../../actors/kernel/system.ts";
import { createSystem } from "../../../runtime/system.ts";
import { type ActorPeer, burst, ringSize, senders } from "./contract.ts";

async function within(run: (system: ActorSystem, done: () => void) => void): Promise<void> {
  const system = createSystem({
    onCrash: ({ error }) => {
      throw error;
    },
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  run(system, resolve);
  await promise;
  await system.shutdown();
}

interface Ball {
  readonly from: ActorRef<Ball>;
  readonly left: number;
}

/** The drover kernel. */
export const peer: ActorPeer = {
  pingPong: (count) =>
    within((system, done) => {
      const player = (): Behaviour<Ball> => ({
        handle: ({ from, left }, context) => {
          if (left === 0) done();
          else context.send(from, { from: context.self, left: left - 1 });
        },
      });
      const ping = system.spawn<Ball>({ start: player });
      const pong = system.spawn<Ball>({ start: player });
      system.send(ping, { from: pong, left: count - 1 });
    }),

  fanIn: (count) =>
    within((system, done) => {
      let left = count;
      const sink = system.spawn<number>({
        start: () => ({
          handle: () => {
            if (--left === 0) done();
          },
        }),
      });
      for (let i = 0; i < senders; i++) {
        const sender = system.spawn<number>({
          start: () => ({
            handle: (rest, context) => {
              for (let n = 0; n < burst; n++) context.send(sink, n);
              if (rest > burst) context.send(context.self, rest - burst);
            },
          }),
        });
        system.send(sender, count / senders);
      }
    }),

  ring: (count) =>
    within((system, done) => {
      const forward = (next: ActorRef<number>) =>
        system.spawn<number>({
          start: () => ({
            handle: (left, context) => {
              if (left === 0) done();
              else context.send(next, left - 1);
            },
          }),
        });
      let second: ActorRef<number> | undefined;
      const first = system.spawn<number>({
        start: () => ({
          handle: (left, context) => {
            if (left === 0) done();
            else context.send(second!, left - 1);
          },
        }),
      });
      second = first;
      for (let i = 1; i < ringSize; i++) second = forward(second);
      system.send(first, count - 1);
    }),

  ask: async (count) => {
    const system = createSystem();
    const echo = system.spawn<{ replyTo: ReplyTo<number>; n: number }>({
      start: () => ({ handle: ({ replyTo, n }, context) => context.reply(replyTo, n) }),
    });
    for (let n = 0; n < count; n++) {
      const outcome = await system.ask<{ replyTo: ReplyTo<number>; n: number }, number>(
        echo,
        (replyTo) => ({ replyTo, n }),
        5_000,
      );
      if (outcome.kind !== "answered") throw new Error(`ask: ${outcome.kind}`);
    }
    await system.shutdown();
  },

  idle: async (count) => {
    const system = createSystem();
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    for (let i = 0; i < count; i++) {
      const ref = system.spawn<number>({
        start: () => ({
          handle: () => {
            if (--left === 0) resolve();
          },
        }),
      });
      system.send(ref, i);
    }
    await promise;
    return system;
  },

  passive: async (count) => {
    const system = createSystem();
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    const spec: ChildSpec<number> = {
      start: () => ({
        handle: (_message, context) => context.passivate(),
        stopped: () => {
          if (--left === 0) resolve();
        },
      }),
    };
    for (let i = 0; i < count; i++) system.send(system.spawn(spec), i);
    await promise;
    return system;
  },
};
