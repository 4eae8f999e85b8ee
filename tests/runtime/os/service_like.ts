/** A stand-in for the service, to be killed by guardian_test.ts: runs each line that it is given as an argument. */
import { createProcessHost } from "../../../runtime/os/process_host.ts";
import { run } from "./process_recorder.ts";

const host = createProcessHost();
const commands = Deno.args.map((line) => run(host, line));
await Promise.all(commands.map((command) => command.started.promise));
console.log("started");
await Promise.all(commands.map((command) => command.ending.promise));
