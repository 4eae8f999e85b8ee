/** `drover exec` against `drover service`, both as processes of their own. */
import assert from "node:assert/strict";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import {
  account,
  drover,
  finish,
  gone,
  jsonLines,
  lasting,
  password,
  processWith,
  type ServiceProcess,
  start,
  startService,
  until,
} from "./drover.ts";

let shared: Promise<ServiceProcess> | undefined;
function service(): Promise<ServiceProcess> {
  return shared ??= startService();
}

async function host(): Promise<string> {
  return `127.0.0.1:${(await service()).ports[0]}`;
}

function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name, fn: body, sanitizeOps: false, sanitizeResources: false });
}

test("several words arrive as exactly these arguments, one word goes to the shell as it is", async () => {
  const words = [
    "printf",
    "[%s]\\n",
    "a b",
    "$HOME",
    "it's",
    '"q"',
    "*",
    "é☃",
    "",
    "back\\slash",
    "`x`",
    "a;b|c&d",
    "--x",
  ];
  const exact = await drover(["exec", "--hosts", await host(), ...account(), "--json", "--", ...words]);
  assert.equal(exact.code, 0, exact.stderr);
  const output = jsonLines(exact.stdout).map((line) => line["type"] === "output" ? line["data"] : "").join(
    "",
  );
  assert.equal(output, words.slice(2).map((word) => `[${word}]\n`).join(""));
  const shell = await drover([
    "exec",
    "--hosts",
    await host(),
    ...account(),
    "--json",
    "--",
    "echo $((6*7)); exit 3",
  ]);
  assert.equal(shell.code, 1);
  const lines = jsonLines(shell.stdout);
  assert.equal(lines.find((line) => line["type"] === "output")?.["data"], "42\n");
  assert.equal(lines.find((line) => line["type"] === "result")?.["exitCode"], 3);
});

test("--json has exactly the promised shape", async () => {
  const name = await host();
  const { stdout, stderr, code } = await drover([
    "exec",
    "--hosts",
    name,
    ...account(),
    "--json",
    "--",
    "echo out; echo err >&2; printf '\\377'",
  ]);
  assert.equal(code, 0, stderr);
  const lines = jsonLines(stdout);
  for (const line of lines.slice(0, -2)) {
    assert.equal(line["type"], "output");
    assert.ok("data" in line || "base64" in line);
    assert.equal(line["host"], name);
    assert.ok(line["stream"] === "stdout" || line["stream"] === "stderr");
  }
  assert.ok(lines.some((line) => line["base64"] === "/w=="), stdout);
  const result = lines.at(-2)!;
  assert.deepEqual(Object.keys(result).sort().filter((key) => key !== "error"), [
    "durationMs",
    "exitCode",
    "host",
    "logon",
    "status",
    "type",
  ]);
  const summary = lines.at(-1)!;
  assert.equal(summary["type"], "summary");
  assert.equal(summary["total"], 1);
  assert.equal(summary["succeeded"], 1);
});

test("standard input comes from a file or from drover's own, and both outputs carry 10 MB", async () => {
  const data = new Uint8Array(1_000_000).map((_, index) => 97 + index % 26);
  const file = await Deno.makeTempFile();
  await Deno.writeFile(file, data);
  try {
    const counted = await drover([
      "exec",
      "--hosts",
      await host(),
      ...account(),
      "--json",
      "--stdin",
      file,
      "--",
      "wc -c",
    ]);
    assert.match(counted.stdout, /1000000/, counted.stderr);
    const piped = await drover(
      ["exec", "--hosts", await host(), ...account(), "--json", "--stdin", "-", "--", "md5sum"],
      { stdin: data },
    );
    const expected = await new Deno.Command("md5sum", { args: [file] }).output();
    assert.match(piped.stdout, new RegExp(new TextDecoder().decode(expected.stdout).slice(0, 32)));
  } finally {
    await Deno.remove(file);
  }
  const big = await drover([
    "exec",
    "--hosts",
    await host(),
    ...account(),
    "--json",
    "--",
    "head -c 10000000 /dev/zero | tr '\\0' x; head -c 10000000 /dev/zero | tr '\\0' y >&2",
  ]);
  const lengths = { stdout: 0, stderr: 0 };
  for (const line of jsonLines(big.stdout)) {
    if (line["type"] === "output") lengths[line["stream"] as "stdout"] += String(line["data"]).length;
  }
  assert.deepEqual(lengths, { stdout: 10_000_000, stderr: 10_000_000 });
});

test("wrong usage ends with 2 and a hint, before anything is sent", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["exec", "--", "x"], /give either -i INVENTORY or --hosts/],
    [["exec", "--hosts", "a", "--nonsense", "--", "x"], /unknown option/],
    [["exec", "--hosts", "a"], /missing required argument/],
    [["exec", "-i", "/nonexistent", ...account(), "--", "x"], /nonexistent/],
    [["exec", "--hosts", "a", ...account(), "--limit", "nothing*", "--", "x"], /nothing/],
    [
      ["exec", "--hosts", "a", "--user", "u", "--password-env", "UNSET_VARIABLE", "--", "x"],
      /UNSET_VARIABLE is not set/,
    ],
    [["exec", "--hosts", "a", "--", "x"], /user name/],
    [["exec", "--hosts", "a", ...account(), "--throttle", "0", "--", "x"], /throttle/],
    [["exec", "--hosts", "a", ...account(), "--timeout", "-1", "--", "x"], /timeout/],
    [["exec", "--hosts", "a", ...account(), "--ssl", "--ca", "/nonexistent", "--", "x"], /--ca/],
    [["exec", "--hosts", "192.0.2.1", ...account(), "--", "x"], /--trust 192\.0\.2\.1/],
    [["exec", "--hosts", "192.0.2.1", ...account("--auth", "basic"), "--", "x"], /in clear/],
    [["exec", "--hosts", "a", ...account(), "--stdin", "/nonexistent", "--", "x"], /--stdin/],
    [["frobnicate"], /unknown command/],
  ];
  for (const [args, hint] of cases) {
    const { code, stderr, stdout } = await drover(args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, hint, args.join(" "));
    assert.doesNotMatch(stderr + stdout, /at file:|Uncaught/, args.join(" "));
  }
  for (const args of [["--help"], ["exec", "--help"], ["ping", "--help"], ["service", "--help"]]) {
    const { code, stdout } = await drover(args);
    assert.equal(code, 0);
    assert.match(stdout, /Examples:/);
  }
  assert.match((await drover(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
});

test("wrong passwords, dead ports and deadlines are denied, unreachable and timedOut; the password is nowhere", async () => {
  const name = await host();
  const inventory = await Deno.makeTempFile({ suffix: ".yml" });
  await Deno.writeTextFile(
    inventory,
    JSON.stringify({
      all: {
        hosts: {
          good: {},
          wrong: { ansible_password: "wrong-Passw0rd" },
          dead: { ansible_port: 1 },
        },
        vars: {
          ansible_host: "127.0.0.1",
          ansible_port: Number(name.split(":")[1]),
          ansible_winrm_scheme: "http",
          ansible_user: "demo",
          ansible_password: password,
        },
      },
    }),
  );
  try {
    const { code, stdout, stderr } = await drover([
      "exec",
      "-i",
      inventory,
      "--json",
      "--timeout",
      "5",
      "--",
      `sleep ${lasting(161.25)}`,
    ]);
    assert.equal(code, 1);
    const statuses = Object.fromEntries(
      jsonLines(stdout).filter((line) => line["type"] === "result").map((
        line,
      ) => [line["host"], line["status"]]),
    );
    assert.deepEqual(statuses, { good: "timedOut", wrong: "denied", dead: "unreachable" }, stdout + stderr);
    assert.ok(!(stdout + stderr).includes(password) && !(stdout + stderr).includes("wrong-Passw0rd"));
    await gone(lasting(161.25));
    const limited = await drover([
      "exec",
      "-i",
      inventory,
      "--limit",
      "g*:!wrong",
      "--throttle",
      "1",
      "--",
      "echo hi",
    ]);
    assert.equal(limited.code, 0, limited.stderr);
    assert.match(limited.stdout, /^good \| hi$/m);
    // Neither a terminal nor colours.
    assert.ok(!limited.stdout.includes("\x1b"));
  } finally {
    await Deno.remove(inventory);
  }
});

for (const times of [1, 2]) {
  test(`Ctrl-C ${times === 1 ? "once" : "twice within a second"} stops the commands and reports the hosts`, async () => {
    const seconds = lasting(162 + times / 10);
    const child = start(["exec", "--hosts", await host(), ...account(), "--json", "--", `sleep ${seconds}`]);
    const done = finish(child);
    await until(() => processWith(seconds));
    child.kill("SIGINT");
    if (times === 2) child.kill("SIGINT");
    const { code, stdout } = await done;
    assert.equal(code, 1);
    const lines = jsonLines(stdout);
    assert.equal(lines.find((line) => line["type"] === "result")?.["status"], "cancelled");
    assert.equal(lines.at(-1)?.["cancelled"], 1);
    await gone(seconds);
  });
}

test("a reader that goes away ends the run in order", async () => {
  const command = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `${Deno.execPath()} run -A --no-check runtime/cli/main.ts exec --hosts ${await host()} --user demo --password-env PW -- 'yes ${
        lasting(63.5)
      }' | head -1`,
    ],
    env: { PW: password },
    cwd: new URL("../../..", import.meta.url).pathname,
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr } = await command.output();
  assert.match(new TextDecoder().decode(stdout), /63\.5/);
  assert.doesNotMatch(new TextDecoder().decode(stderr), /Uncaught|at file:/);
  await gone(`yes\0${lasting(63.5)}`);
});

test("https: a self-signed certificate is refused with a hint, --cert-validation ignore goes on", async () => {
  await using secure = await startService(["--auth", "negotiate,basic"], ["https"]);
  const target = `127.0.0.1:${secure.ports[0]}`;
  const refused = await drover(["exec", "--hosts", target, ...account("--ssl"), "--json", "--", "echo hi"]);
  assert.equal(refused.code, 1);
  const error = jsonLines(refused.stdout).find((line) => line["type"] === "result")!["error"] as {
    message: string;
  };
  assert.match(error.message, /certificate/i);
  for (const auth of ["negotiate", "ntlm", "basic"]) {
    const accepted = await drover([
      "exec",
      "--hosts",
      target,
      ...account("--ssl", "--cert-validation", "ignore", "--auth", auth),
      "--",
      "echo hi",
    ]);
    assert.equal(accepted.code, 0, `${auth}: ${accepted.stdout}${accepted.stderr}`);
  }
});

test("https: --ca trusts the authority of a file, and only it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { certificate, key } = await createSelfSigned(["127.0.0.1"], Date.now());
    await Deno.writeTextFile(`${folder}/cert.pem`, certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, key);
    await using secure = await startService(
      ["--cert", `${folder}/cert.pem`, "--key", `${folder}/key.pem`],
      ["https"],
    );
    const args = ["exec", "--hosts", `127.0.0.1:${secure.ports[0]}`, ...account("--ssl")];
    const trusted = await drover([...args, "--ca", `${folder}/cert.pem`, "--", "echo hi"]);
    assert.equal(trusted.code, 0, trusted.stdout + trusted.stderr);
    assert.equal((await drover([...args, "--", "echo hi"])).code, 1);
    const pinged = await drover([
      "ping",
      `https://127.0.0.1:${secure.ports[0]}`,
      "--ca",
      `${folder}/cert.pem`,
    ]);
    assert.equal(pinged.code, 0, pinged.stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("plain HTTP to an HTTPS port says what to check", async () => {
  await using secure = await startService([], ["https"]);
  const { code, stdout } = await drover([
    "exec",
    "--hosts",
    `127.0.0.1:${secure.ports[0]}`,
    ...account(),
    "--",
    "echo",
  ]);
  assert.equal(code, 1);
  assert.match(stdout, /unreachable: .*check the port, and whether it is HTTP or HTTPS \(--ssl\)/);
});

test("ping works without and with credentials, and says what is wrong", async () => {
  const name = await host();
  const anonymous = await drover(["ping", name]);
  assert.equal(anonymous.code, 0, anonymous.stderr);
  assert.match(anonymous.stdout, new RegExp(`^${name}: .*wsman`, "m"));
  const known = await drover(["ping", name, ...account()]);
  assert.equal(known.code, 0, known.stderr);
  assert.match(known.stdout, / ms, NTLM\)$/m);
  const wrong = await drover(["ping", name, ...account()], { env: { PW: "wrong" } });
  assert.equal(wrong.code, 1);
  const basic = await drover(["ping", name, ...account(), "--auth", "basic"]);
  assert.equal(basic.code, 1);
  assert.match(basic.stderr, /does not offer Basic, but Negotiate;/);
  const dead = await drover(["ping", "127.0.0.1:1"]);
  assert.equal(dead.code, 1);
  assert.match(dead.stderr, /refused/);
});

test("--wait-timeout ends hosts whose turn does not come; --priority takes three words", async () => {
  const name = await host();
  const child = start([
    "exec",
    "--hosts",
    `${name},${name.replace("127.0.0.1", "127.0.0.2")}`,
    ...account(),
    "--throttle",
    "1",
    "--wait-timeout",
    "0.3",
    "--priority",
    "low",
    "--json",
    "--",
    `echo started; sleep ${lasting(87.5)}`,
  ]);
  child.stderr.pipeTo(new WritableStream()).catch(() => {});
  let text = "";
  let told = false;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    // The first host has its turn for as long as the second one waits, however slow the machine is.
    if (told || !text.includes("started") || !text.includes('"type":"result"')) continue;
    told = true;
    child.kill("SIGINT");
  }
  assert.equal((await child.status).code, 1);
  const results = jsonLines(text).filter((line) => line["type"] === "result");
  assert.deepEqual(results.map((line) => [line["status"], (line["error"] as { code: string }).code]), [
    ["unreachable", "NotStarted"],
    ["cancelled", "Cancelled"],
  ]);
  const wrong = await drover(["exec", "--hosts", name, ...account(), "--priority", "urgent", "--", "x"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--priority/);
});

test("the service is stopped", async () => {
  await (await service())[Symbol.asyncDispose]();
});
