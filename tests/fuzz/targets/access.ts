/** What a PAC says of groups, and security descriptors: typed errors only, and nothing but whole SIDs comes out. @module */
import assert from "node:assert/strict";
import { decodeSid, parseSddl, parseSid, readLogonInfo } from "../../../protocol/access/mod.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { logonInfo } from "../../helpers/logon_info.ts";
import type { Target } from "../engine.ts";

const domain = "S-1-5-21-1-2-3";

/** The state that a reader reached. */
function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    // What is wrong, without the piece of the input in front of it.
    const what = /(?:begins|is|are|has|stands) [a-z ]*$/.exec(error.message)?.[0];
    return `${error.code} ${what ?? ""}`;
  }
}

/** A well-formed text without a part that would be read as zero or as another number. */
function assertSid(sid: string): void {
  assert.equal(parseSid(sid), sid, "a SID is not in its one spelling");
}

/** Logon information, and the SID that the input would be by itself. */
export const pac: Target = {
  name: "pac",
  tokens: [
    Uint8Array.fromHex("01100800cccccccc"),
    Uint8Array.fromHex("ffffffff"),
    Uint8Array.fromHex("00000000"),
    Uint8Array.fromHex("04000200"),
    Uint8Array.fromHex("010100000000000512000000"),
    Uint8Array.fromHex("0f000000010f0000000000"),
    Uint8Array.fromHex("20020000"),
    Uint8Array.fromHex("10000000"),
  ],
  seeds: () => [
    logonInfo({ domain, user: 1105, primaryGroup: 513 }),
    logonInfo({
      domain,
      user: 0,
      primaryGroup: 513,
      groups: [{ name: 513, attributes: 7 }, { name: 1200, attributes: 0x10 }],
      extraSids: [{ name: "S-1-18-1", attributes: 7 }, { name: "S-1-5-21-4-5-6-7", attributes: 7 }],
      resourceDomain: "S-1-5-21-7-8-9",
      resourceGroups: [{ name: 1300, attributes: 0x20000007 }],
      texts: ["alice", "Alice", "", "", "", "", "DC01", "DROVER"],
    }),
  ],
  run(input) {
    const groups = outcomeOf(() => {
      const { sids, denyOnly } = readLogonInfo(input);
      for (const sid of [...sids, ...denyOnly]) assertSid(sid);
      // Each takes 8 bytes at least, but for the account and its primary group.
      assert.ok(sids.size + denyOnly.size <= input.length / 8 + 2, "there are more groups than bytes");
      return `${Math.min(sids.size, 9)} ${Math.min(denyOnly.size, 9)}`;
    });
    const alone = outcomeOf(() => {
      assertSid(decodeSid(input));
      return "a SID";
    });
    return `${groups}; ${alone}`;
  },
};

/** Descriptors as an operator, or a document of Windows', writes them. */
export const sddl: Target = {
  name: "sddl",
  tokens: [
    ...[
      "O:",
      "G:",
      "D:",
      "S:",
      "(",
      ")",
      ";",
      ";;;",
      "A;",
      "D;",
      "AU;",
      "OA;",
      "XA;",
      "GA",
      "GX",
      "FA",
      "BA",
      "RM",
      "DA",
    ],
    ...["P", "AI", "IO", "CI", "0x10000000", "S-1-5-21-1-2-3-4", "NO_ACCESS_CONTROL", "-4294967296"],
  ].map(utf8),
  seeds: () => [
    utf8("O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;ER)S:P(AU;FA;GA;;;WD)(AU;SA;GWGX;;;WD)"),
    utf8("D:PAI(D;CIIO;0x90000000;;;S-1-5-21-1-2-3-512)(A;;FRFX;;;WD)"),
    utf8("D:NO_ACCESS_CONTROL"),
  ],
  run: (input) =>
    outcomeOf(() => {
      const text = new TextDecoder().decode(input);
      const { owner, group, dacl, sacl } = parseSddl(text);
      for (const sid of [owner, group]) if (sid !== undefined) assertSid(sid);
      for (const ace of [...dacl ?? [], ...sacl ?? []]) {
        assertSid(ace.sid);
        assert.ok(Number.isInteger(ace.rights) && ace.rights >= 0 && ace.rights <= 0xffffffff);
      }
      // An entry that refuses is never left out.
      assert.equal(dacl?.length ?? 0, text.match(/\([AD];/g)?.length ?? 0, "an entry is missing");
      return `${dacl === undefined ? "none" : Math.min(dacl.length, 4)} ${Math.min(sacl?.length ?? 0, 4)}`;
    }),
};
