/** A stand-in for the service, for own_secrets_test.ts: takes its password, then lets a command look for it. */
import { ancestorsWith, closeToOthers, takeFromEnvironment } from "../../../runtime/os/own_secrets.ts";

const ancestors = ancestorsWith("KEEPER_PW");
const value = takeFromEnvironment("KEEPER_PW");
const keep = Deno.args[0] !== "open";
if (keep) closeToOthers();
const spy = new Deno.Command("/bin/sh", {
  args: [
    "-c",
    `cd /proc/${Deno.pid}; cat environ cmdline; ls fd >/dev/null && echo OPEN-FD; head -c 0 mem && echo OPEN-MEM; ` +
    "cat /proc/$$/environ; env",
  ],
}).outputSync();
console.log(JSON.stringify({ value, ancestors, seen: new TextDecoder("latin1").decode(spy.stdout) }));
