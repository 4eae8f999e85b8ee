// Groups of a PAC: which count, which only refuse, and what cannot be read.
import assert from "node:assert/strict";
import { readLogonInfo } from "../../../protocol/access/mod.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { type LogonInfo, logonInfo } from "../../helpers/logon_info.ts";

/** As impacket 0.13.0 wrote it: groups 513 and 1200 of S-1-5-21-1-2-3, user 1105, one extra SID. */
const ofImpacket = Uint8Array.fromHex(
  "01100800ccccccccbc010000cccccccc7087000080a72699e279dd01ffffffffffffff7fffffffffffffff7f80a72699e279dd01" +
    "0000000000000000ffffffffffffff7f0a000a00f8db000000000000dafc0000000000009d540000000000002d8b000000000000" +
    "3e3b000000000000e7fd0000f4010000510400000102000002000000877100002000000000000000000000000000000000000000" +
    "000000000e7a000016001600c39100009c0000000000000000000000100200000000000000000000000000000000000000000000" +
    "00000000000000000100000010a0000000000000000000000000000005000000000000000500000061006c00690063006500abab" +
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" +
    "000000000000000000000000020000000102000007000000b0040000070000000000000000000000000000000b00000000000000" +
    "0b000000440052004f005600450052002e005400450053005400eeee04000000010400000000000515000000" +
    "01000000020000000300000001000000ddea0000070000000500000001050000000000051500000004000000050000000600000014050000",
);

const domain = "S-1-5-21-1-2-3";
const base: LogonInfo = { domain, user: 1105, primaryGroup: 513 };

function read(info: LogonInfo): { readonly sids: string[]; readonly denyOnly: string[] } {
  const { sids, denyOnly } = readLogonInfo(logonInfo(info));
  return { sids: [...sids].sort(), denyOnly: [...denyOnly].sort() };
}

Deno.test("what impacket has written is read: the account, its primary group, its groups and extra SIDs", () => {
  const { sids, denyOnly } = readLogonInfo(ofImpacket);
  assert.deepEqual([...sids].sort(), [
    `${domain}-1105`,
    `${domain}-1200`,
    `${domain}-513`,
    "S-1-5-21-4-5-6-1300",
  ]);
  assert.equal(denyOnly.size, 0);
});

Deno.test("the groups of the domain, of others and of the resource's domain", () => {
  assert.deepEqual(
    read({
      ...base,
      groups: [{ name: 513, attributes: 7 }, { name: 1200, attributes: 7 }],
      extraSids: [{ name: "S-1-18-1", attributes: 7 }, { name: "S-1-5-21-7-8-9-10", attributes: 0x20000007 }],
      resourceDomain: "S-1-5-21-9-9-9",
      resourceGroups: [{ name: 1300, attributes: 0x20000007 }],
      texts: ["alice", "Alice Ä.", "", "x", "yy", "zzz", "DC01", "DOM"],
    }),
    {
      sids: [
        "S-1-18-1",
        `${domain}-1105`,
        `${domain}-1200`,
        `${domain}-513`,
        "S-1-5-21-7-8-9-10",
        "S-1-5-21-9-9-9-1300",
      ],
      denyOnly: [],
    },
  );
});

Deno.test("a group that is not enabled counts for nothing, one that only refuses gives nothing", () => {
  assert.deepEqual(
    read({
      ...base,
      primaryGroup: 514,
      groups: [
        { name: 514, attributes: 0 },
        { name: 1, attributes: 3 },
        { name: 2, attributes: 0x10 },
        { name: 3, attributes: 0x14 },
      ],
    }),
    { sids: [`${domain}-1105`], denyOnly: [`${domain}-2`, `${domain}-3`] },
  );
});

Deno.test("UserFlags say whether extra SIDs and resource groups count; an account of another place is the first of them", () => {
  const more = {
    extraSids: [{ name: "S-1-5-21-7-8-9-10", attributes: 7 }],
    resourceDomain: "S-1-5-21-9-9-9",
    resourceGroups: [{ name: 1300, attributes: 7 }],
  };
  assert.deepEqual(read({ ...base, ...more, flags: 0 }).sids, [`${domain}-1105`, `${domain}-513`]);
  assert.deepEqual(read({ ...base, ...more, user: 0, flags: 0 }).sids, [
    `${domain}-513`,
    "S-1-5-21-7-8-9-10",
  ]);
});

Deno.test("whatever is cut off or promises more than there is, is refused", () => {
  const whole = logonInfo({
    ...base,
    groups: [{ name: 1, attributes: 7 }],
    extraSids: [{ name: "S-1-18-1", attributes: 7 }],
    resourceDomain: "S-1-5-21-9-9-9",
    resourceGroups: [{ name: 1300, attributes: 7 }],
  });
  const refused = (bytes: Uint8Array) =>
    assert.throws(
      () => readLogonInfo(bytes),
      (error) => error instanceof DroverError && /Malformed/.test(error.code),
    );
  for (let length = 0; length < whole.length; length++) {
    refused(whole.slice(0, length));
    // Also where the header has been fitted.
    if (length < 16) continue;
    const cut = whole.slice(0, length);
    new DataView(cut.buffer).setUint32(8, length - 16, true);
    refused(cut);
  }
  for (const at of [0, 1, 2, 3, 16]) {
    const changed = whole.slice();
    changed[at]! ^= 0xff;
    if (at === 16) changed.fill(0, 16, 20);
    refused(changed);
  }
  // GroupCount, SidCount and ResourceGroupCount.
  for (const at of [20 + 48 + 48 + 4 + 8, 20 + 48 + 48 + 4 + 8 + 4 + 4 + 4 + 16 + 16 + 4 + 40]) {
    for (const count of [0, 2, 0xffffffff]) {
      const changed = whole.slice();
      new DataView(changed.buffer).setUint32(at, count, true);
      refused(changed);
    }
  }
  refused(logonInfo({ user: 1, primaryGroup: 513 }));
  refused(logonInfo({ ...base, domain: `S-1-5${"-1".repeat(15)}` }));
  refused(logonInfo({ ...base, resourceGroups: [{ name: 1300, attributes: 7 }] }));
  refused(new Uint8Array(2 ** 20 + 1));
});
