/** Where tickets lie that clients hand over: private, and gone for good, whatever their owner does there meanwhile. */
import assert from "node:assert/strict";
import { NetworkError } from "../../../protocol/errors.ts";
import { lookupUser } from "../../../runtime/os/users.ts";
import { type TicketFolderOptions, TicketFolders } from "../../../runtime/service/ticket_folders.ts";

const secret = new TextEncoder().encode("a ticket");
const store = (cache: string) => Deno.writeFileSync(cache.replace("FILE:", ""), secret);

interface World extends Disposable {
  readonly root: string;
  readonly folders: TicketFolders;
}

function world(options: TicketFolderOptions = {}): World {
  const root = Deno.makeTempDirSync({ prefix: "drover-test-" });
  const folders = new TicketFolders({ root, ...options });
  return {
    root,
    folders,
    [Symbol.dispose]() {
      folders[Symbol.dispose]();
      Deno.removeSync(root, { recursive: true });
    },
  };
}

const modeOf = (path: string) => (Deno.lstatSync(path).mode! & 0o777).toString(8);
const count = (path: string) => [...Deno.readDirSync(path)].length;
const posix = { ignore: Deno.build.os === "windows" };

Deno.test(
  "tickets lie in a file of their own that nobody else can reach, until they are wiped",
  posix,
  () => {
    const made: string[] = [];
    using w = world({ onMade: (path) => made.push(path) });
    assert.equal(count(w.root), 0, "nothing is made before it is needed");
    const [one, two] = [w.folders.provide(undefined, store), w.folders.provide(undefined, store)];
    const path = one.variables["KRB5CCNAME"]!.replace("FILE:", "");
    const folder = path.slice(0, path.lastIndexOf("/"));
    assert.deepEqual([modeOf(path), modeOf(folder), modeOf(made[0]!)], ["600", "700", "711"]);
    assert.notEqual(two.variables["KRB5CCNAME"], one.variables["KRB5CCNAME"]);
    assert.equal(made.length, 1);
    // A process that still has the file open sees nothing of it any more.
    using open = Deno.openSync(path);
    one.wipe();
    one.wipe();
    assert.equal(open.readSync(new Uint8Array(100)), null);
    assert.throws(() => Deno.lstatSync(folder), Deno.errors.NotFound);
    assert.equal(count(made[0]!), 1, "those of the other shell are still there");
    w.folders[Symbol.dispose]();
    assert.equal(count(w.root), 0);
  },
);

Deno.test("what the owner puts in the place of tickets is not what is wiped", posix, () => {
  using w = world();
  const provided = w.folders.provide(undefined, store);
  const path = provided.variables["KRB5CCNAME"]!.replace("FILE:", "");
  const other = `${w.root}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/file`, "somebody else's");
  Deno.removeSync(path);
  Deno.symlinkSync(`${other}/file`, path);
  Deno.symlinkSync(other, `${path}-folder`);
  provided.wipe();
  assert.equal(Deno.readTextFileSync(`${other}/file`), "somebody else's");
  assert.throws(() => Deno.lstatSync(path), Deno.errors.NotFound);
});

Deno.test("tickets are the system user's that commands run as", {
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
}, () => {
  using w = world();
  const { variables } = w.folders.provide("nobody", store);
  const path = variables["KRB5CCNAME"]!.replace("FILE:", "");
  const { uid } = lookupUser("nobody")!;
  assert.deepEqual(
    [path, path.slice(0, path.lastIndexOf("/"))].map((each) => Deno.lstatSync(each).uid),
    [uid, uid],
  );
});

Deno.test("tickets that cannot be written leave nothing, and say why", posix, () => {
  const made: string[] = [];
  using w = world({ onMade: (path) => made.push(path) });
  const full = () => {
    throw new NetworkError("KdcUnreachable", "keep delegated tickets: it failed");
  };
  assert.throws(() => w.folders.provide(undefined, full), { code: "KdcUnreachable" });
  // Nothing was stored: there is no file to protect.
  assert.throws(() => w.folders.provide(undefined, () => {}), { code: "TicketsNotStored" });
  assert.equal(count(made[0]!), 0);
});
