/** Writes to the store named on the command line until it is killed, and prints what was acknowledged. @module */
import { openStore } from "../../../runtime/store/mod.ts";
import { newJob, output, succeeded } from "./fixture.ts";

const store = await openStore({ path: Deno.args[0]! });
const life = Deno.args[1]!;
const hosts = 5000;
const encoder = new TextEncoder();
/** One write call: a line is whole, or its last part is missing. */
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

await store.write.jobs.create(newJob(life, hosts));
say(`job ${life}`);
for (let index = 0; index < hosts; index++) {
  const text = `${life}/${index} `.repeat(1 + index % 400);
  const appended = store.record([
    output(life, index, text),
    output(life, index, "e", "stderr"),
    succeeded(life, index),
  ])
    .then(() => say(`host ${life} ${index} ${text.length}`));
  // Several are on their way at once.
  if (index % 7 === 0) await appended;
}
say("end");
