/** Accounts and limits of the system. */
import assert from "node:assert/strict";
import { fileDescriptorLimit } from "../../../runtime/os/limits.ts";
import { currentUser, lookupUser } from "../../../runtime/os/users.ts";

const unix = Deno.build.os !== "windows";

Deno.test({
  name: "accounts are found by name, with their ids, home and shell",
  ignore: !unix,
  fn: () => {
    const root = lookupUser("root");
    assert.equal(root?.uid, 0);
    assert.match(root?.home ?? "", /^\//);
    assert.match(root?.shell ?? "", /^\//);
    assert.equal(currentUser().uid, Deno.uid());
    assert.deepEqual(lookupUser(currentUser().name)?.uid, Deno.uid());
  },
});

Deno.test({
  name: "no name can be mistaken for an id, an option or a pattern",
  ignore: !unix,
  fn: () => {
    for (const name of ["", "0", "--help", "-s", "root:x", "root\n", "r*", "no-such-user-here"]) {
      assert.equal(lookupUser(name), undefined, JSON.stringify(name));
    }
  },
});

Deno.test({
  name: "the limit of open files is known on Linux",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const limit = fileDescriptorLimit();
    assert.ok(limit !== undefined && limit.soft > 0 && limit.hard >= limit.soft);
  },
});
