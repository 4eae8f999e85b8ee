/** The notes of living and dead instances in a state folder. */
import assert from "node:assert/strict";
import { ProtocolError } from "../../../protocol/errors.ts";
import { DeadInstance, findDeadInstances, InstanceFile } from "../../../runtime/client/instances.ts";
import { Sweeper } from "../../../runtime/client/sweeper.ts";
import { fakeTarget } from "../../actors/host/run_job.ts";

const day = 24 * 3_600_000;

/** Leaves a file as a process does that has died: without its lock. */
function leave(folder: string, owner: string, text: string): void {
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${folder}/${owner}.instance`, text);
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
}

/** Finds the dead and lets go of them again. */
function look(folder: string, now = Date.now()): [string, string[]][] {
  const dead = findDeadInstances(folder, now);
  for (const instance of dead) instance.close([]);
  return dead.map(({ owner, left }): [string, string[]] => [owner, [...left]]).toSorted();
}

async function inFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const top = await Deno.makeTempDir();
  try {
    await test(`${top}/a/b`);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

Deno.test("an instance is alive for as long as its file is open, and leaves none behind in order", () =>
  inFolder((folder) => {
    const living = new InstanceFile(folder, "0000000a");
    assert.throws(
      () => Deno.statSync(folder),
      Deno.errors.NotFound,
      "nothing is written before work is sent",
    );
    living.note(["demo@web01:5985"]);
    living.note(["demo@web02:5985", "demo@web03:5985"]);
    assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
    assert.equal(Deno.statSync(`${folder}/0000000a.instance`).mode! & 0o777, 0o600);
    assert.deepEqual(look(folder), []);
    living.close();
    assert.deepEqual(names(folder), []);
  }));

Deno.test("an instance that may have left shells in spite of an orderly end is dead at those hosts, and at no others", () =>
  inFolder((folder) => {
    const living = new InstanceFile(folder, "0000000a");
    living.note(["a@x", "a@y"]);
    living.note(["a@z"]);
    living.close(new Set(["a@y", "a@elsewhere"]));
    assert.deepEqual(look(folder), [["0000000a", ["a@y"]]]);
    const other = new InstanceFile(folder, "0000000b");
    other.note(["a@x"]);
    other.close(new Set(["a@elsewhere"]));
    assert.deepEqual(names(folder), ["0000000a.instance"]);
  }));

Deno.test("a killed process is dead at once, and its hosts are known", () =>
  inFolder(async (folder) => {
    const script = `import { InstanceFile } from ${
      JSON.stringify(new URL("../../../runtime/client/instances.ts", import.meta.url).href)
    };
      const file = new InstanceFile(Deno.args[0], "0000000a");
      file.note(["a@x", "a@y"]);
      console.log("noted");
      setInterval(() => {}, 1000);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", script, folder],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    assert.deepEqual(look(folder), [], "it lives");
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assert.deepEqual(look(folder), [["0000000a", ["a@x", "a@y"]]]);
  }));

Deno.test("what was swept is not asked for again, and with the last host the file goes", () =>
  inFolder((folder) => {
    leave(folder, "0000000a", '{"version":1,"pid":1}\n["a@x","a@y"]\n["a@z"]\n["a@cut","of');
    const [first] = findDeadInstances(folder, Date.now());
    assert.ok(first instanceof DeadInstance);
    assert.deepEqual([...first.left], ["a@x", "a@y", "a@z"]);
    assert.deepEqual(look(folder), [], "only one sweeps at a time");
    first.close(["a@y"]);
    assert.deepEqual(look(folder), [["0000000a", ["a@x", "a@z"]]]);
    findDeadInstances(folder, Date.now())[0]!.close(["a@x", "a@z"]);
    assert.deepEqual(names(folder), []);
  }));

Deno.test("the dead are forgotten after a week; files that say nothing go, those of others stay", () =>
  inFolder((folder) => {
    leave(folder, "0000000a", '["a@x"]\n');
    leave(folder, "0000000b", '{"version":1,"pid":1}\n');
    leave(folder, "0000000c", "");
    leave(folder, "0000000d", "\u0000{[garbage");
    leave(folder, "not-an-owner", '["a@x"]\n');
    assert.deepEqual(look(folder), [["0000000a", ["a@x"]]]);
    // An empty one may be about to be locked.
    assert.deepEqual(names(folder), ["0000000a.instance", "0000000c.instance", "not-an-owner.instance"]);
    assert.deepEqual(look(folder, Date.now() + 2 * 60_000).length, 1);
    assert.deepEqual(names(folder), ["0000000a.instance", "not-an-owner.instance"]);
    assert.deepEqual(look(folder, Date.now() + 8 * day), []);
    assert.deepEqual(names(folder), ["not-an-owner.instance"]);
    assert.deepEqual(look(`${folder}/none`), []);
  }));

Deno.test("hosts are swept once at their first use, only where a dead instance was, and failures stay noted", () =>
  inFolder(async (folder) => {
    leave(folder, "0000000a", '["alice@one","alice@two","bob@three","alice@four"]\n');
    leave(folder, "0000000b", '["alice@one"]\n');
    const asked: string[] = [];
    const told: [string, number][] = [];
    const sweeper = new Sweeper(folder, (target, owner) => {
      asked.push(`${owner} ${target.name}`);
      const error = new Error("away") as never;
      return Promise.resolve(
        target.name === "two"
          ? { kind: "failed", error }
          : { kind: "done", value: { shells: owner === "0000000a" ? 2 : 0 } },
      );
    }, ({ host, shells }) => told.push([host, shells]));
    const targets = ["one", "two", "three"].map((name) => fakeTarget(name));
    sweeper.begin(targets);
    sweeper.begin(targets);
    await sweeper.settle();
    assert.deepEqual(asked.toSorted(), ["0000000a one", "0000000a two", "0000000b one"]);
    assert.deepEqual(told, [["one", 2]]);
    assert.deepEqual(look(folder), [["0000000a", ["alice@two", "bob@three", "alice@four"]]]);
    assert.equal(names(folder).length, 2, "its own file, and the one that is not done");
    const reports = await sweeper.sweep(targets);
    assert.deepEqual(reports.map(({ host, shells }) => [host, shells]), [["two", 0]]);
    assert.ok(reports[0]!.error !== undefined);
    sweeper.close();
    assert.deepEqual(names(folder), ["0000000a.instance"]);
  }));

Deno.test("hosts that are first used while others are being swept are swept after them", () =>
  inFolder(async (folder) => {
    leave(folder, "0000000a", '["alice@one","alice@two"]\n');
    const first = Promise.withResolvers<void>();
    const asked: string[] = [];
    const sweeper = new Sweeper(folder, async ({ name }) => {
      asked.push(name);
      if (name === "one") await first.promise;
      return { kind: "done", value: { shells: 1 } };
    });
    sweeper.begin([fakeTarget("one")]);
    sweeper.begin([fakeTarget("two")]);
    const swept = sweeper.sweep([fakeTarget("one")]);
    first.resolve();
    await sweeper.settle();
    assert.deepEqual(asked, ["one", "two"]);
    assert.deepEqual(await swept, []);
    sweeper.close();
    assert.deepEqual(names(folder), []);
  }));

Deno.test("a host that was swept in part is told with its number and reason, and stays noted", () =>
  inFolder(async (folder) => {
    leave(folder, "0000000a", '["alice@one"]\n');
    const error = new ProtocolError("EndlessEnumeration", "sweep shells: it does not end");
    const sweeper = new Sweeper(folder, () => Promise.resolve({ kind: "done", value: { shells: 3, error } }));
    assert.deepEqual(await sweeper.sweep([fakeTarget("one")]), [{ host: "one", shells: 3, error }]);
    assert.deepEqual(look(folder), [["0000000a", ["alice@one"]]]);
  }));

Deno.test("without a folder nothing is written or asked, and shells have names all the same", async () => {
  const sweeper = new Sweeper(undefined, () => assert.fail("asked"));
  sweeper.begin([fakeTarget("one")]);
  await sweeper.settle();
  assert.deepEqual(await sweeper.sweep([fakeTarget("one")]), []);
  sweeper.close();
  assert.match(sweeper.shellName("job"), /^drover-[0-9a-f]{8}-job$/);
});
