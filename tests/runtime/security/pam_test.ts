/** PAM, with real modules: services in a folder of the test's, and a user of the system where the test may make one. */
import assert from "node:assert/strict";
import { Pam } from "../../../ffi/pam.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { currentUser } from "../../../runtime/os/users.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { PamPasswords } from "../../../runtime/security/pam_passwords.ts";
import type { LogonAccount, LogonAccounts } from "../../../runtime/security/passwords.ts";

const missing = reasonToLeaveOut();
if (missing !== undefined) console.warn(`PAM is not tested: ${missing}`);
const ignore = missing !== undefined;
const mayAddUsers = !ignore && Deno.uid() === 0 && hasProgram("useradd") && hasProgram("chpasswd");
if (!ignore && !mayAddUsers) {
  console.warn("pam_unix is not tested: that needs root, useradd and chpasswd");
}

function reasonToLeaveOut(): string | undefined {
  try {
    Pam.load();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function hasProgram(name: string): boolean {
  return ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

async function run(program: string, args: string[], input = ""): Promise<void> {
  for (const until = performance.now() + 60_000;;) {
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "null", stderr: "piped" })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    // Only one program at a time may change the system's users: another run of the tests may be about it.
    if (code === 0 || !/lock/.test(said) || performance.now() > until) return assert.equal(code, 0, said);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function withServices(
  services: Readonly<Record<string, string>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "drover-pam-" });
  try {
    for (const [name, lines] of Object.entries(services)) {
      await Deno.writeTextFile(`${folder}/${name}`, lines);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const permit = "auth required pam_permit.so\naccount required pam_permit.so\n";

async function verdict(
  folder: string,
  service: string,
  user: string,
  password: string,
  accounts?: LogonAccounts,
) {
  const pam = new PamPasswords(accounts ?? new Accounts(), { service, configuration: folder });
  return await pam.check(user, new Secret(password), "10.0.0.1");
}

Deno.test({
  name:
    "PAM's service decides, first of the password and then of the account; who is let in must be a system user",
  ignore,
  fn: () =>
    withServices({
      permit,
      deny: "auth required pam_deny.so\naccount required pam_permit.so\n",
      expired: "auth required pam_permit.so\naccount required pam_deny.so\n",
    }, async (folder) => {
      const me = currentUser().name;
      const let_in = await verdict(folder, "permit", `ANY\\${me.toUpperCase()}`, "x");
      assert.equal(let_in.kind, "right");
      assert.ok(let_in.kind === "right" && let_in.account.systemUser === me && let_in.account.name === me);
      assert.equal((await verdict(folder, "deny", me, "x")).kind, "wrong");
      assert.equal((await verdict(folder, "expired", me, "x")).kind, "wrong");
      const nobody = await verdict(folder, "permit", "drover-no-such-user", "x");
      assert.deepEqual(nobody, { kind: "wrong", reason: "PAM lets it in, but there is no such system user" });
      assert.equal((await verdict(folder, "permit", me, "x\0y")).kind, "wrong");
      assert.equal((await verdict(folder, "permit", me, "x".repeat(512))).kind, "wrong");
    }),
});

Deno.test({
  name: "an account of the file may be disabled for PAM, too, or run as somebody else",
  ignore,
  fn: () =>
    withServices({ permit }, async (folder) => {
      const me = currentUser().name;
      const other = { name: me, systemUser: "nobody", ntHash: undefined };
      let disabled = false;
      const accounts: LogonAccounts = {
        find: () => disabled ? undefined : other,
        isDisabled: () => disabled,
      };
      const pam = new PamPasswords(accounts, { service: "permit", configuration: folder });
      const check = () => pam.check(me, new Secret("x"), "10.0.0.1");
      assert.deepEqual(await check(), { kind: "right", account: other });
      assert.equal(pam.isCurrent(other), true);
      disabled = true;
      assert.equal((await check()).kind, "wrong");
      assert.equal(pam.isCurrent(other), false);
    }),
});

Deno.test({
  name: "an account of the file says in which groups a user of PAM is, and when that has changed",
  ignore,
  fn: () =>
    withServices({ permit }, async (folder) => {
      const me = currentUser().name;
      let known: LogonAccount = { name: me, systemUser: undefined, groups: [], ntHash: undefined };
      const accounts: LogonAccounts = { find: () => known, isDisabled: () => false };
      const pam = new PamPasswords(accounts, { service: "permit", configuration: folder });
      const first = await pam.check(me, new Secret("x"), "10.0.0.1");
      assert.ok(first.kind === "right");
      assert.deepEqual([first.account.systemUser, first.account.groups], [me, []]);
      assert.equal(pam.isCurrent(first.account), true);
      known = { ...known, groups: ["S-1-5-32-580"] };
      assert.equal(pam.isCurrent(first.account), false);
      const second = await pam.check(me, new Secret("x"), "10.0.0.1");
      assert.deepEqual(second.kind === "right" && second.account.groups, ["S-1-5-32-580"]);
    }),
});

Deno.test({
  name: "a service that PAM has no file for is refused before anything listens",
  ignore,
  fn: () =>
    withServices({}, (folder) => {
      for (const service of ["missing", "../etc/passwd", ""]) {
        assert.throws(
          () => new PamPasswords(new Accounts(), { service, configuration: folder }),
          (error: unknown) => error instanceof DroverError && error.code === "PamService",
        );
      }
      return Promise.resolve();
    }),
});

Deno.test({
  name: "pam_unix knows a system user's password, and a wrong one leaves the loop free",
  ignore: !mayAddUsers,
  fn: () =>
    withServices(
      { unix: "auth required pam_unix.so nodelay\naccount required pam_unix.so\n" },
      async (folder) => {
        const user = `drovertest${Deno.pid}`;
        await run("useradd", ["--no-create-home", user]);
        try {
          await run("chpasswd", [], `${user}:Grüße ${Deno.pid}\n`);
          assert.equal((await verdict(folder, "unix", user, `Grüße ${Deno.pid}`)).kind, "right");
          let turns = 0;
          const ticking = setInterval(() => turns++, 0);
          assert.equal((await verdict(folder, "unix", user, "wrong")).kind, "wrong");
          clearInterval(ticking);
          assert.ok(turns > 0, "the loop stood still");
          assert.equal((await verdict(folder, "unix", user, "")).kind, "wrong");
          assert.equal((await verdict(folder, "unix", "drover-no-such-user", "wrong")).kind, "wrong");
          const flood = Array.from({ length: 30 }, (_, i) => verdict(folder, "unix", user, `guess ${i}`));
          assert.deepEqual(new Set((await Promise.all(flood)).map(({ kind }) => kind)), new Set(["wrong"]));
        } finally {
          await run("userdel", [user]);
        }
      },
    ),
});
