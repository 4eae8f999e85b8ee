import assert from "node:assert/strict";
import { until } from "../cli/drover.ts";
import { TestClient } from "./client.ts";

const cli = new URL("../../../runtime/cli/main.ts", import.meta.url).pathname;
const posix = { ignore: Deno.build.os === "windows" };

function launch(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", cli, "service", ...args],
    env: { DROVER_TEST_PW: "s3cret pw" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function firstLine(
  stream: ReadableStream<Uint8Array>,
): Promise<{ line: string; rest: Promise<string> }> {
  const reader = stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  const rest = (async () => {
    let more = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return more;
      more += value;
    }
  })();
  return { line: text.split("\n")[0]!, rest };
}

const account = ["--user", "alice", "--password-env", "DROVER_TEST_PW"];

Deno.test({
  name:
    "the first line says where it listens; SIGTERM ends it with 0 and kills what runs; the password shows nowhere",
  ...posix,
  fn: async () => {
    const child = launch([
      "--listen",
      "http://127.0.0.1:0",
      "--listen",
      "https://127.0.0.1:0",
      "--auth",
      "basic,negotiate",
      "--allow-unencrypted",
      ...account,
    ]);
    const errors = child.stderr.text();
    const { line, rest } = await firstLine(child.stdout);
    const match =
      /^Listening on http:\/\/127\.0\.0\.1:(\d+)\/wsman \(basic, negotiate\), https:\/\/127\.0\.0\.1:\d+\/wsman \(basic, negotiate; thumbprint [0-9A-F]{40}\)$/
        .exec(line);
    assert.ok(match, line);
    const client = new TestClient(`http://127.0.0.1:${match[1]}/wsman`, "alice", "s3cret pw");
    const shell = await client.open();
    const environment = await client.run(shell, "env");
    assert.ok(!environment.stdout.includes("s3cret"));
    const command = await client.start(shell, "sleep 300 & echo $!; wait");
    const pid = (await client.receive(shell, command)).stream("stdout").trim();
    const wrong = new TestClient(`http://127.0.0.1:${match[1]}/wsman`, "alice", "wr0ng");
    await assert.rejects(wrong.open(), /401/);
    child.kill("SIGTERM");
    const { code } = await child.status;
    assert.equal(code, 0);
    // What was killed may take a moment to die.
    await until(async () => {
      const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
      return status === "" || /^State:\s+Z/m.test(status);
    });
    const all = line + await rest + await errors;
    assert.ok(!all.includes("s3cret") && !all.includes("wr0ng"));
    assert.match(all, /logon failed for alice/);
  },
});

Deno.test({
  name: "wrong usage ends with 2 and says what is wrong",
  ...posix,
  fn: async () => {
    const cases: [readonly string[], RegExp][] = [
      [account, /--listen/],
      [["--listen", "ftp://x", ...account], /http:\/\/ADDRESS:PORT/],
      [
        ["--listen", "http://127.0.0.1:0", "--user", "a", "--password-env", "NOT_SET_ANYWHERE"],
        /NOT_SET_ANYWHERE is not set/,
      ],
      [
        ["--listen", "http://127.0.0.1:0", "--set", "maxshellsperuser=3", ...account],
        /did you mean MaxShellsPerUser/,
      ],
      [["--listen", "http://127.0.0.1:0", "--auth", "basic", ...account], /AllowUnencrypted is false/],
      [["--listen", "https://127.0.0.1:0", "--cert", "x.pem", ...account], /go together/],
      [["--listen", "http://127.0.0.1:0", "--user", "a"], /either --password-env or --password-stdin/],
      [["--listen", "http://127.0.0.1:0", "--password-stdin", ...account], /either/],
      [["--listen", "http://127.0.0.1:0", "--user", "a", "--password-stdin"], /the password is empty/],
    ];
    for (const [args, text] of cases) {
      const { code, stderr } = await launch(args).output();
      assert.equal(code, 2, args.join(" "));
      assert.match(new TextDecoder().decode(stderr), text);
    }
  },
});

Deno.test({
  name: "the password can come on standard input, its first line without the line's end",
  ...posix,
  fn: async () => {
    const args = [
      "--listen",
      "http://127.0.0.1:0",
      "--auth",
      "basic",
      "--allow-unencrypted",
      "--user",
      "alice",
    ];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", cli, "service", ...args, "--password-stdin"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode("s3cret p"));
    await input.write(new TextEncoder().encode("w\r\nmore\n"));
    const { line, rest } = await firstLine(child.stdout);
    const port = /:(\d+)\/wsman/.exec(line)?.[1];
    const client = new TestClient(`http://127.0.0.1:${port}/wsman`, "alice", "s3cret pw");
    assert.equal((await client.run(await client.open(), "echo in")).stdout, "in\n");
    await input.close().catch(() => {});
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await rest;
  },
});
