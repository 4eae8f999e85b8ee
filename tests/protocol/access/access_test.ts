// SIDs, security descriptors and the access check.
import assert from "node:assert/strict";
import {
  AccessRight,
  type AccessToken,
  builtinGroup,
  decodeSid,
  grants,
  groupName,
  parseSddl,
  parseSid,
} from "../../../protocol/access/mod.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { resolveServiceSettings } from "../../../protocol/wsman/config_model.ts";

const { read, write, execute } = AccessRight;

function token(sids: readonly string[], denyOnly: readonly string[] = []): AccessToken {
  return { sids: new Set(sids), denyOnly: new Set(denyOnly) };
}

function may(sddl: string, who: AccessToken, rights: number): boolean {
  return grants(parseSddl(sddl), who, rights);
}

Deno.test("a SID has one spelling, whatever it was written like", () => {
  for (
    const [text, sid] of [
      ["S-1-5-32-544", "S-1-5-32-544"],
      ["s-1-05-032-00544", "S-1-5-32-544"],
      ["S-1-1-0", "S-1-1-0"],
      ["S-1-0x000000000005-18", "S-1-5-18"],
      ["S-1-0x0001abcdef12-4294967295", "S-1-0x0001ABCDEF12-4294967295"],
      [`S-1-5${"-1".repeat(15)}`, `S-1-5${"-1".repeat(15)}`],
    ]
  ) assert.equal(parseSid(text!), sid);
  for (
    const text of [
      ...[
        "",
        "S-1-5",
        "S-2-5-18",
        "S-1-5-4294967296",
        "S-1-4294967296-1",
        "S-1-5-18 ",
        "S-1-5--18",
        "S-1-0x5-18",
      ],
      ...["S-1-5-1e3", "S-1-5-18\n", `S-1-5${"-1".repeat(16)}`, "BA"],
    ]
  ) assert.equal(parseSid(text), undefined, text);
});

Deno.test("bytes of a SID: the example of BUILTIN\\Administrators, and an authority of 48 bits", () => {
  assert.equal(decodeSid(Uint8Array.fromHex("01020000000000052000000020020000")), "S-1-5-32-544");
  assert.equal(decodeSid(Uint8Array.fromHex("01010001abcdef12ffffffff")), "S-1-0x0001ABCDEF12-4294967295");
  for (
    const hex of [
      "",
      "01",
      "0201000000000005120000",
      "020100000000000512000000",
      "0100000000000005",
      "01020000000000052000",
    ]
  ) {
    assert.throws(() => decodeSid(Uint8Array.fromHex(hex)), { code: "SidMalformed" }, hex);
  }
});

Deno.test("names of the machine's groups", () => {
  assert.equal(builtinGroup("remote management USERS"), "S-1-5-32-580");
  assert.equal(builtinGroup("BUILTIN\\Administrators"), "S-1-5-32-544");
  assert.equal(builtinGroup("Domain Admins"), undefined);
  assert.equal(groupName("S-1-5-32-580"), "Remote Management Users");
  assert.equal(groupName("S-1-5-21-1-2-3-512"), "S-1-5-21-1-2-3-512");
});

Deno.test("WinRM's default descriptor is read whole", () => {
  const { owner, group, dacl, sacl } = parseSddl(resolveServiceSettings().RootSDDL);
  assert.deepEqual([owner, group], ["S-1-5-20", "S-1-5-32-544"]);
  assert.deepEqual(dacl, [
    { kind: "allow", flags: [], rights: 0x10000000, sid: "S-1-5-32-544" },
    { kind: "allow", flags: [], rights: 0x80000000, sid: "S-1-5-32-573" },
  ]);
  assert.deepEqual(sacl, [
    { kind: "audit", flags: ["FA"], rights: 0x10000000, sid: "S-1-1-0" },
    { kind: "audit", flags: ["SA"], rights: 0x60000000, sid: "S-1-1-0" },
  ]);
});

Deno.test("rights as words and as numbers, SIDs as aliases and as text, parts that are left out", () => {
  const [ace] = parseSddl("D:PAI(D;CIIO;0x90000000;;;s-1-5-21-1-2-3-512)").dacl!;
  assert.deepEqual(ace, { kind: "deny", flags: ["CI", "IO"], rights: 0x90000000, sid: "S-1-5-21-1-2-3-512" });
  assert.deepEqual(parseSddl(""), { owner: undefined, group: undefined, dacl: undefined, sacl: undefined });
  assert.deepEqual(parseSddl("D:").dacl, []);
  assert.equal(parseSddl("D:NO_ACCESS_CONTROL").dacl, undefined);
});

Deno.test("what cannot be read is refused, above all what would keep somebody out", () => {
  const one = (ace: string) => `D:(A;;GA;;;BA)${ace}`;
  for (
    const [text, code] of [
      ["D:(A;;GA;;;BA)D:", "SddlMalformed"],
      ["X:BA", "SddlMalformed"],
      ["O:", "SddlMalformed"],
      ["O:BA ", "SddlMalformed"],
      [":", "SddlMalformed"],
      ["D:Q", "SddlMalformed"],
      [one("(D;;GA;;;DA)"), "SddlMalformed"],
      [one("(D;;GA;;;BA"), "SddlMalformed"],
      [one("(D;;GA;;BA)"), "SddlMalformed"],
      [one(" (D;;GA;;;BA)"), "SddlMalformed"],
      [one("(D;;G;;;BA)"), "SddlMalformed"],
      [one("(D;;0x100000000;;;BA)"), "SddlMalformed"],
      [one("(D;XX;GA;;;BA)"), "SddlMalformed"],
      [one("(AU;FA;GA;;;WD)"), "SddlMalformed"],
      ["S:(A;;GA;;;BA)", "SddlMalformed"],
      [one('(XD;;GX;;;WD;(@User.Title=="PM"))'), "SddlUnsupported"],
      [one("(OD;;GA;bf967aba-0de6-11d0-a285-00aa003049e2;;BA)"), "SddlUnsupported"],
      [one("(D;;GA;bf967aba-0de6-11d0-a285-00aa003049e2;;BA)"), "SddlUnsupported"],
      ["S:(ML;;NW;;;HI)", "SddlUnsupported"],
      [one("(__proto__;;GA;;;BA)"), "SddlUnsupported"],
      ["D:" + "(A;;GA;;;BA)".repeat(2000), "SddlMalformed"],
    ]
  ) {
    assert.throws(
      () => parseSddl(text!),
      (error) => error instanceof DroverError && error.code === code,
      text,
    );
  }
});

Deno.test("entries count in their order: what was given first is kept, what was refused first stays refused", () => {
  const both = token(["S-1-5-32-544", "S-1-5-32-580"]);
  assert.equal(may("D:(D;;GX;;;RM)(A;;GA;;;BA)", both, execute), false);
  assert.equal(may("D:(A;;GA;;;BA)(D;;GX;;;RM)", both, execute), true);
  assert.equal(may("D:(D;;GX;;;RM)(A;;GA;;;BA)", both, read), true);
  assert.equal(may("D:(D;;GX;;;RM)(A;;GA;;;BA)", both, read | execute), false);
  assert.equal(may("D:(A;;GR;;;BA)(A;;GX;;;RM)", both, read | execute), true);
  assert.equal(may("D:(D;;GA;;;RM)(A;;GA;;;BA)", both, write), false);
});

Deno.test("no list lets in everybody, an empty one nobody, and entries that are only inherited count for nothing", () => {
  const nobody = token([]);
  assert.equal(may("O:BA", nobody, execute), true);
  assert.equal(may("D:NO_ACCESS_CONTROL", nobody, execute), true);
  assert.equal(may("D:", token(["S-1-5-32-544"]), read), false);
  assert.equal(may("D:P", token(["S-1-5-32-544"]), read), false);
  assert.equal(may("D:(A;IO;GA;;;WD)", token(["S-1-1-0"]), read), false);
  assert.equal(may("D:(D;IO;GA;;;WD)(A;;GA;;;WD)", token(["S-1-1-0"]), read), true);
});

Deno.test("a group that can only refuse gives nothing", () => {
  const limited = token(["S-1-1-0"], ["S-1-5-32-544"]);
  assert.equal(may("D:(A;;GA;;;BA)", limited, read), false);
  assert.equal(may("D:(D;;GR;;;BA)(A;;GA;;;WD)", limited, read), false);
  assert.equal(may("D:(D;;GR;;;BA)(A;;GA;;;WD)", limited, write), true);
});

Deno.test("a setting of RootSDDL is one that means what it says", () => {
  const RootSDDL = "D:(A;;GA;;;RM)";
  assert.equal(resolveServiceSettings({ RootSDDL }).RootSDDL, RootSDDL);
  for (const bad of ["D:(A;;GA;;;XY)", "D:(D;;FA;;;WD)(A;;GA;;;BA)", "BA", 5, true]) {
    assert.throws(() => resolveServiceSettings({ RootSDDL: bad }), { code: "BadSetting" });
  }
});
