/** `kill -9` at any moment: everything acknowledged is there, nothing is there in part, and the file is whole. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openStore } from "../../../runtime/store/mod.ts";
import { allEvents, withFolder } from "./fixture.ts";

const child = fileURLToPath(new URL("./crash_child.ts", import.meta.url));
const lives = 20;

/** Lets a life write until it has acknowledged `lines` lines, kills it, and gives back what it acknowledged. */
async function liveAndDie(path: string, life: string, lines: number): Promise<string[]> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, path, life],
    stdout: "piped",
  }).spawn();
  let text = "";
  let killed = false;
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (killed || text.split("\n").length <= lines) continue;
    killed = true;
    process.kill("SIGKILL");
  }
  const { signal } = await process.status;
  assert.equal(signal, "SIGKILL");
  return text.split("\n").slice(0, -1);
}

Deno.test(`${lives} lives that are killed in the middle of writing`, () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const acknowledged: string[] = [];
    for (let life = 0; life < lives; life++) {
      acknowledged.push(...await liveAndDie(path, `life${life}`, 1 + Math.floor(Math.random() * 300)));
    }
    const store = await openStore({ path });
    try {
      assert.deepEqual(await store.check(), []);
      const kept = acknowledged.filter((line) => line.startsWith("host "));
      assert.ok(kept.length > lives, `${kept.length} hosts`);
      for (const line of kept) {
        const [, job, index, length] = line.split(" ");
        const result = store.read.jobHosts.get(job!, Number(index))!;
        assert.deepEqual([result.status, result.stdoutBytes, result.stderrBytes], [
          "succeeded",
          Number(length),
          1,
        ], line);
        const range = store.read.output.range(job!, Number(index), "stdout", 0, 1e6)!;
        const word = `${job}/${index} `;
        assert.equal(new TextDecoder().decode(range.data), word.repeat(Number(length) / word.length));
      }
      for (const line of acknowledged.filter((line) => line.startsWith("job "))) {
        assert.ok(store.read.jobs.get(line.slice(4)), line);
      }
      // No seq is missing, and what was appended together is there together.
      let seq = 0;
      const parts = new Map<string, number>();
      for (const event of allEvents(store)) {
        assert.equal(event.seq, ++seq);
        if ("index" in event) {
          const key = `${event.job}/${event.index}`;
          parts.set(key, (parts.get(key) ?? 0) + 1);
        }
      }
      assert.equal(seq, store.head);
      for (const [key, count] of parts) assert.equal(count, 3, key);
    } finally {
      await store.close();
    }
  }));
