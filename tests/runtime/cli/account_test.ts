/** `drover account` and a service that follows its file, as an operator uses them. */
import assert from "node:assert/strict";
import { TestClient } from "../service/client.ts";

const cli = new URL("../../../runtime/cli/main.ts", import.meta.url).pathname;
const posix = { ignore: Deno.build.os === "windows" };

function command(args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", cli, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function account(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await command(["account", ...args, "--file", file], env).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Lines of a stream as they come, and a wait for one. */
class Lines {
  readonly all: string[] = [];
  readonly ended: Promise<void>;
  #waiting: { readonly pattern: RegExp; readonly found: (line: string) => void }[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  find(pattern: RegExp): Promise<string> {
    const known = this.all.find((line) => pattern.test(line));
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((found) => this.#waiting.push({ pattern, found }));
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (
      const piece of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    ) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        this.all.push(line);
        for (const { pattern, found } of this.#waiting) if (pattern.test(line)) found(line);
        this.#waiting = this.#waiting.filter(({ pattern }) => !pattern.test(line));
      }
    }
  }
}

/** A service that takes Basic over plain HTTP, and what it says. */
async function startService(flags: readonly string[]) {
  const basic = ["--listen", "http://127.0.0.1:0", "--auth", "basic", "--allow-unencrypted"];
  const service = command(["service", ...basic, ...flags]).spawn();
  const out = new Lines(service.stdout);
  const log = new Lines(service.stderr);
  const port = /:(\d+)\/wsman/.exec(await out.find(/^Listening/))![1];
  return { service, out, log, url: `http://127.0.0.1:${port}/wsman` };
}

Deno.test({
  name: "accounts are made, listed, changed, disabled and removed; what cannot be is said; no hash is shown",
  ...posix,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-account-" });
    const file = `${folder}/accounts.json`;
    try {
      const env = { PW: "s3cret pw" };
      assert.equal((await account(file, ["add", "Alice", "--password-env", "PW"], env)).code, 0);
      assert.equal((await account(file, ["add", "bob", "--password-env", "PW", "--no-ntlm"], env)).code, 0);
      assert.equal((await account(file, ["add", "svc", "--no-password", "--run-as", "root"])).code, 0);
      assert.equal((await account(file, ["disable", "svc"])).code, 0);
      const domain = "S-1-5-21-1-2-3-1105";
      const groups = ["add", "ops", "--no-password", "--groups", `remote management users, ${domain}`];
      assert.equal((await account(file, groups)).code, 0);
      assert.equal((await account(file, ["passwd", "bob", "--password-env", "PW"], { PW: "other" })).code, 0);
      const listed = await account(file, ["list"]);
      assert.equal(
        listed.out,
        "alice: password for ntlm and basic; Administrators\nbob: password for basic; Administrators\n" +
          "svc: no password, runs as root, disabled; Administrators\n" +
          `ops: no password; Remote Management Users, ${domain}\n`,
      );
      assert.equal((await account(file, ["groups", "ops", "--groups", "none"])).code, 0);
      assert.match((await account(file, ["list"])).out, /^ops: no password; no groups$/m);
      assert.equal((await account(file, ["enable", "svc"])).code, 0);
      assert.equal((await account(file, ["remove", "bob"])).code, 0);
      const json = (await account(file, ["list", "--json"])).out.trimEnd().split("\n").map((line) =>
        JSON.parse(line)
      );
      assert.deepEqual(json, [
        {
          name: "alice",
          runAs: null,
          disabled: false,
          passwordFor: ["ntlm", "basic"],
          groups: ["S-1-5-32-544"],
        },
        { name: "svc", runAs: "root", disabled: false, passwordFor: [], groups: ["S-1-5-32-544"] },
        { name: "ops", runAs: null, disabled: false, passwordFor: [], groups: [] },
      ]);
      const wrong: [string[], RegExp][] = [
        [["add", "ALICE", "--password-env", "PW"], /it exists; drover account passwd/],
        [["add", "CORP\\x", "--password-env", "PW"], /has a domain/],
        [["add", "x", "--password-env", "UNSET_HERE"], /UNSET_HERE is not set/],
        [["add", "x"], /no terminal/],
        [["add", "x", "--password-stdin"], /the password is empty/],
        [["disable", "nobody"], /no such account/],
        [["groups", "alice"], /--groups/],
        [["groups", "alice", "--groups", "Domain Admins"], /neither a SID nor a group of this machine/],
        [["groups", "nobody", "--groups", "none"], /no such account/],
      ];
      for (const [args, says] of wrong) {
        const { code, err } = await account(file, args, env);
        assert.equal(code, 2, args.join(" "));
        assert.match(err, says);
      }
      assert.ok(!(await Deno.readTextFile(file)).includes("s3cret"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "a running service takes changes of its file; a disabled account is out at once; the audit says so",
  ...posix,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-account-" });
    const file = `${folder}/accounts.json`;
    const audit = `${folder}/audit`;
    try {
      await account(file, ["add", "alice", "--password-env", "PW"], { PW: "old pw" });
      const { service, out, log, url } = await startService(["--accounts", file, "--audit", audit]);
      const [before, after] = ["old pw", "new pw"].map((password) =>
        new TestClient(url, "alice", password)
      ) as [
        TestClient,
        TestClient,
      ];
      assert.equal((await before.run(await before.open(), "echo in")).stdout, "in\n");
      await account(file, ["passwd", "alice", "--password-env", "PW"], { PW: "new pw" });
      await log.find(/accounts read again: 1$/);
      await assert.rejects(before.open(), /401/);
      await after.open();
      await account(file, ["disable", "alice"]);
      service.kill("SIGHUP");
      await log.find(/logon failed/);
      while (log.all.filter((line) => line.includes("accounts read again")).length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await assert.rejects(after.open(), /401/);
      await Deno.writeTextFile(file, "{");
      service.kill("SIGHUP");
      await log.find(/the accounts stay as they were: .*not JSON/);
      service.kill("SIGTERM");
      assert.equal((await service.status).code, 0);
      await Promise.all([out.ended, log.ended]);
      const records = (await Deno.readTextFile(audit)).trimEnd().split("\n").map((line) => JSON.parse(line));
      const logons = records.filter(({ event }) => event === "logon");
      assert.deepEqual(
        logons.map(({ who, how, outcome, reason }) => [who, how, outcome, reason]).filter(([, , outcome]) =>
          outcome === "refused"
        ),
        [
          ["alice", "basic", "refused", "the password is wrong"],
          ["alice", "basic", "refused", "the account is disabled"],
        ],
      );
      assert.ok(
        logons.every(({ from, time }) => /^127\.0\.0\.1:\d+$/.test(from) && !Number.isNaN(Date.parse(time))),
      );
      assert.ok(records.some(({ event }) => event === "shellOpened"));
      const said = [...out.all, ...log.all, JSON.stringify(records)].join("\n");
      assert.ok(!said.includes("old pw") && !said.includes("new pw"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "RootSDDL holds for the groups of accounts, also when they change; the audit has what it refuses",
  ...posix,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-account-" });
    const file = `${folder}/accounts.json`;
    const audit = `${folder}/audit`;
    try {
      const env = { PW: "the pw" };
      const remote = ["--password-env", "PW", "--groups", "Remote Management Users"];
      await account(file, ["add", "alice", ...remote], env);
      await account(file, ["add", "bob", "--password-env", "PW"], env);
      const { service, out, log, url } = await startService([
        "--accounts",
        file,
        "--audit",
        audit,
        "--set",
        "RootSDDL=D:(A;;GXGR;;;RM)",
      ]);
      const [alice, bob] = ["alice", "bob"].map((name) => new TestClient(url, name, "the pw")) as [
        TestClient,
        TestClient,
      ];
      assert.equal((await alice.run(await alice.open(), "echo in")).stdout, "in\n");
      await assert.rejects(bob.open(), /w:AccessDenied/);
      await account(file, ["groups", "alice", "--groups", "none"]);
      await log.find(/accounts read again: 2$/);
      await assert.rejects(alice.open(), /w:AccessDenied/);
      await log.find(/Create of alice from 127\.0\.0\.1 refused: RootSDDL does not give GX/);
      service.kill("SIGTERM");
      assert.equal((await service.status).code, 0);
      await Promise.all([out.ended, log.ended]);
      const records = (await Deno.readTextFile(audit)).trimEnd().split("\n").map((line) => JSON.parse(line));
      const refused = records.filter(({ event }) => event === "access");
      assert.deepEqual(
        refused.map(({ who, outcome, from, reason }) => [who, outcome, from, reason]),
        ["bob", "alice"].map((
          who,
        ) => [who, "refused", "127.0.0.1", "RootSDDL does not give GX for Create"]),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "a service without a file that can be trusted, or with two answers to who may log on, does not start",
  ...posix,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-account-" });
    const file = `${folder}/accounts.json`;
    try {
      await account(file, ["add", "alice", "--password-env", "PW"], { PW: "pw" });
      await Deno.chmod(file, 0o644);
      const listen = ["service", "--listen", "http://127.0.0.1:0"];
      const wrong: [string[], RegExp][] = [
        [["--accounts", file], /mode 0644.*chmod 600/],
        [["--accounts", `${folder}/none`], /no such file/],
        [["--accounts", file, "--user", "a", "--password-env", "PW"], /either --user or --accounts/],
        [["--accounts", file, "--password-env", "PW"], /no --user/],
        [[], /--user, --accounts or --pam/],
        [["--pam-service", "x", "--accounts", file], /for --pam/],
        [
          ["--pam", "--pam-service", "drover-none", "--allow-unencrypted"],
          /no \/etc\/pam\.d\/drover-none|PAM/,
        ],
      ];
      for (const [args, says] of wrong) {
        const { code, stderr } = await command([...listen, ...args], { PW: "pw" }).output();
        assert.equal(code, 2, args.join(" "));
        assert.match(new TextDecoder().decode(stderr), says);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
