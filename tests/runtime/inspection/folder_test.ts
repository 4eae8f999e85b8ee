import assert from "node:assert/strict";
import { candidateFolders, checkFolder, openFolder } from "../../../runtime/inspection/folder.ts";

const posix = { ignore: Deno.build.os === "windows" };
const uid = Deno.uid() ?? -1;
const nobody = 65_534;

/** A folder of this test's own, as the temp folder. */
function within(run: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "drover-test-" });
  try {
    run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const mode = (path: string) => (Deno.lstatSync(path).mode ?? 0) & 0o7777;
const tempOnly = (tempDir: string) => ({ runtimeDir: undefined, tempDir, uid });

Deno.test({
  name: "the folder is made for its user alone, and used again",
  ...posix,
  fn: () =>
    within((temp) => {
      const first = openFolder(tempOnly(temp));
      assert.deepEqual(first, { kind: "usable", path: `${temp}/drover-${uid}` });
      assert.equal(mode(first.path), 0o700);
      assert.deepEqual(openFolder(tempOnly(temp)), first);
      assert.deepEqual(checkFolder(first.path, uid), first);
    }),
});

Deno.test({
  name: "XDG_RUNTIME_DIR comes first; where it cannot be used the temp folder does",
  ...posix,
  fn: () =>
    within((temp) => {
      Deno.mkdirSync(`${temp}/run`, { mode: 0o700 });
      const both = { runtimeDir: `${temp}/run/`, tempDir: temp, uid };
      assert.deepEqual(candidateFolders(both), [`${temp}/run/drover`, `${temp}/drover-${uid}`]);
      assert.equal(openFolder(both).path, `${temp}/run/drover`);
      Deno.chmodSync(`${temp}/run`, 0o777);
      assert.equal(openFolder(both).path, `${temp}/drover-${uid}`);
      assert.deepEqual(candidateFolders({ runtimeDir: "relative", tempDir: "too", uid: 7 }), [
        "/tmp/drover-7",
      ]);
    }),
});

Deno.test({
  name: "links, files and folders that others can enter are refused, and left as they are",
  ...posix,
  fn: () => {
    const cases: [what: string, make: (path: string, temp: string) => void][] = [
      ["is no folder", (path, temp) => {
        Deno.mkdirSync(`${temp}/elsewhere`, { mode: 0o700 });
        Deno.symlinkSync(`${temp}/elsewhere`, path);
      }],
      ["is no folder", (path) => Deno.writeTextFileSync(path, "")],
      ["is open to other users", (path) => {
        Deno.mkdirSync(path);
        Deno.chmodSync(path, 0o755);
      }],
      ["is open to other users", (path) => {
        Deno.mkdirSync(path);
        Deno.chmodSync(path, 0o710);
      }],
      // In a folder where everybody may rename what is there.
      ["is open to other users", (path, temp) => {
        Deno.mkdirSync(path, { mode: 0o700 });
        Deno.chmodSync(temp, 0o777);
      }],
    ];
    for (const [what, make] of cases) {
      within((temp) => {
        const path = `${temp}/drover-${uid}`;
        make(path, temp);
        const before = mode(path);
        const opened = openFolder(tempOnly(temp));
        assert.equal(opened.kind, "unusable", what);
        assert.match(opened.kind === "unusable" ? opened.why : "", new RegExp(what));
        assert.equal(checkFolder(path, uid).kind, "unusable");
        assert.equal(mode(path), before);
      });
    }
    within((temp) => {
      Deno.mkdirSync(`${temp}/drover-${uid}`, { mode: 0o700 });
      Deno.chmodSync(temp, 0o1777);
      assert.equal(openFolder(tempOnly(temp)).kind, "usable", "a sticky folder is as /tmp");
    });
  },
});

Deno.test({
  name: "a folder of another user is never used",
  ignore: uid !== 0,
  fn: () =>
    within((temp) => {
      Deno.mkdirSync(`${temp}/drover-${uid}`, { mode: 0o700 });
      Deno.chownSync(`${temp}/drover-${uid}`, nobody, nobody);
      const opened = openFolder(tempOnly(temp));
      assert.match(opened.kind === "unusable" ? opened.why : "", /belongs to another user$/);
      Deno.mkdirSync(`${temp}/run`, { mode: 0o700 });
      Deno.chownSync(`${temp}/run`, nobody, nobody);
      assert.equal(openFolder({ runtimeDir: `${temp}/run`, tempDir: temp, uid }).kind, "unusable");
    }),
});
