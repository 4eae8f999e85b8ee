/** `drover daemon` as a process of its own: what it tells systemd, reads again, logs, and does with signals. */
import assert from "node:assert/strict";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { account, start, startService, until } from "../cli/drover.ts";
import { lines } from "./children.ts";

/** A datagram socket, which only other programs have here: prints each datagram as a line of JSON. */
const receiver = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1) if sys.argv[1][0] == "@" else sys.argv[1])
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

interface Life extends AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly url: string;
  readonly log: string[];
  ask(method: string, path: string, body?: unknown): Promise<Response>;
  end(): Promise<number>;
}

async function life(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Life> {
  const process = start(
    ["daemon", "--api", "127.0.0.1:0", "--store", `${folder}/drover.db`, ...args, ...account()],
    { env },
  );
  const log: string[] = [];
  const logged = (async () => {
    let text = "";
    for await (const chunk of process.stderr.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split("\n");
      text = parts.pop()!;
      log.push(...parts);
    }
  })();
  const said = lines(process);
  const first = await said.next();
  const url = /^Listening on (\S+)/.exec(first.value ?? "")?.[1];
  if (url === undefined) throw new Error(`the daemon did not start: ${log.join("\n")}`);
  const drained = (async () => {
    for await (const _ of said);
  })();
  const token = (await Deno.readTextFile(`${folder}/daemon.token`)).trim();
  let ended: Promise<number> | undefined;
  const end = () =>
    ended ??= (async () => {
      const { code } = await process.status;
      await Promise.all([logged, drained]);
      return code;
    })();
  return {
    process,
    url,
    log,
    ask: (method, path, body) =>
      fetch(`${url}${path}`, {
        method,
        headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    end,
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await end();
    },
  };
}

async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "drover-operation-" });
  await Deno.chmod(path, 0o700);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

for (const kind of ["path", "abstract"] as const) {
  Deno.test(`systemd hears at a socket (${kind}) that it is ready, lives, reads again and stops`, async () => {
    await using folder = await temporaryFolder();
    const socket = kind === "path" ? `${folder.path}/notify` : `@drover-test-${crypto.randomUUID()}`;
    const python = new Deno.Command("python3", { args: ["-c", receiver, socket], stdout: "piped" }).spawn();
    const heard = lines(python);
    try {
      const next = async () => JSON.parse((await heard.next()).value!) as string;
      assert.equal(await next(), "bound");
      const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
      const file = `${folder.path}/hosts.txt`;
      await Deno.writeTextFile(file, "a\n");
      await using daemon = await life(folder.path, ["-i", file], env);
      assert.equal(await next(), `READY=1\nSTATUS=listening on ${daemon.url}, 1 hosts`);
      for (let n = 0; n < 3; n++) assert.equal(await next(), "WATCHDOG=1");
      const other = async () => {
        for (;;) {
          const text = await next();
          if (text !== "WATCHDOG=1") return text;
        }
      };
      daemon.process.kill("SIGHUP");
      const [, microseconds] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(await other())!;
      const uptime = Number((await Deno.readTextFile("/proc/uptime")).split(" ")[0]);
      assert.ok(Math.abs(Number(microseconds) / 1e6 - uptime) < 30, `${microseconds} at ${uptime} s`);
      assert.match(await other(), /^READY=1\n/);
      daemon.process.kill("SIGTERM");
      assert.match(await other(), /^STOPPING=1\n/);
      assert.equal(await other(), "STATUS=stopped: nothing was running");
      assert.equal(await daemon.end(), 0);
    } finally {
      python.kill("SIGKILL");
      await python.status;
      await heard.return(undefined);
    }
  });
}

Deno.test("the inventory is read again when it changes and with SIGHUP; a broken one changes nothing and is told", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/hosts.yml`;
  const accounts = `${folder.path}/accounts.json`;
  const write = async (hosts: string) => {
    // As editors do it: a new file in the old one's place.
    await Deno.writeTextFile(`${file}.new`, hosts);
    await Deno.rename(`${file}.new`, file);
  };
  await write("all: {hosts: {a: , b: }}");
  await Deno.writeTextFile(accounts, '{"credentials":[]}', { mode: 0o600 });
  await using daemon = await life(folder.path, [
    "-i",
    file,
    "--credentials",
    accounts,
    "--log-format",
    "json",
  ]);
  const names = async () => {
    const { items } = await (await daemon.ask("GET", "/v1/hosts")).json() as { items: { name: string }[] };
    return items.map(({ name }) => name).join();
  };
  assert.equal(await names(), "a,b");
  await write("all: {hosts: {b: , c: , d: }}");
  await until(async () => await names() === "b,c,d");
  const logged = (text: string) =>
    daemon.log.filter((line) => line.includes(text)).map((line) => JSON.parse(line));
  await until(() => logged("was read again").length > 0);
  const [line] = logged("was read again");
  assert.deepEqual([line.level, line.added, line.removed, line.changed], ["info", 2, 1, 0]);
  await write("all: {hosts: [");
  await until(() => logged("cannot be used").length > 0);
  assert.equal(logged("cannot be used")[0].level, "error");
  assert.equal(await names(), "b,c,d");
  const metrics = await (await daemon.ask("GET", "/metrics")).text();
  assert.match(metrics, /^drover_reloads_total\{file="inventory",outcome="failed"\} [1-9]\d*$/m);
  assert.equal(
    (await fetch(`${daemon.url}/readyz`).then(async (answer) => [answer.status, await answer.text()]))[0],
    200,
  );
  await Deno.writeTextFile(accounts, "{}");
  await Deno.remove(file);
  daemon.process.kill("SIGHUP");
  await until(() => logged("the file of accounts cannot be used").length > 0);
  assert.equal(await names(), "b,c,d");
});

Deno.test("SIGHUP reads the certificate again; a broken one changes nothing and is told", async () => {
  await using folder = await temporaryFolder();
  const [certFile, keyFile] = [`${folder.path}/cert.pem`, `${folder.path}/key.pem`];
  const renew = async () => {
    const { certificate, key } = await createSelfSigned(["127.0.0.1"], Date.now());
    await Deno.writeTextFile(certFile, certificate);
    await Deno.writeTextFile(keyFile, key, { mode: 0o600 });
    return certificate;
  };
  const status = async (ca: string) => {
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const answer = await fetch(`${daemon.url}/healthz`, { client }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status;
  };
  const first = await renew();
  await using daemon = await life(folder.path, ["--tls-cert", certFile, "--tls-key", keyFile]);
  assert.equal(await status(first), 200);
  const second = await renew();
  assert.equal(await status(second), undefined, "nobody has asked for it yet");
  daemon.process.kill("SIGHUP");
  await until(async () => await status(second) === 200);
  assert.equal(await status(first), undefined);
  await Deno.writeTextFile(certFile, first);
  daemon.process.kill("SIGHUP");
  await until(() => daemon.log.some((line) => line.includes("the certificate of the API cannot be used")));
  assert.equal(await status(second), 200);
});

Deno.test("SIGTERM lets what runs end; a second one stops it; the report is a line of the log, and the exit code 0", async () => {
  await using folder = await temporaryFolder();
  await using service = await startService();
  const file = `${folder.path}/hosts.txt`;
  await Deno.writeTextFile(file, `127.0.0.1:${service.ports[0]}\n`);
  const state = `${folder.path}/go`;
  const running = async (daemon: Life, command: string) => {
    const made = await daemon.ask("POST", "/v1/jobs", { hosts: "all", command });
    const { id } = await made.json() as { id: string };
    assert.equal(made.status, 202);
    await until(async () => {
      const { stdoutBytes } =
        await (await daemon.ask("GET", `/v1/jobs/${id}/hosts/127.0.0.1:${service.ports[0]}`))
          .json() as { stdoutBytes: number };
      return stdoutBytes > 0;
    });
  };
  const args = [
    "-i",
    file,
    "--auth",
    "ntlm",
    "--trust",
    "127.0.0.1",
    "--log-format",
    "json",
    "--drain",
    "300",
  ];
  const report = (daemon: Life) => {
    const { jobsDone, hostsEnded, hostsStopped, jobsLeft } = JSON.parse(daemon.log.at(-1)!);
    return { jobsDone, hostsEnded, hostsStopped, jobsLeft };
  };
  {
    await using daemon = await life(folder.path, args);
    await running(daemon, `echo began; while [ ! -e ${state} ]; do sleep 0.05; done`);
    daemon.process.kill("SIGTERM");
    await until(() => daemon.log.some((line) => line.includes("stopping")));
    await Deno.writeTextFile(state, "");
    assert.equal(await daemon.end(), 0);
    assert.deepEqual(report(daemon), { jobsDone: 1, hostsEnded: 1, hostsStopped: 0, jobsLeft: 0 });
  }
  {
    await using daemon = await life(folder.path, args);
    await running(daemon, "echo began; sleep 300");
    daemon.process.kill("SIGINT");
    await until(() => daemon.log.some((line) => line.includes("stopping")));
    // One key press may arrive twice; a second press is what comes later.
    daemon.process.kill("SIGINT");
    // The daemon took the first before it said so; one that comes when it has ended would end it once more.
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    daemon.process.kill("SIGINT");
    await until(() => daemon.log.some((line) => line.includes("a second signal came")));
    assert.equal(await daemon.end(), 0);
    assert.deepEqual(report(daemon), { jobsDone: 1, hostsEnded: 0, hostsStopped: 1, jobsLeft: 0 });
  }
});
