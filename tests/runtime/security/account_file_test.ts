/** Accounts of a file: who may read it, how it is changed, and what a change does to those who have logged on. */
import assert from "node:assert/strict";
import { ntHash } from "../../../protocol/auth/mod.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import {
  type AccountRecord,
  changeAccountFile,
  readAccountFile,
} from "../../../runtime/security/account_file.ts";
import { FileAccounts } from "../../../runtime/security/file_accounts.ts";
import {
  hashPassword,
  matchesHash,
  nobodysHash,
  type PasswordHash,
} from "../../../runtime/security/password_hash.ts";
import { rememberedMs, RememberedPasswords } from "../../../runtime/security/remembered_passwords.ts";

const posix = { ignore: Deno.build.os === "windows" };

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "drover-accounts-" });
  try {
    await test(`${folder}/accounts.json`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof DroverError, String(error));
    assert.equal(error.blame, "caller");
    return error.code;
  }
  return "none";
}

/** A stand-in for hashing that can be counted: the hash says the password. */
class Counted {
  readonly asked: PasswordHash[] = [];
  readonly matches = (password: Secret, hash: PasswordHash): Promise<boolean> => {
    this.asked.push(hash);
    return Promise.resolve(hash.hash === hashOf(password.reveal()).hash);
  };
}

function hashOf(password: string): PasswordHash {
  return { ...nobodysHash, hash: new TextEncoder().encode(password.padEnd(32, "_")).toBase64() };
}

function record(name: string, password: string, more: Partial<AccountRecord> = {}): AccountRecord {
  return { name, ntHash: ntHash(new Secret(password)).toHex(), passwordHash: hashOf(password), ...more };
}

Deno.test({
  name:
    "a file that others may read or change, that is none, or that is not ours is refused before it is read",
  ...posix,
  fn: () =>
    withFolder(async (path) => {
      const code = () => codeOf(() => readAccountFile(path));
      assert.equal(await code(), "AccountFileMissing");
      await changeAccountFile(path, () => [record("alice", "pw")]);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      assert.equal((await readAccountFile(path)).accounts[0]?.name, "alice");
      for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610]) {
        await Deno.chmod(path, mode);
        assert.equal(await code(), "FileNotPrivate", mode.toString(8));
        assert.equal(await codeOf(() => changeAccountFile(path, (all) => all)), "FileNotPrivate");
      }
      await Deno.chmod(path, 0o400);
      assert.equal(await code(), "none");
      if (Deno.uid() === 0) {
        await Deno.chown(path, 65_534, 65_534);
        assert.equal(await code(), "FileNotPrivate", "another owner");
      }
    }),
});

Deno.test("what is not a file of accounts is refused, and not quoted", () =>
  withFolder(async (path) => {
    const broken: [string, RegExp][] = [
      ["hush {", /not JSON/],
      ["[]", /expected object/],
      [JSON.stringify({ version: 2, accounts: [] }), /version/],
      [JSON.stringify({ version: 1, accounts: [{ name: "Alice" }] }), /not in lower case/],
      [JSON.stringify({ version: 1, accounts: [{ name: "corp\\alice" }] }), /domain/],
      [JSON.stringify({ version: 1, accounts: [{ name: "a" }, { name: "a" }] }), /twice/],
      [JSON.stringify({ version: 1, accounts: [{ name: "a", ntHash: "hush" }] }), /accounts.0.ntHash/],
      [JSON.stringify({ version: 1, accounts: [{ name: "a", password: "hush" }] }), /accounts.0/],
      ...[{ n: 3 }, { n: 2 ** 20, r: 64 }, { n: 2 ** 20, r: 1, p: 64 }, { salt: "AA==" }, { hash: "hush" }]
        .map((
          wrong,
        ): [string, RegExp] => [
          JSON.stringify({
            version: 1,
            accounts: [{ name: "a", passwordHash: { ...nobodysHash, ...wrong } }],
          }),
          /passwordHash/,
        ]),
    ];
    for (const [text, says] of broken) {
      await Deno.writeTextFile(path, text, { mode: 0o600 });
      await assert.rejects(readAccountFile(path), (error: DroverError) => {
        assert.equal(error.code, "AccountFileMalformed", error.message);
        assert.match(error.message, says);
        assert.ok(!error.message.includes("hush"), error.message);
        return true;
      });
    }
  }));

Deno.test("changes at once are made one after the other, and a failed one changes nothing", () =>
  withFolder(async (path) => {
    await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => changeAccountFile(path, (all) => [...all, record(`user${i}`, "pw")]),
      ),
    );
    assert.equal((await readAccountFile(path)).accounts.length, 20);
    const before = await Deno.readTextFile(path);
    await assert.rejects(changeAccountFile(path, () => {
      throw new Error("no");
    }));
    assert.equal(await Deno.readTextFile(path), before);
    const left = [...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].map(({ name }) => name).sort();
    assert.deepEqual(left, ["accounts.json", "accounts.json.lock"]);
  }));

Deno.test("scrypt: a hash is that of its password alone, and says what it was made with", async () => {
  const hash = await hashPassword(new Secret("Grüße!"));
  assert.equal(await matchesHash(new Secret("Grüße!"), hash), true);
  assert.equal(await matchesHash(new Secret("Grusse!"), hash), false);
  assert.deepEqual(
    [hash.n, hash.r, hash.p],
    [nobodysHash.n, nobodysHash.r, nobodysHash.p],
    "the same work for nobody",
  );
  // RFC 7914 section 12: "password", "NaCl", N=1024, r=8, p=16.
  const known = {
    scheme: "scrypt" as const,
    n: 1024,
    r: 8,
    p: 16,
    salt: new TextEncoder().encode("NaCl").toBase64(),
    hash: Uint8Array.fromHex(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    ).toBase64(),
  };
  assert.equal(await matchesHash(new Secret("password"), known), true);
});

Deno.test("every check asks for one hash of the same cost, whoever is named", () =>
  withFolder(async (path) => {
    await changeAccountFile(path, () => [
      record("alice", "pw"),
      record("gone", "pw", { disabled: true }),
      { name: "ticket" },
    ]);
    const counted = new Counted();
    using accounts = await FileAccounts.open(path, counted);
    const cost = ({ n, r, p }: PasswordHash) => n * r * p;
    for (
      const [name, password, kind] of [
        ["alice", "pw", "right"],
        ["CORP\\ALICE", "pw", "right"],
        ["alice", "wrong", "wrong"],
        ["gone", "pw", "wrong"],
        ["ticket", "", "wrong"],
        ["nobody", "pw", "wrong"],
      ] as const
    ) {
      counted.asked.length = 0;
      assert.equal((await accounts.check(name, new Secret(password), "10.0.0.1")).kind, kind, name);
      assert.deepEqual(counted.asked.map(cost), [cost(nobodysHash)], name);
    }
    assert.equal(accounts.find("gone"), undefined);
    assert.equal(accounts.find("alice")?.ntHash?.toHex(), ntHash(new Secret("pw")).toHex());
  }));

const floods = { "one address": () => "10.6.6.6", "one IPv6 network": (i: number) => `2001:db8::${i + 1}` };
for (const [where, address] of Object.entries(floods)) {
  Deno.test(`a flood from ${where} waits for itself, is bounded, and nobody else is refused`, () =>
    withFolder(async (path) => {
      await changeAccountFile(path, () => [record("alice", "pw")]);
      const jobs: (() => void)[] = [];
      let most = 0;
      let running = 0;
      using accounts = await FileAccounts.open(path, {
        matches: async (password) => {
          most = Math.max(most, ++running);
          await new Promise<void>((resolve) => jobs.push(resolve));
          running--;
          return password.reveal() === "pw";
        },
      });
      const flood = Array.from(
        { length: 100 },
        (_, i) => accounts.check(`x${i}`, new Secret("guess"), address(i)),
      );
      const friend = accounts.check("alice", new Secret("pw"), "10.0.0.1");
      let friendDone = false;
      void friend.then(() => friendDone = true);
      for (let turns = 0; !friendDone && turns < 3; turns++) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        for (const job of jobs.splice(0)) job();
      }
      assert.equal((await friend).kind, "right", "its turn comes after one of the flood's at most");
      const settle = setInterval(() => jobs.splice(0).forEach((job) => job()), 0);
      const kinds = (await Promise.all(flood)).map(({ kind }) => kind);
      clearInterval(settle);
      assert.ok(most <= 2, `${most} at once`);
      assert.equal(kinds.filter((kind) => kind === "wrong").length, 17);
      assert.equal(kinds.filter((kind) => kind === "unchecked").length, 83);
    }));
}

Deno.test("a changed file is read again; only accounts that changed are others; a broken one changes nothing", () =>
  withFolder(async (path) => {
    await changeAccountFile(path, () => [record("alice", "old"), record("bob", "pw"), record("carol", "pw")]);
    const told: string[] = [];
    using accounts = await FileAccounts.open(path, {
      ...new Counted(),
      onReload: (error) => told.push(error instanceof DroverError ? error.code : String(error)),
    });
    const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => accounts.find(name)!) as [
      NonNullable<ReturnType<typeof accounts.find>>,
      NonNullable<ReturnType<typeof accounts.find>>,
      NonNullable<ReturnType<typeof accounts.find>>,
    ];
    await changeAccountFile(path, () => [
      record("alice", "new"),
      record("bob", "pw"),
      record("carol", "pw", { disabled: true }),
    ]);
    await accounts.reload();
    assert.deepEqual([alice, bob, carol].map((one) => accounts.isCurrent(one)), [false, true, false]);
    await Deno.writeTextFile(path, "{");
    await accounts.reload();
    assert.equal(accounts.isCurrent(bob), true);
    await Deno.remove(path);
    await accounts.reload();
    assert.equal(accounts.isCurrent(bob), true);
    assert.deepEqual(told, ["undefined", "AccountFileMalformed", "AccountFileMissing"]);
  }));

Deno.test("a file that others may read is told and not taken, and taken as soon as they may not", () =>
  withFolder(async (path) => {
    await changeAccountFile(path, () => [record("alice", "old")]);
    const told: string[] = [];
    let tell = () => {};
    using accounts = await FileAccounts.open(path, {
      ...new Counted(),
      onReload: (error) => {
        told.push(error instanceof DroverError ? error.code : String(error));
        tell();
      },
    });
    const telling = async (count: number) => {
      // The timer that looks at the file keeps nobody alive.
      const alive = setInterval(() => {}, 1_000);
      while (told.length < count) await new Promise<void>((resolve) => tell = resolve);
      clearInterval(alive);
    };
    const alice = accounts.find("alice")!;
    const text = await Deno.readTextFile(path);
    await Deno.chmod(path, 0o644);
    await telling(1);
    await Deno.writeTextFile(`${path}.next`, text.replace('"name": "alice"', '"name": "mallory"'));
    await Deno.chmod(`${path}.next`, 0o644);
    await Deno.rename(`${path}.next`, path);
    await telling(2);
    assert.equal(accounts.isCurrent(alice), true);
    assert.equal(accounts.find("mallory"), undefined);
    await Deno.chmod(path, 0o600);
    await telling(3);
    assert.notEqual(accounts.find("mallory"), undefined);
    assert.equal(accounts.isCurrent(alice), false);
    assert.deepEqual(told, ["FileNotPrivate", "FileNotPrivate", "undefined"]);
  }));

Deno.test("a right password is remembered for a minute, a wrong one never, and neither outlives a change", () =>
  withFolder(async (path) => {
    await changeAccountFile(path, () => [record("alice", "old")]);
    const counted = new Counted();
    using accounts = await FileAccounts.open(path, counted);
    let now = 0;
    const remembered = new RememberedPasswords(accounts, () => now);
    const check = async (password: string, name = "alice") =>
      (await remembered.check(name, new Secret(password), "10.0.0.1")).kind;
    const work = async (run: () => Promise<unknown>) => {
      counted.asked.length = 0;
      await run();
      return counted.asked.length;
    };
    assert.equal(
      await work(() => Promise.all([check("old"), check("old"), check("OLD\\x")])),
      2,
      "one for each password",
    );
    assert.equal(await work(async () => assert.equal(await check("old", "X\\ALICE"), "right")), 0);
    assert.equal(await work(async () => assert.equal(await check("wrong"), "wrong")), 1);
    assert.equal(await work(async () => assert.equal(await check("wrong"), "wrong")), 1);
    now = rememberedMs;
    assert.equal(await work(() => check("old")), 1);
    await changeAccountFile(path, () => [record("alice", "new")]);
    await accounts.reload();
    assert.equal(await check("old"), "wrong");
    assert.equal(await check("new"), "right");
    await changeAccountFile(path, () => [record("alice", "new", { disabled: true })]);
    await accounts.reload();
    assert.equal(await check("new"), "wrong");
    assert.ok(!Deno.inspect(remembered).includes("new"));
  }));

Deno.test("a password that was changed while it was being checked is no longer right", () =>
  withFolder(async (path) => {
    await changeAccountFile(path, () => [record("alice", "old")]);
    const hashing = Promise.withResolvers<boolean>();
    using accounts = await FileAccounts.open(path, { matches: () => hashing.promise });
    const remembered = new RememberedPasswords(accounts, () => 0);
    const checking = remembered.check("alice", new Secret("old"), "10.0.0.1");
    await changeAccountFile(path, () => [record("alice", "new")]);
    await accounts.reload();
    hashing.resolve(true);
    assert.equal((await checking).kind, "wrong");
  }));
