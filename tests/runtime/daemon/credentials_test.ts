/** Credentials that a command of the operator's is asked for. */
import assert from "node:assert/strict";
import { readCredentials } from "../../../runtime/daemon/credentials.ts";
import { CredentialCommand } from "../../../runtime/daemon/credentials/command.ts";
import { HostBook } from "../../../runtime/daemon/host_book.ts";
import { redactorOfBook } from "../../../runtime/daemon/operation/daemon_log.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { password } from "../cli/drover.ts";
import { problemCode, world } from "./world.ts";

/** A program in a folder of its own, which notes what it is asked in `asked`. */
async function program(script: string): Promise<{ path: string; asked: () => string[] } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "drover-command-" });
  const path = `${folder}/get`;
  await Deno.writeTextFile(path, `#!/bin/sh\nread -r line; echo "$line" >> ${folder}/asked\n${script}\n`, {
    mode: 0o700,
  });
  return {
    path,
    asked: () => {
      try {
        return Deno.readTextFileSync(`${folder}/asked`).trim().split("\n");
      } catch {
        return [];
      }
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const question = { host: "web01", address: "10.0.0.1", port: 5985 };
const good = `echo '${JSON.stringify({ user: "demo", password })}'`;

Deno.test("a command that hangs holds up nobody for longer than one round, and one host that makes it hang only itself", async () => {
  await using hanging = await program("exec sleep 60");
  const command = new CredentialCommand([hanging.path], { timeMs: 300, atOnce: 2 });
  const all = await Promise.allSettled(Array.from({ length: 100 }, () => command.ask(question)));
  assert.ok(all.every((each) => each.status === "rejected" && each.reason.code === "CredentialsUnavailable"));
  assert.ok(hanging.asked().length <= 4, "the others were not tried");
  await using partly = await program(`case $line in *web01*) exec sleep 60;; esac\n${good}`);
  const other = new CredentialCommand([partly.path], { timeMs: 4_000, atOnce: 2 });
  const some = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => other.ask({ ...question, host: i === 3 ? "web01" : "db" })),
  );
  assert.deepEqual(some.flatMap(({ status }, i) => status === "rejected" ? [i] : []), [3]);
});

Deno.test("a password that a command has said stands in no line of the log, also when it is another one later", async () => {
  await using file = await program(
    `echo '{"user":"u","password":"'"S3cret-$(wc -l < "$(dirname "$0")/asked")"'"}'`,
  );
  const book = new HostBook(
    inventoryFromHosts(["10.0.0.1", "10.0.0.2"]),
    {},
    new CredentialCommand([file.path]),
  );
  const redact = redactorOfBook(book);
  const text = "S3cret-1 S3cret-2";
  assert.equal(redact(text), text);
  await book.prepare(["10.0.0.1"]);
  assert.equal(redact(text), "[redacted] S3cret-2");
  await book.prepare(["10.0.0.2"]);
  assert.equal(redact(text), "[redacted] [redacted]");
});

Deno.test("a command answers for one host, and every other end is that host's error", async () => {
  const ask = async (script: string, timeMs = 60_000) => {
    await using file = await program(script);
    return await new CredentialCommand([file.path], { timeMs }).ask(question);
  };
  const answer = await ask(`echo '{"user":"u","password":"p","auth":"ntlm"}'`);
  assert.ok("password" in answer);
  assert.deepEqual([answer.user, answer.password.reveal(), answer.auth], ["u", "p", "ntlm"]);
  const cases: [string, RegExp][] = [
    ["exit 3", /ended with exit code 3/],
    [`echo '{"user":"u","password":"S3cret","more":1}'`, /not of the form/],
    ["echo S3cret", /not of the form/],
    ["printf '\\377'", /not of the form/],
    ["yes S3cret", /more than 65536 bytes/],
    ["kill -9 $$", /ended by SIGKILL/],
  ];
  for (const [script, text] of cases) {
    await assert.rejects(ask(script), (error: Error & { code?: string }) => {
      assert.deepEqual(
        [error.code, text.test(error.message)],
        ["CredentialsUnavailable", true],
        error.message,
      );
      return !/S3cret/.test(error.message) && error.message.startsWith("get credentials for web01: ");
    });
  }
  // A child of it may hold its output open for long.
  await assert.rejects(ask("sleep 2", 100), /took longer than 100 ms/);
  await assert.rejects(new CredentialCommand(["/nonexistent/get"]).ask(question), {
    code: "CredentialsUnavailable",
  });
  // It may answer without reading what it is told, and end.
  await using deaf = await program("");
  await Deno.writeTextFile(deaf.path, `#!/bin/sh\nexec <&-\n${good}\n`);
  const heard = await new CredentialCommand([deaf.path]).ask(question);
  assert.equal("user" in heard && heard.user, "demo");
});

Deno.test("commands run some at once, the others wait for their turn", async () => {
  await using file = await program(
    `: > "$0.$$"; ls "$0".* | wc -l >> "$0-most"; sleep 0.05; rm "$0.$$"; ${good}`,
  );
  const command = new CredentialCommand([file.path], { atOnce: 2 });
  await Promise.all(Array.from({ length: 6 }, () => command.ask(question)));
  const most = Deno.readTextFileSync(`${file.path}-most`).trim().split("\n").map(Number);
  assert.equal(most.length, 6);
  assert.ok(most.every((count) => count <= 2), String(most));
});

Deno.test("accounts are asked for when hosts need them, once a minute, and shown to nobody", async () => {
  await using file = await program(good);
  await using w = await world({ hosts: 2, credentialCommand: new CredentialCommand([file.path]) });
  const [host] = w.hosts as [string];
  const before = await (await w.ask("GET", `/v1/hosts/${host}`)).json();
  assert.deepEqual([before.reachable, file.asked()], [true, []], "looking needs no account");
  const job = await w.submit({ command: "echo hello" });
  const results = (await w.events(job)).filter(({ type }) => type === "result");
  assert.deepEqual(results.map(({ status }) => status), ["succeeded", "succeeded"]);
  assert.deepEqual(
    file.asked().map((line) => JSON.parse(line)).sort((a, b) => a.port - b.port),
    w.hosts.map((name) => ({ host: name, address: "127.0.0.1", port: Number(name.split(":")[1]) }))
      .sort((a, b) => a.port - b.port),
  );
  for (const path of ["ping", "facts"]) {
    const answer = await w.ask("POST", `/v1/hosts/${host}/${path}`);
    assert.equal(answer.status, 200, await answer.text());
  }
  assert.equal(file.asked().length, 2);
  for (const path of ["/v1/hosts", `/v1/hosts/${host}`, "/v1/audit", `/v1/jobs/${job}`]) {
    assert.ok(!(await (await w.ask("GET", path)).text()).includes(password), path);
  }
});

Deno.test("a host whose account cannot be got has its own result; the others run", async () => {
  await using file = await program(`case "$line" in *"$(cat "$0.bad")"*) exit 7;; esac; ${good}`);
  await using w = await world({ hosts: 2, credentialCommand: new CredentialCommand([file.path]) });
  const [bad, fine] = w.hosts as [string, string];
  await Deno.writeTextFile(`${file.path}.bad`, `"host":"${bad}"`);
  const results = (await w.events(await w.submit({ command: "echo hello" })))
    .filter(({ type }) => type === "result");
  const of = (host: string) => results.find((result) => result["host"] === host) as Record<string, unknown>;
  assert.equal(of(fine)["status"], "succeeded");
  assert.equal(of(bad)["status"], "unreachable");
  assert.match(JSON.stringify(of(bad)["error"]), /CredentialsUnavailable.*exit code 7/);
  assert.equal(
    await problemCode(await w.ask("POST", `/v1/hosts/${bad}/ping`), 503),
    "CredentialsUnavailable",
  );
  assert.equal(
    (await (await w.ask("POST", `/v1/hosts/${bad}/facts`)).json()).failure.code,
    "CredentialsUnavailable",
  );
  // A failure is not remembered.
  await Deno.writeTextFile(`${file.path}.bad`, "nobody");
  assert.equal((await (await w.ask("POST", `/v1/hosts/${bad}/ping`)).json()).answered, true);
});

Deno.test("a command of the operator's file is asked for its addresses and ports only", async () => {
  await using file = await program(good);
  const folder = file.path.replace(/\/get$/, "");
  const path = `${folder}/credentials.json`;
  const service = await world({ hosts: 1 });
  await using _service = service;
  const port = Number(service.hosts[0]!.split(":")[1]);
  const write = (entry: unknown) =>
    Deno.writeTextFile(path, JSON.stringify({ credentials: [entry] }), { mode: 0o600 });
  await write({ addresses: ["127.0.0.1"], ports: [port], command: [file.path, "word"] });
  await using w = await world({ hosts: 1, credentials: readCredentials(path, { auth: "basic" }) });
  for (const [name, address] of [["mine", "127.0.0.1"], ["other", "127.0.0.2"]]) {
    const put = await w.ask("PUT", `/v1/hosts/${name}`, { body: { address, port, auth: "basic" } });
    assert.equal(put.status, 201, await put.text());
  }
  assert.equal((await (await w.ask("POST", "/v1/hosts/mine/ping")).json()).answered, true);
  assert.equal(await problemCode(await w.ask("POST", "/v1/hosts/other/ping"), 422), "CredentialsMissing");
  assert.deepEqual(file.asked().map((line) => JSON.parse(line)), [{
    host: "mine",
    address: "127.0.0.1",
    port,
  }]);
  for (
    const wrong of [
      { addresses: ["x"], command: [] },
      { addresses: ["x"], user: "u", command: ["x"] },
      { addresses: ["x"], password: "p", command: ["x"] },
      { addresses: ["x"], password: "p" },
    ]
  ) {
    await write(wrong);
    assert.throws(() => readCredentials(path, {}), { code: "CredentialsMalformed" }, JSON.stringify(wrong));
  }
});
