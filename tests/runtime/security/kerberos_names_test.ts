/** How accounts are named on Windows, and what principals become of that. */
import assert from "node:assert/strict";
import { principalOf } from "../../../runtime/security/kerberos/names.ts";

const realms = {
  standard: "CORP.EXAMPLE",
  names: ["CORP.EXAMPLE", "LAB.EXAMPLE", "TWIN.ONE", "TWIN.TWO"],
  domains: new Map([["labor", "LAB.EXAMPLE"], [".sub.example", "LAB.EXAMPLE"]]),
};
const none = { standard: undefined, names: [], domains: new Map() };

for (
  const [user, principal, why] of [
    ["alice", "alice", "the default realm is the library's to say"],
    ["alice@CORP.EXAMPLE", "alice@CORP.EXAMPLE", "a principal stays what it is"],
    ["alice@corp.example", "alice@CORP.EXAMPLE", "realms are known in lower case"],
    ["alice@ELSEWHERE.EXAMPLE", "alice@ELSEWHERE.EXAMPLE", "the DNS may know a KDC"],
    ["alice@mail.example", "alice@mail.example@CORP.EXAMPLE", "a user principal name"],
    ["alice@sub.example", "alice@sub.example@LAB.EXAMPLE", "the realm of its suffix knows whose it is"],
    ["CORP\\alice", "alice@CORP.EXAMPLE", "a NetBIOS name is the first label of its domain's, as a rule"],
    ["corp.example\\alice", "alice@CORP.EXAMPLE", "a domain by its DNS name"],
    ["LABOR\\alice", "alice@LAB.EXAMPLE", "where it is another, krb5.conf can say so"],
    ["sub.example\\alice", "alice@LAB.EXAMPLE", "a domain below"],
    ["TWIN\\alice", undefined, "nobody knows which of both"],
    ["WEB01\\alice", undefined, "an account of the host"],
    ["other.example\\alice", undefined, "a domain that krb5.conf does not know"],
    [".\\alice", undefined, "an account of the host"],
    ["\\alice", undefined, "no domain"],
    ["CORP\\", undefined, "no name"],
    ["CORP\\alice@LAB.EXAMPLE", undefined, "what would be another principal"],
    ["CORP\\host/web01", undefined, "what would be another principal"],
  ] as const
) {
  Deno.test(`${user} is ${principal ?? "no principal"}: ${why}`, () => {
    assert.equal(principalOf(user, realms), principal);
  });
}

Deno.test("a realm that is given is that of names without one, of domains and of suffixes, and of nothing else", () => {
  const given = (user: string) => principalOf(user, realms, "LAB.EXAMPLE");
  assert.equal(given("alice"), "alice@LAB.EXAMPLE");
  assert.equal(given("CORP\\alice"), "alice@LAB.EXAMPLE");
  assert.equal(given("WEB01\\alice"), "alice@LAB.EXAMPLE");
  assert.equal(given("alice@mail.example"), "alice@mail.example@LAB.EXAMPLE");
  assert.equal(given("alice@CORP.EXAMPLE"), "alice@CORP.EXAMPLE");
  assert.equal(given(".\\alice"), undefined);
});

Deno.test("without realms in krb5.conf names are left to the library", () => {
  assert.equal(principalOf("alice@corp.example", none), "alice@corp.example");
  assert.equal(principalOf("CORP\\alice", none), undefined);
});
