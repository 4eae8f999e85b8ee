import assert from "node:assert/strict";
import type { ActorRef, ChildSpec, Context, StopReason } from "../../../actors/kernel/actor.ts";
import { actorName } from "../../../actors/kernel/registry.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

const printer = actorName<string>("printer");
const spooler = actorName<string>("spooler");

function sink(seen: string[] = [], more: Partial<ChildSpec<string>> = {}): ChildSpec<string> {
  return {
    start: () => ({
      handle: (message) => {
        if (message === "crash") throw new Error("boom");
        seen.push(message);
      },
    }),
    ...more,
  };
}

Deno.test("a registered name leads to its actor, over restarts, until its end", () => {
  const { system, run } = createTestSystem();
  const seen: string[] = [];
  const ref = system.spawn(sink(seen, { restart: "transient" }));
  system.register(printer, ref);
  system.register(spooler, ref);
  system.register(printer, ref);
  assert.equal(system.whereis(printer), ref);
  system.send(ref, "crash");
  run();
  assert.equal(system.whereis(printer), ref);
  system.send(system.whereis(spooler)!, "after");
  run();
  assert.deepEqual(seen, ["after"]);
  assert.deepEqual(system.inspect().children[0]?.names, ["printer", "spooler"]);
  system.stop(ref);
  run();
  assert.equal(system.whereis(printer), undefined);
  assert.equal(system.whereis(spooler), undefined);
  system.register(printer, ref);
  assert.equal(system.whereis(printer), undefined);
});

Deno.test("a name has one actor: who wants it meanwhile crashes, and whoever hears of the end finds it free", () => {
  const { system, run, crashes } = createTestSystem();
  const first = system.spawn(sink());
  system.register(printer, first);
  assert.throws(() => system.register(printer, system.spawn(sink())), { code: "RegisteredNameTaken" });

  const greedy = system.spawn<string>({
    name: "greedy",
    start: () => ({ handle: (_message, context) => context.register(printer, context.self) }),
  });
  system.send(greedy, "now");
  run();
  assert.equal(crashes[0]?.path, "/greedy");
  assert.equal((crashes[0]?.error as { code?: string }).code, "RegisteredNameTaken");
  assert.equal(system.whereis(printer), first);

  const heirs: (ActorRef<string> | undefined)[] = [];
  const heir = system.spawn<string | StopReason>({
    start: (context: Context<string | StopReason>) => {
      context.watch(first, (reason) => reason);
      return {
        handle: (_reason, inner) => {
          heirs.push(inner.whereis(printer));
          inner.register(printer, inner.self);
        },
      };
    },
  });
  run();
  system.kill(first);
  run();
  assert.deepEqual(heirs, [undefined]);
  assert.equal(system.whereis(printer), heir);
});

Deno.test("a handler that throws has registered nothing; unregister takes only one's own name", () => {
  const { system, run } = createTestSystem();
  const other = system.spawn(sink());
  system.register(printer, other);
  const ref = system.spawn<string>({
    restart: "permanent",
    start: () => ({
      handle: (message, context) => {
        context.unregister(printer);
        if (message === "drop") return context.unregister(spooler);
        context.register(spooler, context.self);
        assert.equal(context.whereis(spooler), undefined);
        if (message === "crash") throw new Error("boom");
      },
    }),
  });
  system.send(ref, "crash");
  run();
  assert.equal(system.whereis(spooler), undefined);
  system.send(ref, "take");
  run();
  assert.equal(system.whereis(spooler), ref);
  system.send(ref, "drop");
  run();
  assert.equal(system.whereis(spooler), undefined);
  assert.equal(system.whereis(printer), other);
});
