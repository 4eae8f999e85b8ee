/** Accounts of the service. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";

function accounts(): Accounts {
  const made = new Accounts();
  made.add("Administrator", new Secret("Password"), "root");
  made.add("jörg", new Secret("Grüße!"), undefined);
  return made;
}

async function verify(name: string, password: string): Promise<string> {
  return (await accounts().check(name, new Secret(password))).kind;
}

Deno.test("every way to write a name finds the account", async () => {
  for (const name of ["Administrator", "administrator", ".\\ADMINISTRATOR", "WEB01\\Administrator"]) {
    assert.equal(await verify(name, "Password"), "right", name);
    assert.equal(accounts().find(name)?.systemUser, "root", name);
    // The NT hash of "Password": [MS-NLMP] section 4.2.2.1.2 (NTOWFv1).
    assert.equal(accounts().find(name)?.ntHash?.toHex(), "a4f49c406510bdcab6824ee7c30fd852", name);
  }
  assert.equal(await verify("JÖRG", "Grüße!"), "right");
  assert.equal(accounts().find("jörg")?.systemUser, undefined);
});

Deno.test("a character that only becomes a letter in lower case is not that letter: nobody else is named so", () => {
  const made = new Accounts();
  made.add("kåte", new Secret("pw"), undefined);
  assert.equal(made.find("KÅTE")?.name, "kåte");
  // KELVIN SIGN and ANGSTROM SIGN: a realm can have a principal of that name beside the one with letters.
  assert.equal(made.find("\u212aÅTE"), undefined);
  assert.equal(made.find("K\u212bTE"), undefined);
});

Deno.test("wrong passwords and unknown names are refused", async () => {
  for (
    const [name, password] of [
      ["Administrator", "password"],
      ["Administrator", ""],
      ["nobody", "Password"],
      ["nobody", ""],
      ["", ""],
      ["\\", "Password"],
    ] as const
  ) {
    assert.equal(await verify(name, password), "wrong");
  }
  assert.equal(accounts().find("nobody"), undefined);
});

Deno.test("accounts that cannot be are refused, without the password in the text", () => {
  const code = (name: string, password: string) => {
    try {
      accounts().add(name, new Secret(password), undefined);
    } catch (error) {
      assert.ok(error instanceof Error && !error.message.includes("hush"));
      return (error as Error & { code: string }).code;
    }
    return undefined;
  };
  assert.equal(code("", "hush"), "AccountName");
  assert.equal(code("CORP\\user", "hush"), "AccountName");
  assert.equal(code("ADMINISTRATOR", "hush"), "AccountExists");
  assert.equal(code("other", ""), "AccountPassword");
  assert.equal(code("other", "hush"), undefined);
});
