/** nact 7 as a peer of the `actors` suite: stateless actors, `query` as its ask. @module */
import { dispatch, type Ref, query, spawn, spawnStateless, start, stop } from "npm:nact@^7.6.2";
import { type ActorPeer, burst, ringSize, senders } from "./contract.ts";

type System = ReturnType<typeof start>;

async function within(run: (system: System, done: () => void) => void): Promise<void> {
  const system = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  run(system, resolve);
  await promise;
  stop(system);
}

interface Ball {
  readonly from: Ref<Ball>;
  readonly left: number;
}

let named = 0;

/** nact. */
export const peer: ActorPeer = {
  pingPong: (count) =>
    within((system, done) => {
      const player = () =>
        spawn(system, (_state: undefined, { from, left }: Ball, context) => {
          if (left === 0) done();
          else dispatch(from, { from: context.self, left: left - 1 });
          return undefined;
        });
      dispatch(player(), { from: player(), left: count - 1 });
    }),

  fanIn: (count) =>
    within((system, done) => {
      let left = count;
      const sink = spawn(system, (_state: undefined, _message: number) => {
        if (--left === 0) done();
        return undefined;
      });
      for (let i = 0; i < senders; i++) {
        const sender = spawn(system, (_state: undefined, rest: number, context) => {
          for (let n = 0; n < burst; n++) dispatch(sink, n);
          if (rest > burst) dispatch(context.self, rest - burst);
          return undefined;
        });
        dispatch(sender, count / senders);
      }
    }),

  ring: (count) =>
    within((system, done) => {
      const actors: Ref<number>[] = [];
      for (let i = 0; i < ringSize; i++) {
        actors.push(spawn(system, (_state: undefined, left: number) => {
          if (left === 0) done();
          else dispatch(actors[(i + 1) % ringSize]!, left - 1);
          return undefined;
        }));
      }
      dispatch(actors[0]!, count - 1);
    }),

  ask: async (count) => {
    const system = start();
    const echo = spawnStateless(
      system,
      ({ replyTo, n }: { replyTo: Ref<number>; n: number }) => dispatch(replyTo, n),
    );
    for (let n = 0; n < count; n++) await query(echo, (replyTo: Ref<number>) => ({ replyTo, n }), 5_000);
    stop(system);
  },

  idle: async (count) => {
    const system = start();
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    for (let i = 0; i < count; i++) {
      dispatch(
        spawn(system, (_state: undefined, _message: number) => {
          if (--left === 0) resolve();
          return undefined;
          // The names that nact makes up are random numbers of 32 bits: among 100,000 two are the same.
        }, `idle${++named}`),
        i,
      );
    }
    await promise;
    return system;
  },
};
