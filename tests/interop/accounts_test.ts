/**
 * Logons of curl and pywinrm at a service with a file of accounts: who guesses is slowed, and nobody else. How long anything takes is
 * not looked at but for one thing: a guess that has to wait is answered after the logons of others that came later.
 */
import assert from "node:assert/strict";
import { ntHash } from "../../protocol/auth/mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { changeAccountFile } from "../../runtime/security/account_file.ts";
import { hashPassword } from "../../runtime/security/password_hash.ts";
import { peerPresent, runPeer } from "./peers.ts";
import { ServiceProcess } from "./service_process.ts";

const right = "Pässw0rd for alice";
const other = "An0ther ßecret";

let folder: string;
let service: ServiceProcess;
Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "drover-accounts-" });
  const file = `${folder}/accounts.json`;
  const account = async (name: string, password: string) => ({
    name,
    ntHash: ntHash(new Secret(password)).toHex(),
    passwordHash: await hashPassword(new Secret(password)),
  });
  const accounts = [await account("alice", right), await account("bob", other)];
  await changeAccountFile(file, () => accounts);
  service = await ServiceProcess.startFor(["--accounts", file, "--audit", `${folder}/audit`]);
});
Deno.test.afterAll(async () => {
  const { code, log } = await service.stop();
  const audit = await Deno.readTextFile(`${folder}/audit`);
  await Deno.remove(folder, { recursive: true });
  assert.equal(code, 0);
  assert.doesNotMatch(log, /crash/);
  for (const text of [log, audit]) {
    assert.ok(!/ssw0rd|An0ther|guess \d/.test(text), "a password is in the log");
  }
});

/** Status of one request with Basic from a loopback address. */
async function curl(user: string, password: string, from: string): Promise<number> {
  const child = new Deno.Command("curl", {
    args: [
      ...["-sSk", "-K", "-", "--noproxy", "*", "--max-time", "60", "--interface", from, "--basic"],
      ...["-H", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", "<x/>"],
      ...["-o", "/dev/null", "-w", "%{http_code}", `${service.https}/wsman`],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`user = "${user}:${password}"\n`));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}

const hasCurl = await (async () => {
  try {
    return (await new Deno.Command("curl", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
})();
/** Only Linux has all of 127.0.0.0/8. */
const ignore = !hasCurl || Deno.build.os !== "linux";

Deno.test("curl guesses with Basic: slowed, while others are let in", { ignore }, async () => {
  for (let i = 0; i < 5; i++) assert.equal(await curl("alice", `guess ${i}`, "127.0.0.5"), 401);
  const order: string[] = [];
  const guess = curl("alice", "guess 6", "127.0.0.5").then((status) => order.push(`guess ${status}`));
  await Promise.all([
    curl("bob", other, "127.0.0.5").then((status) => order.push(`bob ${status}`)),
    curl("alice", right, "127.0.0.6").then((status) => order.push(`alice elsewhere ${status}`)),
  ]);
  await guess;
  assert.deepEqual(order.slice(0, 2).sort(), ["alice elsewhere 500", "bob 500"], "a fault: logged on");
  assert.equal(order[2], "guess 401");
  assert.equal(await curl("alice", right, "127.0.0.5"), 500, "the right password is only later");
  assert.equal(await curl("alice", right, "127.0.0.5"), 500);
});

for (const [transport, endpoint] of [["basic", () => service.https], ["ntlm", () => service.http]] as const) {
  Deno.test(
    `pywinrm, ${transport}: is let in with the password of the file, and not with another`,
    { ignore: !peerPresent("pywinrm") },
    async () => {
      const call = { endpoint: endpoint(), transport, user: "alice", command: "echo in" };
      const wrong = await runPeer("pywinrm", { ...call, password: "guess 9" });
      assert.match(wrong.error ?? "", /InvalidCredentials/);
      const { stdout, error } = await runPeer("pywinrm", { ...call, password: right });
      assert.equal(error, undefined);
      assert.equal(new TextDecoder().decode(stdout), "in\n");
      const records = (await Deno.readTextFile(`${folder}/audit`)).trimEnd().split("\n").map((line) =>
        JSON.parse(line)
      );
      const how = transport === "basic" ? "basic" : "negotiate";
      assert.ok(
        records.some(({ who, outcome, how: by }) => who === "alice" && outcome === "refused" && by === how),
      );
      const granted = transport === "basic" ? "basic" : "negotiate/NTLM";
      assert.ok(
        records.some(({ who, outcome, how: by }) =>
          who === "alice" && outcome === "granted" && by === granted
        ),
      );
    },
  );
}
