/** XState 5 as a peer of the `actors` suite: callback actors, its cheapest that take messages. It has no ask: an event
 * carries whom to answer. @module */
import { type AnyActorRef, createActor, fromCallback } from "npm:xstate@^5.33.3";
import { type ActorPeer, burst, ringSize, senders } from "./contract.ts";

type Event = { type: "m"; left: number; from?: AnyActorRef; answer?: (n: number) => void };

function actor(handle: (event: Event, self: AnyActorRef) => void): AnyActorRef {
  const ref = createActor(fromCallback<Event>(({ receive, self }) => receive((event) => handle(event, self))));
  ref.start();
  return ref;
}

function within(run: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  run(resolve);
  return promise;
}

/** XState. */
export const peer: ActorPeer = {
  pingPong: (count) =>
    within((done) => {
      const player = () =>
        actor(({ from, left }, self) => {
          if (left === 0) done();
          else from!.send({ type: "m", from: self, left: left - 1 });
        });
      player().send({ type: "m", from: player(), left: count - 1 });
    }),

  fanIn: (count) =>
    within((done) => {
      let left = count;
      const sink = actor(() => {
        if (--left === 0) done();
      });
      for (let i = 0; i < senders; i++) {
        actor((event, self) => {
          for (let n = 0; n < burst; n++) sink.send({ type: "m", left: n });
          if (event.left > burst) self.send({ type: "m", left: event.left - burst });
        }).send({ type: "m", left: count / senders });
      }
    }),

  ring: (count) =>
    within((done) => {
      const actors: AnyActorRef[] = [];
      for (let i = 0; i < ringSize; i++) {
        actors.push(actor(({ left }) => {
          if (left === 0) done();
          else actors[(i + 1) % ringSize]!.send({ type: "m", left: left - 1 });
        }));
      }
      actors[0]!.send({ type: "m", left: count - 1 });
    }),

  ask: async (count) => {
    const echo = actor(({ answer, left }) => answer!(left));
    for (let n = 0; n < count; n++) {
      await new Promise<number>((answer) => echo.send({ type: "m", left: n, answer }));
    }
  },

  idle: (count) => {
    const actors = Array.from({ length: count }, () => actor(() => {}));
    for (const ref of actors) ref.send({ type: "m", left: 0 });
    return Promise.resolve(actors);
  },
};
