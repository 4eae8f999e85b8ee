// Security descriptors and access checks hold for any entries; logon information comes back as it was written.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AccessRight,
  type Ace,
  grants,
  parseSddl,
  parseSid,
  readLogonInfo,
} from "../../protocol/access/mod.ts";
import { logonInfo } from "../helpers/logon_info.ts";

const part = fc.integer({ min: 0, max: 0xffffffff });
const sid = fc.tuple(
  fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  fc.array(part, { minLength: 1, maxLength: 15 }),
)
  .map(([authority, parts]) => {
    const shown = authority > 0xffffffff
      ? `0x${authority.toString(16).padStart(12, "0").toUpperCase()}`
      : authority;
    return `S-1-${shown}-${parts.join("-")}`;
  });
const few = fc.constantFrom("S-1-1-0", "S-1-5-32-544", "S-1-5-32-580", "S-1-5-21-1-2-3-4");
const rights = fc.subarray(["GA", "GR", "GW", "GX"], { minLength: 1 });
const ace = fc.record({
  kind: fc.constantFrom("A", "D"),
  inheritOnly: fc.boolean(),
  rights,
  sid: few,
});
const wanted = fc.subarray([AccessRight.read, AccessRight.write, AccessRight.execute], { minLength: 1 })
  .map((list) => list.reduce((mask, right) => mask | right, 0));
const groups = fc.uniqueArray(few);
const token = fc.tuple(groups, groups).map(([sids, denyOnly]) => ({
  sids: new Set(sids.filter((one) => !denyOnly.includes(one))),
  denyOnly: new Set(denyOnly),
}));

type Entry = typeof ace extends fc.Arbitrary<infer T> ? T : never;

const text = (aces: readonly Entry[]) =>
  `D:${aces.map((a) => `(${a.kind};${a.inheritOnly ? "IO" : ""};${a.rights.join("")};;;${a.sid})`).join("")}`;

const bits = { GA: [0, 1, 2], GR: [0], GW: [1], GX: [2] } as const;
const rightBits = [AccessRight.read, AccessRight.write, AccessRight.execute];

Deno.test("each right is decided by the first entry that says something about it", () => {
  fc.assert(fc.property(fc.array(ace, { maxLength: 6 }), token, wanted, (aces, who, mask) => {
    const decided = rightBits.map((_, bit) =>
      aces.find((a) =>
        !a.inheritOnly && a.rights.some((right) =>
          (bits[right as keyof typeof bits] as readonly number[]).includes(bit)
        ) &&
        (who.sids.has(a.sid) || (a.kind === "D" && who.denyOnly.has(a.sid)))
      )?.kind === "A"
    );
    const expected = rightBits.every((right, bit) => (mask & right) === 0 || decided[bit]);
    assert.equal(grants(parseSddl(text(aces)), who, mask), expected);
  }));
});

Deno.test("an entry more that refuses never lets anybody in, one that allows never keeps anybody out", () => {
  const at = fc.nat({ max: 6 });
  fc.assert(
    fc.property(fc.array(ace, { maxLength: 6 }), ace, at, token, wanted, (aces, more, where, who, mask) => {
      const before = grants(parseSddl(text(aces)), who, mask);
      const after = grants(parseSddl(text(aces.toSpliced(where, 0, more))), who, mask);
      assert.ok(more.kind === "D" ? before || !after : after || !before);
    }),
  );
});

Deno.test("a SID is its own canonical text", () => {
  fc.assert(fc.property(sid, (one) => assert.equal(parseSid(one), one)));
});

Deno.test("any text is a descriptor or refused in a typed way, and what is read has whole entries", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "O:",
      "G:",
      "D:",
      "S:",
      "(",
      ")",
      ";",
      "A",
      "D",
      "AU",
      "GA",
      "GX",
      "BA",
      "P",
      "IO",
      "0x1",
      "S-1-5-18",
    ),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
    let read: readonly Ace[];
    try {
      const { dacl = [], sacl = [] } = parseSddl(pieces.join(""));
      read = [...dacl, ...sacl];
    } catch (error) {
      assert.match((error as { readonly code: string }).code, /^Sddl/);
      return;
    }
    for (const entry of read) assert.equal(parseSid(entry.sid), entry.sid);
  }));
});

Deno.test("groups come back as they were written", () => {
  const group = <T>(name: fc.Arbitrary<T>) =>
    fc.record({ name, attributes: fc.integer({ min: 0, max: 31 }) });
  const info = fc.record({
    user: fc.integer({ min: 1, max: 0xffffffff }),
    groups: fc.array(group(part), { maxLength: 5 }),
    extraSids: fc.array(group(sid), { maxLength: 5 }),
    resourceGroups: fc.array(group(part), { maxLength: 5 }),
    texts: fc.array(fc.string({ maxLength: 9 }), { maxLength: 8 }),
  });
  fc.assert(fc.property(info, (written) => {
    const [domain, resourceDomain] = ["S-1-5-21-1-2-3", "S-1-5-21-4-5-6"];
    const { sids, denyOnly } = readLogonInfo(
      logonInfo({ ...written, domain, resourceDomain, primaryGroup: 513 }),
    );
    const all = [
      ...written.groups.map(({ name, attributes }) => ({ name: `${domain}-${name}`, attributes })),
      ...written.extraSids,
      ...written.resourceGroups.map(({ name, attributes }) => ({
        name: `${resourceDomain}-${name}`,
        attributes,
      })),
    ];
    const refusing = new Set(
      all.filter(({ attributes }) => (attributes & 0x10) !== 0).map(({ name }) => name),
    );
    assert.deepEqual(denyOnly, refusing);
    const user = `${domain}-${written.user}`;
    for (const { name, attributes } of all) {
      if (name === user) continue;
      if ((attributes & 4) !== 0 && !refusing.has(name)) assert.ok(sids.has(name), name);
      if (refusing.has(name)) assert.ok(!sids.has(name), name);
    }
    assert.ok(sids.has(user));
  }));
});
