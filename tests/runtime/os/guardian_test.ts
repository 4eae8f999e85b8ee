/** The guardian: whatever the service's end, nothing that it started is left. */
import assert from "node:assert/strict";
import { own, processesWith, until } from "./process_recorder.ts";

const serviceLike = new URL("./service_like.ts", import.meta.url).pathname;

/** A command that no other run of this test on the same machine has. */
function sleep(seconds: number): string {
  return `sleep ${own(seconds)}`;
}

/** The guardians that are children of this service. */
function guardiansOf(service: Deno.ChildProcess): number[] {
  const isChild = (pid: number) => {
    try {
      return new RegExp(`^PPid:\\s${service.pid}$`, "m").test(Deno.readTextFileSync(`/proc/${pid}/status`));
    } catch {
      return false; // It ended meanwhile.
    }
  };
  return processesWith("drover-guardian").filter(isChild);
}

/** Starts a service-like process with these commands, lets `kill` end it, and waits for `left` to be empty. */
async function serviceThatDies(
  commands: readonly string[],
  waitFor: readonly string[],
  kill: (service: Deno.ChildProcess) => void,
): Promise<void> {
  const service = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", serviceLike, ...commands],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = service.stdout.getReader();
  await reader.read();
  const mark = (text: string) => text.replaceAll(" ", "\0");
  for (const text of waitFor) await until(`${text} runs`, () => processesWith(mark(text)).length > 0);
  assert.equal(guardiansOf(service).length, 1);
  kill(service);
  await service.status;
  for (const text of waitFor) await until(`${text} is gone`, () => processesWith(mark(text)).length === 0);
  await reader.cancel();
}

const options = { ignore: Deno.build.os !== "linux" };

Deno.test("a service killed with -9 leaves no command behind, escaped ones included", options, async () => {
  await serviceThatDies(
    [
      sleep(7001),
      `trap '' HUP INT TERM; ${sleep(7002)} & wait`,
      `setsid ${sleep(7003)} & ${sleep(7004)}`,
      `env -i ${sleep(7005)}`,
      `(setsid sh -c 'nohup ${sleep(7006)} >/dev/null 2>&1 &' &) ; ${sleep(7007)}`,
    ],
    [sleep(7001), sleep(7002), sleep(7003), sleep(7004), sleep(7005), sleep(7006), sleep(7007)],
    (service) => service.kill("SIGKILL"),
  );
});

Deno.test("as another account, too", { ignore: options.ignore || Deno.uid() !== 0 }, async () => {
  const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups -- ";
  await serviceThatDies(
    [`${asNobody} ${sleep(7011)}`, `${asNobody} setsid ${sleep(7012)} & ${sleep(7013)}`],
    [sleep(7011), sleep(7012), sleep(7013)],
    (service) => service.kill("SIGKILL"),
  );
});

Deno.test("a guardian that was killed is replaced", options, async () => {
  await serviceThatDies([sleep(7021)], [sleep(7021)], (service) => {
    const ours = guardiansOf(service);
    assert.equal(ours.length, 1);
    for (const pid of ours) Deno.kill(pid, "SIGKILL");
    const replaced = () => guardiansOf(service).some((pid) => !ours.includes(pid));
    // Only then does the service die.
    until("a new guardian runs", replaced).then(() => service.kill("SIGKILL"));
  });
});

Deno.test("a service killed in the middle of starting commands leaves none", options, async () => {
  const lines = Array.from(
    { length: 40 },
    (_, index) => `exec ${sleep(71)}${String(index).padStart(2, "0")}`,
  );
  const running = () => processesWith(sleep(71).replace(" ", "\0"));
  const service = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", serviceLike, ...lines],
    stdin: "null",
    stdout: "null",
  }).spawn();
  // The first ones run; the others are being started, or not yet.
  await until("some run", () => running().length > 0);
  const guardians = guardiansOf(service);
  service.kill("SIGKILL");
  await service.status;
  // The guardian's end is the moment after which nothing may run any more.
  const alive = () => processesWith("drover-guardian").filter((pid) => guardians.includes(pid));
  assert.equal(guardians.length, 1);
  await until("the guardian is done", () => alive().length === 0);
  assert.deepEqual(running(), []);
});
