import assert from "node:assert/strict";
import type { ProcessSnapshot } from "../../../runtime/inspection/protocol.ts";
import { inspectionView } from "../../../runtime/cli/output/inspection_view.ts";
import { account, drover, jsonLines, start, startService, until } from "./drover.ts";

const posix = { ignore: Deno.build.os === "windows" };
const uid = Deno.uid() ?? -1;
const nobody = "65534";

const tools = ["setpriv", "curl"].every((name) => {
  try {
    return Deno.statSync(`/usr/bin/${name}`).isFile;
  } catch {
    return false;
  }
});

/** The environment of processes that see only each other. */
interface Place extends Disposable {
  readonly temp: string;
  readonly env: Record<string, string>;
  readonly sockets: () => string[];
}

function place(): Place {
  const temp = Deno.makeTempDirSync({ prefix: "drover-test-" });
  return {
    temp,
    env: { TMPDIR: temp, XDG_RUNTIME_DIR: "" },
    sockets: () => {
      try {
        return [...Deno.readDirSync(`${temp}/drover-${uid}`)].map(({ name }) => name);
      } catch {
        return [];
      }
    },
    [Symbol.dispose]: () => Deno.removeSync(temp, { recursive: true }),
  };
}

/** `startService` takes no environment: it inherits ours. */
async function serviceAt(at: Place, args: readonly string[] = []) {
  const before = ["TMPDIR", "XDG_RUNTIME_DIR"].map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(at.env)) Deno.env.set(name, value);
  try {
    return await startService(args);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test({
  name: "drover inspect shows a service that runs, as text and as JSON, and the socket goes with it",
  ...posix,
  fn: async () => {
    using at = place();
    const service = await serviceAt(at);
    const { pid } = service.child;
    await until(() => at.sockets().length === 1);
    assert.deepEqual(at.sockets(), [`${pid}.sock`]);
    assert.equal((Deno.lstatSync(`${at.temp}/drover-${uid}`).mode ?? 0) & 0o777, 0o700);
    assert.equal((Deno.lstatSync(`${at.temp}/drover-${uid}/${pid}.sock`).mode ?? 0) & 0o777, 0o600);

    const json = await drover(["inspect", "--once", "--json"], at);
    assert.equal(json.code, 0, json.stderr);
    const [picture] = jsonLines(json.stdout) as unknown as [ProcessSnapshot];
    assert.equal(picture.pid, pid);
    assert.equal(picture.about, `http://127.0.0.1:${service.ports[0]}`);
    assert.ok(picture.system.actors.some(({ path }) => path.endsWith("/dispatcher")));
    assert.equal(picture.system.totals.actors, picture.system.actors.length);

    const text = await drover(["inspect", String(pid)], at);
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^drover service \d+: http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(text.stdout, / {2}dispatcher +running +0\/4k +- +0 +0 shells, 0 operations\n/);
    for (const line of text.stdout.split("\n")) assert.ok(line.length <= 80, line);

    const below = await drover(["inspect", "--path", "/nobody"], at);
    assert.deepEqual([below.code, below.stdout], [2, ""]);
    assert.match(below.stderr, /there is no actor \/nobody/);

    await service[Symbol.asyncDispose]();
    assert.deepEqual(at.sockets(), []);
    const gone = await drover(["inspect", String(pid)], at);
    assert.equal(gone.code, 2);
    assert.match(gone.stderr, new RegExp(`process ${pid} is no running drover`));
  },
});

Deno.test({
  name:
    "several processes are listed to choose from; the work of an exec is seen while it runs; dead sockets go",
  ...posix,
  fn: async () => {
    using at = place();
    await using service = await serviceAt(at);
    const host = `127.0.0.1:${service.ports[0]}`;
    const exec = start(["exec", "--hosts", host, ...account(), "--", "sleep 300"], at);
    const output = exec.output();
    let picture: ProcessSnapshot | undefined;
    await until(async () => {
      const json = await drover(["inspect", String(exec.pid), "--once", "--json"], at);
      if (json.code !== 0) return false;
      [picture] = jsonLines(json.stdout) as unknown as [ProcessSnapshot];
      return picture.system.actors.some(({ path, doing }) =>
        path.includes("/command-") && doing?.startsWith("running")
      );
    });
    assert.ok(picture);
    assert.equal(picture.about, "a command on 1 host");
    assert.match(picture.notable[0]?.doing ?? "", /^1 permits held/);
    const command = picture.system.actors.find(({ path }) => path.includes("/command-"));
    assert.match(
      command?.path ?? "",
      new RegExp(`^/fleet/${host}-\\d+/execution-\\d+/shell-\\d+/command-\\d+$`),
    );
    assert.deepEqual(command?.figures, { credit: 2 });
    assert.ok(!JSON.stringify(picture).includes("S3cret"), "no password");
    assert.ok(!JSON.stringify(picture).includes("sleep"), "no command line");

    const list = await drover(["inspect"], at);
    assert.equal(list.code, 0);
    assert.match(list.stdout, new RegExp(`^ *${service.child.pid} {2}service: .* actors$`, "m"));
    assert.match(list.stdout, new RegExp(`^ *${exec.pid} {2}exec: a command on 1 host, \\d+ actors$`, "m"));
    for (const flag of ["--json", "--once"]) {
      const { code, stdout, stderr } = await drover(["inspect", flag], at);
      assert.deepEqual([code, stdout], [2, ""], flag);
      assert.match(stderr, new RegExp(`name one of .*\\b${exec.pid} \\(exec: `));
      assert.match(stderr, new RegExp(`\\b${service.child.pid} \\(service: `));
    }

    exec.kill("SIGKILL");
    await output;
    assert.ok(at.sockets().includes(`${exec.pid}.sock`));
    assert.equal((await drover(["inspect"], at)).code, 0);
    assert.deepEqual(at.sockets(), [`${service.child.pid}.sock`]);
  },
});

Deno.test({
  name: "--no-inspect opens nothing, and where no socket can be opened the service says nothing and works",
  ...posix,
  fn: async () => {
    using at = place();
    {
      await using service = await serviceAt(at, ["--no-inspect"]);
      const { code } = await drover([
        "exec",
        "--no-inspect",
        "--hosts",
        `127.0.0.1:${service.ports[0]}`,
        ...account(),
        "--",
        "true",
      ], at);
      assert.equal(code, 0);
      assert.deepEqual(at.sockets(), []);
      const none = await drover(["inspect"], at);
      assert.deepEqual([none.code, none.stdout], [2, ""]);
    }
    Deno.writeTextFileSync(`${at.temp}/drover-${uid}`, "in the way");
    await using service = await serviceAt(at);
    const run = (env: Record<string, string>) =>
      drover(["exec", "--hosts", `127.0.0.1:${service.ports[0]}`, ...account(), "--", "true"], { env });
    const quiet = await run(at.env);
    assert.deepEqual([quiet.code, quiet.stderr], [0, ""]);
    const debug = await run({ ...at.env, DROVER_DEBUG: "1" });
    assert.match(debug.stderr, /drover: debug: open inspection: .* is no folder/);
  },
});

Deno.test({
  name: "another user can neither enter the folder nor open the socket",
  ignore: uid !== 0 || !tools,
  fn: async () => {
    using at = place();
    Deno.chmodSync(at.temp, 0o755);
    await using service = await serviceAt(at);
    await until(() => at.sockets().length === 1);
    const folder = `${at.temp}/drover-${uid}`;
    const socket = `${folder}/${service.child.pid}.sock`;
    // As somebody else, with tools that need nothing of ours.
    const asNobody = async (...args: string[]) => {
      const { code, stderr } = await new Deno.Command("setpriv", {
        args: ["--reuid", nobody, "--regid", nobody, "--clear-groups", ...args],
      }).output();
      return { code, stderr: new TextDecoder().decode(stderr) };
    };
    assert.equal((await asNobody("true")).code, 0);
    assert.match((await asNobody("ls", folder)).stderr, /Permission denied/);
    assert.notEqual((await asNobody("curl", "-s", "--unix-socket", socket, "http://x/")).code, 0);
    // Even where the folder stood open the socket would not.
    Deno.chmodSync(folder, 0o755);
    assert.equal((await asNobody("ls", folder)).code, 0);
    assert.equal(
      (await asNobody("curl", "-s", "--unix-socket", socket, "http://x/")).code,
      7,
      "cannot connect",
    );
    const { code } = await new Deno.Command("curl", {
      args: ["-s", "--http0.9", "--max-time", "1", "--unix-socket", socket, "http://x/"],
      stdout: "null",
    }).output();
    assert.notEqual(code, 7, "we ourselves can");
    // An open folder is not trusted any more, either.
    assert.equal((await drover(["inspect"], at)).code, 2);
  },
});

Deno.test("whatever a process says is harmless in a terminal and fits its width", () => {
  const evil = "\x1b]0;owned\x07\x1b[2J\u202e\u009b31m\r\nline two\ttab";
  const line = {
    id: 1,
    path: `/${evil}`,
    state: evil,
    mailbox: 12_345,
    capacity: 65_536,
    waiters: 1e9,
    shed: 0,
    oldestMs: 1e12,
    restarts: 1e9,
    names: [],
    doing: evil.repeat(50),
    figures: { [evil]: 1 },
    children: 0,
    hidden: 5,
  };
  const picture: ProcessSnapshot = {
    format: 1,
    version: evil,
    pid: 7,
    program: evil,
    about: evil.repeat(20),
    uptimeMs: 1e9,
    memory: 1e9,
    notable: [line],
    system: {
      path: "/",
      totals: {
        actors: 7,
        states: { [evil]: 3 },
        messages: 1,
        waiters: 1,
        shed: 0,
        restarts: 1,
        deepestMailbox: 1,
        oldestMs: 1,
      },
      actors: [
        { ...line, path: "/" },
        line,
        {
          ...line,
          path: `/${evil}/漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字`,
        },
        { ...line, path: "/other", hidden: 0 },
      ],
    },
  };
  for (const columns of [60, 80, 200]) {
    const text = inspectionView(picture, { columns });
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    for (const one of text.split("\n")) {
      const wide = [...one].filter((char) => /\p{Script=Han}/u.test(char)).length;
      assert.ok([...one].length + wide <= columns, `${columns}: ${one}`);
    }
  }
  const rows = inspectionView(picture, { columns: 80, rows: 10 }).split("\n");
  assert.ok(rows.length <= 14, "the head and what is left");
});

Deno.test("the tree is indented by what is below what, and tells how much is hidden where", () => {
  const at = (path: string, hidden: number) => ({
    id: 1,
    path,
    state: "running",
    mailbox: 0,
    capacity: 1_024,
    waiters: 0,
    shed: 0,
    oldestMs: 0,
    restarts: 0,
    names: [],
    children: 0,
    hidden,
  });
  const view = inspectionView({
    format: 1,
    version: "1",
    pid: 7,
    program: "exec",
    about: "a command on 9 hosts",
    uptimeMs: 61_000,
    memory: 100 * 1_048_576,
    notable: [],
    system: {
      path: "/",
      totals: {
        actors: 20,
        states: { running: 17, passive: 3 },
        messages: 2,
        waiters: 0,
        shed: 0,
        restarts: 1,
        deepestMailbox: 2,
        oldestMs: 1_500,
      },
      actors: [
        at("/", 14),
        at("/scheduler", 0),
        at("/fleet", 14),
        at("/fleet/web01", 2),
        at("/fleet/web01/session", 0),
        at("/fleet/web02", 0),
      ],
    },
  }, { columns: 80 });
  assert.deepEqual(view.split("\n").map((line) => line.replace(/ +running .*$/, "")), [
    "drover exec 7: a command on 9 hosts",
    "up 1 m 01 s, 100 MB, 20 actors (3 passive), 2 messages, oldest 1.5s, 1 restart",
    "",
    "ACTOR                    STATE        MAIL  OLDEST RST DOING",
    "scheduler",
    "fleet",
    "  web01",
    "    session",
    "    … 2 more",
    "  web02",
    "  … 12 more",
  ]);
});
