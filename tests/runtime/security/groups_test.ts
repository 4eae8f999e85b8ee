// Groups of accounts, and who an account is with those that its domain tells of.
import assert from "node:assert/strict";
import { readGroups, tokenOf } from "../../../runtime/security/groups.ts";

const everybody = ["S-1-1-0", "S-1-5-2", "S-1-5-11"];
const token = (sids: string[], denyOnly: string[] = []) => ({
  sids: new Set(sids),
  denyOnly: new Set(denyOnly),
});

Deno.test("groups are named or written as SIDs, once each", () => {
  assert.deepEqual(readGroups("none"), []);
  assert.deepEqual(
    readGroups(" remote management users,S-1-5-032-580 , BUILTIN\\Administrators,s-1-5-21-1-2-3-4"),
    ["S-1-5-32-580", "S-1-5-32-544", "S-1-5-21-1-2-3-4"],
  );
  for (const text of ["", ",", "Administrators,", "Domain Admins", "none,Users", "S-1-5"]) {
    assert.throws(() => readGroups(text), { code: "GroupUnknown" }, text);
  }
});

Deno.test("whoever has logged on is somebody, somebody who has proven it, and somebody over the network", () => {
  assert.deepEqual(tokenOf(["S-1-5-32-544"], undefined), token([...everybody, "S-1-5-32-544"]));
});

Deno.test("a domain tells of its own accounts and groups, never of those of this machine", () => {
  const foreign = ["S-1-5-32-544", "S-1-5-18", "S-1-5-4", "S-1-1-0", "S-1-5-80-1-2-3-4-5", "S-1-16-12288"];
  const own = ["S-1-5-21-1-2-3-512", "S-1-18-1"];
  assert.deepEqual(
    tokenOf([], token([...foreign, ...own], [...foreign, "S-1-5-21-1-2-3-9"])),
    token([...everybody, ...own], ["S-1-5-21-1-2-3-9"]),
  );
});
