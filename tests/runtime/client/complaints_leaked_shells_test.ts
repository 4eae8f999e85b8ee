/** Users' complaint about other tools: when the controller dies, its shells and what runs in them stay on the hosts for hours. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { fleet, type FleetMessage, type HostTarget, type Question } from "../../../actors/host/mod.ts";
import type { ActorRef } from "../../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../../actors/kernel/system.ts";
import { scheduler } from "../../../actors/scheduler/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { readShellInfo } from "../../../protocol/shell/mod.ts";
import { resources } from "../../../protocol/soap/mod.ts";
import { enumerate, readEnumeration } from "../../../protocol/wsman/mod.ts";
import { exchange } from "../../../actors/host/inquiry.ts";
import { Fleet } from "../../../runtime/client/fleet.ts";
import { inquire } from "../../../runtime/client/fleet_host.ts";
import { readPem, targetOf } from "../../../runtime/client/targets.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { createSystem } from "../../../runtime/system.ts";
import { createConnector } from "../../../runtime/transports/mod.ts";
import {
  account,
  drover,
  gone,
  lasting,
  password,
  processWith,
  start,
  startService,
  user,
} from "../cli/drover.ts";

/** Names of all shells at hosts, by our own Enumerate. */
class Shells implements AsyncDisposable {
  readonly #system: ActorSystem = createSystem();
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #targets: readonly HostTarget[];

  constructor(hosts: readonly string[]) {
    this.#fleet = this.#system.spawn(fleet(createConnector(), this.#system.spawn(scheduler())));
    this.#targets = inventoryFromHosts(hosts).hosts.map((host) =>
      targetOf(host, { user, password: new Secret(password) }, readPem)
    );
  }

  /** By host, sorted. */
  async names(): Promise<string[][]> {
    const question: Question<string[]> = {
      name: "enumerate shells",
      dialogue: function* () {
        const page = readEnumeration(yield* exchange({ request: enumerate(resources.shell, 100) }));
        return page.items.map((item) => readShellInfo(item).name ?? "");
      },
    };
    const parts = { system: this.#system, fleet: this.#fleet };
    const outcomes = await Promise.all(this.#targets.map((target) => inquire(parts, target, question)));
    return outcomes.map((outcome) => {
      if (outcome.kind === "failed") throw outcome.error;
      return (outcome.value as string[]).toSorted();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.shutdown();
  }
}

/** Reads from a running `drover` until `count` hosts have said that they run. */
async function runsOn(child: Deno.ChildProcess, count: number): Promise<void> {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split("running").length > count) return;
  }
  throw new Error(`it has ended: ${text}`);
}

const ownersIn = (folder: string) =>
  [...Deno.readDirSync(`${folder}/drover`)].map(({ name }) => name).filter((name) =>
    name.endsWith(".instance")
  );

Deno.test("users' complaint: leaked shells after the controller dies. The next run deletes them, and nobody else's", async () => {
  const state = await Deno.makeTempDir();
  const env = { XDG_STATE_HOME: state };
  const services = await Promise.all([startService(), startService(), startService()]);
  const hosts = services.map(({ ports }) => `127.0.0.1:${ports[0]}`);
  const at = (...indexes: number[]) => indexes.map((index) => hosts[index]!).join(",");
  const exec = (list: string, command: string) => ["exec", "--hosts", list, ...account(), "--", command];
  try {
    await using shells = new Shells(hosts);
    const dying = start(exec(at(0, 1, 2), `echo running; sleep ${lasting(93.5)}`), { env });
    dying.stderr.pipeTo(new WritableStream()).catch(() => {});
    const living = start(exec(at(0, 1, 2), `echo running; sleep ${lasting(94.5)}`), { env });
    living.stderr.pipeTo(new WritableStream()).catch(() => {});
    await Promise.all([runsOn(dying, 3), runsOn(living, 3)]);
    assert.deepEqual((await shells.names()).map(({ length }) => length), [2, 2, 2]);
    assert.equal(ownersIn(state).length, 2);

    dying.kill("SIGKILL");
    await dying.status;
    assert.ok(await processWith(lasting(93.5)), "the controller is dead, its commands are not");
    assert.deepEqual((await shells.names()).map(({ length }) => length), [2, 2, 2]);

    // A run on two of the three hosts sweeps these two, of the dead one alone.
    const next = await drover(exec(at(0, 1), "echo hello"), { env });
    assert.equal(next.code, 0, next.stderr);
    for (const host of hosts.slice(0, 2)) {
      assert.ok(next.stderr.includes(`swept 1 shell of an earlier run at ${host}`), next.stderr);
    }
    const left = await shells.names();
    assert.deepEqual(left.map(({ length }) => length), [1, 1, 2]);
    const owner = left[0]![0]!.split("-")[1];
    assert.equal(left[1]![0]!.split("-")[1], owner);
    assert.equal(left[2]!.filter((name) => name.startsWith(`drover-${owner}-`)).length, 1);
    assert.equal(ownersIn(state).length, 2, "the third host is still to be swept");

    const swept = await drover(["sweep", "--hosts", at(0, 1, 2), ...account()], { env });
    assert.deepEqual(
      [swept.code, swept.stdout, swept.stderr],
      [0, `swept 1 shell of an earlier run at ${hosts[2]}\n`, ""],
    );
    assert.deepEqual((await shells.names()).map(({ length }) => length), [1, 1, 1]);
    await gone(lasting(93.5));
    assert.ok(await processWith(lasting(94.5)), "the other run goes on");
    assert.deepEqual(ownersIn(state), [`${owner}.instance`]);

    living.kill("SIGINT");
    await living.status;
    assert.deepEqual(ownersIn(state), [], "an orderly end leaves nothing");
    assert.deepEqual((await shells.names()).map(({ length }) => length), [0, 0, 0]);
    const nothing = await drover(["sweep", "--hosts", at(0, 1, 2), ...account()], { env });
    assert.deepEqual([nothing.code, nothing.stdout], [0, "nothing to sweep\n"]);
  } finally {
    await Promise.all(services.map((service) => service[Symbol.asyncDispose]()));
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test("without a place for its notes a run works all the same, and says nothing", async () => {
  await using service = await startService();
  const args = ["exec", "--hosts", `127.0.0.1:${service.ports[0]}`, ...account(), "--", "echo hello"];
  for (const env of [{ HOME: "", XDG_STATE_HOME: "" }, { XDG_STATE_HOME: "/proc/no-such-place" }]) {
    const { code, stderr } = await drover(args, { env });
    assert.equal(code, 0, stderr);
    assert.ok(!/state|sweep|swept|permitted/i.test(stderr), stderr);
  }
});

/** A way to a service that can be broken: connections are reset, and new ones refused. */
class Way implements AsyncDisposable {
  readonly #open = new Set<Socket>();
  readonly #server: Server;

  constructor(to: number) {
    this.#server = createServer((near) => {
      const far = connect(to, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#open.add(socket);
        socket.on("error", () => {}).on("close", () => this.#open.delete(socket));
      }
      near.pipe(far);
      far.pipe(near);
    });
  }

  /** Listens at `port`, 0: any. The port. */
  async open(port: number): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open) socket.resetAndDestroy();
    await closed;
  }
}

Deno.test("an orderly end that could not delete a shell leaves its note, and the next run deletes it", async () => {
  const stateDir = await Deno.makeTempDir();
  await using service = await startService();
  const notes = () => [...Deno.readDirSync(stateDir)].length;
  try {
    const way = new Way(service.ports[0]!);
    const port = await way.open(0);
    const options = { hosts: [`127.0.0.1:${port}`], user, password, stateDir };
    await using shells = new Shells([`127.0.0.1:${service.ports[0]}`]);
    {
      await using fleet = new Fleet(options);
      let status: string | undefined;
      for await (const event of fleet.run(`echo running; sleep ${lasting(92.5)}`)) {
        if (event.type === "output") await way[Symbol.asyncDispose]();
        if (event.type === "result") status = event.status;
      }
      assert.equal(status, "unknown");
      assert.equal(notes(), 1);
    }
    assert.equal((await shells.names())[0]?.length, 1, "the shell is there");
    assert.equal(notes(), 1);

    await using again = new Way(service.ports[0]!);
    await again.open(port);
    {
      await using fleet = new Fleet(options);
      assert.deepEqual(await fleet.sweep(), [{ host: options.hosts[0], shells: 1 }]);
    }
    assert.deepEqual(await shells.names(), [[]]);
    assert.equal(notes(), 0);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
