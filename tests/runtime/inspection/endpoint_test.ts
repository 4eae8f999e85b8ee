import assert from "node:assert/strict";
import type { SnapshotOptions } from "../../../actors/kernel/snapshot.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";
import { inspectionSockets, inspectProcess } from "../../../runtime/inspection/client.ts";
import { openInspection } from "../../../runtime/inspection/endpoint.ts";
import { linesOf, writeAll } from "../../../runtime/inspection/lines.ts";

const posix = { ignore: Deno.build.os === "windows" };

/** Runs `run` with a temp folder of its own. */
async function within(run: (temp: string) => Promise<void>): Promise<void> {
  const before = ["TMPDIR", "XDG_RUNTIME_DIR"].map((name) => [name, Deno.env.get(name)] as const);
  const temp = Deno.makeTempDirSync({ prefix: "drover-test-" });
  Deno.env.set("TMPDIR", temp);
  Deno.env.delete("XDG_RUNTIME_DIR");
  try {
    await run(temp);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    Deno.removeSync(temp, { recursive: true });
  }
}

/** An endpoint over a system of `hosts` actors; counts the pictures. */
function endpoint(hosts: number): Disposable & { readonly pictures: () => number; readonly socket: string } {
  const { system, run } = createTestSystem();
  system.spawn<never>({
    name: "fleet",
    start: (context) => {
      for (let at = 0; at < hosts; at++) {
        context.spawn<never>({
          name: `h${at}`,
          start: () => ({ handle() {}, describe: () => "x".repeat(400) }),
        });
      }
      return { handle() {} };
    },
  });
  run();
  let pictures = 0;
  const opened = openInspection({
    program: "test",
    about: `${hosts} hosts`,
    notable: ["/fleet/h0", "/nobody"],
    snapshot: (options: SnapshotOptions) => {
      pictures++;
      return system.snapshot(options);
    },
    onUnavailable: (why) => assert.fail(why),
  });
  const socket = inspectionSockets()[0]?.path ?? "";
  return { pictures: () => pictures, socket, [Symbol.dispose]: () => opened[Symbol.dispose]() };
}

const connect = (path: string) => Deno.connect({ transport: "unix", path });

async function answers(path: string, text: string): Promise<unknown[]> {
  const connection = await connect(path);
  await writeAll(connection, text);
  const lines: unknown[] = [];
  const wanted = text.split("\n").length - 1;
  for await (const line of linesOf(connection, 10_000_000)) {
    lines.push(JSON.parse(line));
    if (lines.length === wanted) break;
  }
  connection.close();
  return lines;
}

Deno.test({
  name: "a process answers requests of its user one after the other; its folder and socket are his alone",
  ...posix,
  fn: () =>
    within(async (temp) => {
      const opened = endpoint(3);
      const [socket] = inspectionSockets();
      assert.deepEqual(socket, { pid: Deno.pid, path: `${temp}/drover-${Deno.uid()}/${Deno.pid}.sock` });
      assert.equal((Deno.lstatSync(socket!.path).mode ?? 0) & 0o777, 0o600);
      assert.equal((Deno.lstatSync(`${temp}/drover-${Deno.uid()}`).mode ?? 0) & 0o777, 0o700);
      const picture = await inspectProcess(socket!, {});
      assert.deepEqual(
        [picture?.pid, picture?.program, picture?.about, picture?.system.totals.actors],
        [Deno.pid, "test", "3 hosts", 5],
      );
      assert.deepEqual(picture?.notable.map(({ path }) => path), ["/fleet/h0"]);
      const two = await answers(socket!.path, '{"limit":1}\n{"path":"/fleet/h1"}\n');
      assert.deepEqual(
        (two as { system: { path: string; actors: unknown[] } }[]).map(({ system }) => [
          system.path,
          system.actors.length,
        ]),
        [["/", 1], ["/fleet/h1", 1]],
      );
      await assert.rejects(inspectProcess(socket!, { path: "/nobody" }), { code: "ActorUnknown" });
      Deno.writeTextFileSync(`${temp}/drover-${Deno.uid()}/of another process`, "");
      opened[Symbol.dispose]();
      assert.deepEqual(inspectionSockets(), []);
      assert.equal(await inspectProcess(socket!, {}), undefined);
      assert.deepEqual([...Deno.readDirSync(`${temp}/drover-${Deno.uid()}`)].length, 1);
      Deno.removeSync(`${temp}/drover-${Deno.uid()}/of another process`);
      endpoint(3)[Symbol.dispose]();
      assert.deepEqual([...Deno.readDirSync(temp)], [], "the last one takes the empty folder with it");
    }),
});

Deno.test({
  name: "malformed requests get one line of why, endless ones are cut, and others are served on",
  ...posix,
  fn: () =>
    within(async () => {
      using opened = endpoint(3);
      const bad: [line: string, why: RegExp][] = [
        ["", /not JSON/],
        ["{", /not JSON/],
        ["null", /no object/],
        ["[]", /no object/],
        ['"x"', /no object/],
        ['{"path":5}', /path/],
        ['{"limit":"5"}', /limit/],
        ['{"limit":0}', /limit/],
        ['{"limit":1.5}', /limit/],
        ['{"limit":1e999}', /limit/],
        ["\u0000\uffff", /not JSON/],
        ['{"path":"/__proto__"}', /no actor/],
      ];
      for (const [line, why] of bad) {
        const [answer] = await answers(opened.socket, `${line}\n`) as [{ error?: string }];
        assert.match(answer.error ?? "", why, line);
      }
      const endless = await connect(opened.socket);
      await writeAll(endless, "x".repeat(5_000)).catch(() => {});
      assert.equal(await endless.read(new Uint8Array(1)).catch(() => null), null);
      endless.close();
      const half = await connect(opened.socket);
      await writeAll(half, '{"limit"');
      half.close();
      assert.equal((await answers(opened.socket, "{}\n")).length, 1);
    }),
});

Deno.test({
  name: "who does not read gets no more pictures made than fit into the socket, and nobody waits for him",
  ...posix,
  fn: () =>
    within(async () => {
      using opened = endpoint(1_000);
      const slow = await connect(opened.socket);
      await writeAll(slow, '{"limit":1000}\n'.repeat(270));
      for (let n = 0; n < 5; n++) {
        const [answer] = await answers(opened.socket, '{"limit":1000}\n') as [
          { system: { actors: unknown[] } },
        ];
        assert.equal(answer.system.actors.length, 1_000);
      }
      // Each request makes up to three pictures: its own and those of the two notable paths.
      assert.ok(opened.pictures() <= 3 * (5 + 4), `${opened.pictures()} pictures`);
      slow.close();
    }),
});

Deno.test({
  name: "more connections than eight are closed at once, and there is room again when they end",
  ...posix,
  fn: () =>
    within(async () => {
      using opened = endpoint(1);
      const idle = await Promise.all(Array.from({ length: 8 }, () => connect(opened.socket)));
      // Served means accepted.
      for (const connection of idle) {
        await writeAll(connection, "{}\n");
        await connection.read(new Uint8Array(65_536));
      }
      const ninth = await connect(opened.socket);
      await writeAll(ninth, "{}\n").catch(() => {});
      assert.equal(await ninth.read(new Uint8Array(1)).catch(() => null), null);
      ninth.close();
      for (const connection of idle) connection.close();
      for (;;) {
        const again = await connect(opened.socket);
        await writeAll(again, "{}\n").catch(() => {});
        const read = await again.read(new Uint8Array(1)).catch(() => null);
        again.close();
        if (read === 1) break;
      }
    }),
});

Deno.test({
  name: "processes that begin and end at the same time do not take the folder from each other",
  ...posix,
  fn: () =>
    within(async (temp) => {
      const module = new URL("../../../runtime/inspection/endpoint.ts", import.meta.url).href;
      const script = `import { openInspection } from ${JSON.stringify(module)};
        const onUnavailable = (why) => console.log(why);
        for (let i = 0; i < 400; i++) {
          openInspection({ program: "", about: "", snapshot: () => undefined, onUnavailable })[Symbol.dispose]();
        }`;
      const outputs = await Promise.all(Array.from({ length: 3 }, () => {
        const args = ["eval", "--no-check", script];
        return new Deno.Command(Deno.execPath(), { args }).output();
      }));
      const decoder = new TextDecoder();
      assert.deepEqual(outputs.map(({ stdout, stderr }) => decoder.decode(stdout) + decoder.decode(stderr)), [
        "",
        "",
        "",
      ]);
      assert.deepEqual([...Deno.readDirSync(temp)], []);
    }),
});

Deno.test({
  name: "the socket of a dead process is removed, one that answers nonsense is reported",
  ...posix,
  fn: () =>
    within(async (temp) => {
      const folder = `${temp}/drover-${Deno.uid()}`;
      Deno.mkdirSync(folder, { mode: 0o700 });
      const dead = `${folder}/999999999.sock`;
      const { success } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", `Deno.listen({ transport: "unix", path: ${JSON.stringify(dead)} }); Deno.exit(0);`],
      }).output();
      assert.ok(success && Deno.lstatSync(dead).isSocket);
      const [socket] = inspectionSockets();
      assert.equal(await inspectProcess(socket!, {}), undefined);
      assert.throws(() => Deno.lstatSync(dead), Deno.errors.NotFound);

      for (const nonsense of ["hello\n", "{}\n", '{"format":1}\n', '{"format":1,"pid":"x"}\n', "[]\n"]) {
        const path = `${folder}/1.sock`;
        const listener = Deno.listen({ transport: "unix", path });
        const served = listener.accept().then(async (connection) => {
          await connection.read(new Uint8Array(100));
          await writeAll(connection, nonsense);
          connection.close();
        });
        await assert.rejects(inspectProcess({ pid: 1, path }, {}), { code: "BadInspection" }, nonsense);
        await served;
        listener.close();
      }
    }),
});
