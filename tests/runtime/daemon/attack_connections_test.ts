/** Strangers who only connect, and say nothing. */
import assert from "node:assert/strict";
import { lines } from "./children.ts";

Deno.test({
  name: "silent connections up to the limit of open files do not end the daemon, nor keep others out",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "drover-daemon-" });
    const main = new URL("../../../runtime/cli/main.ts", import.meta.url).pathname;
    const daemon = new Deno.Command("bash", {
      args: [
        "-c",
        'ulimit -n 128; exec "$@"',
        "bash",
        Deno.execPath(),
        ...["run", "-A", "--no-check", main, "daemon", "--no-inspect", "--api", "127.0.0.1:0"],
        ...["--store", `${folder}/state/drover.db`],
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let ended = false;
    void daemon.status.then(() => ended = true);
    let url = "";
    const read = (async () => {
      for await (const line of lines(daemon)) url ||= /http:\S+/.exec(line)?.[0] ?? "";
    })();
    while (url === "") await new Promise((resolve) => setTimeout(resolve, 20));
    const { hostname, port } = new URL(url);
    const silent: Deno.Conn[] = [];
    try {
      // Several times as many as it may have.
      for (let i = 0; i < 400; i++) silent.push(await Deno.connect({ hostname, port: Number(port) }));
      // They are still held from this side.
      for (let answer = ""; answer !== "ok";) {
        assert.ok(!ended, "the daemon has ended");
        answer = await fetch(`${url}/healthz`).then(async (found) => (await found.json()).status, () => "");
        if (answer === "") await new Promise((resolve) => setTimeout(resolve, 50));
      }
      daemon.kill("SIGTERM");
      assert.equal((await daemon.status).code, 0, "it ends in order, as nothing had happened");
    } finally {
      for (const each of silent) each.close();
      try {
        daemon.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await read;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
