/** Opening: who may, which files, and what is said about those that cannot be opened. @module */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../../runtime/store/mod.ts";
import { newJob, output, withFolder, withStore } from "./fixture.ts";

/** Opens a store that must not open, and sees that it lets go of its lock. */
async function refused(path: string, code: string, message: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(openStore({ path }), (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
}

/** A closed store with some rows. */
async function makeStore(path: string): Promise<void> {
  const store = await openStore({ path });
  await store.write.jobs.create(newJob("j", 1));
  for (let i = 0; i < 20; i++) await store.record([output("j", 0, new Uint8Array(50_000).fill(i))]);
  await store.close();
}

Deno.test("folder and files are its user's alone", () =>
  withFolder(async (folder) => {
    const path = `${folder}/new/store.db`;
    const store = await openStore({ path });
    await store.write.jobs.create(newJob("j", 1));
    assert.equal(Deno.statSync(`${folder}/new`).mode! & 0o777, 0o700);
    for (const name of Deno.readDirSync(`${folder}/new`)) {
      assert.equal(Deno.statSync(`${folder}/new/${name.name}`).mode! & 0o777, 0o600, name.name);
    }
    await store.close();

    Deno.chmodSync(path, 0o640);
    await refused(path, "StoreExposed", /chmod 600/);
    Deno.chmodSync(path, 0o600);
    Deno.chmodSync(`${folder}/new`, 0o750);
    await refused(path, "StoreExposed", /chmod 700/);
    Deno.chmodSync(`${folder}/new`, 0o700);
    Deno.renameSync(path, `${folder}/new/elsewhere.db`);
    Deno.symlinkSync("elsewhere.db", path);
    await refused(path, "StoreExposed", /no plain file/);
  }));

Deno.test("a new store has a write-ahead log from its first life on: who reads and who writes do not wait for each other", () =>
  withStore(async (store) => {
    await store.write.jobs.create(newJob("j", 1));
    const db = new DatabaseSync(store.path, { readOnly: true });
    const [mode, vacuum, size] = ["journal_mode", "auto_vacuum", "page_size"].map((name) =>
      db.prepare(`PRAGMA ${name}`).get()![name]
    );
    db.close();
    assert.deepEqual([mode, vacuum, size], ["wal", 2, 16_384]);
  }));

Deno.test("one store is open once, and again after it was closed", () =>
  withStore(async (store) => {
    await refused(store.path, "StoreLocked", new RegExp(`process ${Deno.pid}`));
    await store.close();
    await (await openStore({ path: store.path })).close();
  }));

Deno.test("a file of a newer version is left as it is", () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    await makeStore(path);
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    await refused(path, "StoreNewer", /version 99/);
  }));

Deno.test("a file of another program is left as it is", () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const db = new DatabaseSync(path);
    db.exec("CREATE TABLE notes (text)");
    db.close();
    Deno.chmodSync(path, 0o600);
    const before = Deno.readFileSync(path);
    await refused(path, "StoreForeign", /another program/);
    assert.deepEqual(Deno.readFileSync(path), before);

    Deno.writeTextFileSync(path, "this is a letter, not a database".repeat(100));
    await refused(path, "StoreForeign", /no store/);
  }));

Deno.test("a truncated or damaged file is told, with advice", () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    await makeStore(path);
    const whole = Deno.readFileSync(path);
    for (const length of [whole.length - 16_384, whole.length >> 1, 16_384 * 3 + 100]) {
      Deno.writeFileSync(path, whole.subarray(0, length));
      await refused(path, "StoreCorrupt", /backup/);
    }
    const damaged = whole.slice();
    damaged.fill(0xaa, 16_384 * 2, 16_384 * 30);
    Deno.writeFileSync(path, damaged);
    await refused(path, "StoreCorrupt", /backup/);
    Deno.writeFileSync(path, whole);
    await (await openStore({ path })).close();
  }));

/** Whether file systems can be mounted here. */
function mount(...args: string[]): boolean {
  try {
    return new Deno.Command("mount", { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("a read-only file system", async (test) => {
  await withFolder(async (folder) => {
    const path = `${folder}/disk/store.db`;
    Deno.mkdirSync(`${folder}/disk`);
    if (!mount("-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", `${folder}/disk`)) {
      await test.step({ name: "needs the right to mount", ignore: true, fn: () => {} });
      return;
    }
    try {
      await makeStore(path);
      assert.ok(mount("-o", "remount,ro", `${folder}/disk`));
      await refused(path, "StoreUnusable", /read-only/i);
    } finally {
      new Deno.Command("umount", { args: ["-l", `${folder}/disk`] }).outputSync();
    }
  });
});
