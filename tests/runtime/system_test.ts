import assert from "node:assert/strict";
import { systemRandom } from "../../runtime/random.ts";
import { createSystem } from "../../runtime/system.ts";

Deno.test("sockets and timers proceed beside an actor that never rests", async () => {
  const system = createSystem();
  const spinner = system.spawn<"spin">({
    start: () => ({ handle: (message, context) => context.send(context.self, message) }),
  });
  system.send(spinner, "spin");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echo = listener.accept().then(async (peer) => {
    const bytes = new Uint8Array(8);
    for (let n = await peer.read(bytes); n !== null; n = await peer.read(bytes)) {
      await peer.write(bytes.subarray(0, n));
    }
    peer.close();
  });
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const bytes = new Uint8Array(8);
  for (let i = 0; i < 200; i++) {
    await socket.write(bytes);
    assert.notEqual(await socket.read(bytes), null);
  }
  const timer = system.spawn<"due">({
    start: (context) => {
      context.timer(5, "due");
      return { handle: (_message, inner) => inner.stop() };
    },
  });
  assert.deepEqual(await system.whenStopped(timer), { kind: "normal" });
  socket.close();
  await echo;
  listener.close();
  await system.shutdown();
  assert.equal(system.stats.actors, 0);
});

Deno.test("a crash reaches the reporter; the system lives on", async () => {
  const crashes: string[] = [];
  const system = createSystem({ onCrash: (report) => crashes.push(`${report.path} ${report.lastMessage}`) });
  const ref = system.spawn<{ kind: "go"; password: string }>({
    name: "unlucky",
    start: () => ({
      handle: () => {
        throw new Error("crash");
      },
    }),
  });
  system.send(ref, { kind: "go", password: "hunter2" });
  const reason = await system.whenStopped(ref);
  assert.equal(reason.kind, "crashed");
  assert.deepEqual(crashes, ["/unlucky go {password}"]);
  await system.shutdown();
});

Deno.test("random bytes have the length that was asked for and do not repeat", () => {
  const seen = new Set<string>();
  for (const length of [1, 16, 1000, 1024, 1025, 70_000]) {
    assert.equal(systemRandom.bytes(length).length, length);
  }
  for (let i = 0; i < 2000; i++) seen.add(systemRandom.bytes(16).join());
  assert.equal(seen.size, 2000);
  assert.ok(systemRandom.bytes(70_000).subarray(65_536).some((byte) => byte !== 0));
});
