/** Facts of hosts: gathered, kept, chosen by. Shells and settings: as the host says them now. */
import assert from "node:assert/strict";
import { Fleet } from "../../../mod.ts";
import { password } from "../cli/drover.ts";
import { problemCode, type World, world } from "./world.ts";

async function token(w: World, name: string, more: Record<string, unknown>): Promise<string> {
  return (await (await w.ask("POST", "/v1/tokens", { body: { name, ...more } })).json()).token;
}

async function names(w: World, query: string): Promise<string[]> {
  const answer = await w.ask("GET", `/v1/hosts?${query}`);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text).items.map(({ name }: { name: string }) => name);
}

Deno.test("facts of a host are gathered, kept with a version, and choose hosts", async () => {
  await using w = await world({ hosts: 2 });
  const [one, two] = [...w.hosts].sort() as [string, string];
  const path = `/v1/hosts/${one}/facts`;
  assert.equal(await problemCode(await w.ask("GET", path), 404), "FactsUnknown");
  const gathered = await w.ask("POST", path);
  assert.equal(gathered.status, 200);
  const document = await gathered.json();
  assert.deepEqual([document.host, document.missing, document.failure], [one, [], null]);
  const { facts } = document;
  assert.equal(facts["wsman.logon"], "Basic");
  const logonOf = async (name: string) => (await (await w.ask("GET", `/v1/hosts/${name}`)).json()).logon;
  assert.deepEqual(await logonOf(one), { mechanism: "Basic", fallback: null });
  assert.equal(await logonOf(two), null, "nobody has logged on to it yet");
  const uname = new TextDecoder().decode(new Deno.Command("uname", { args: ["-m"] }).outputSync().stdout)
    .trim();
  assert.deepEqual(
    [facts["os.architecture"], facts["os.hostName"], facts["wsman.vendor"], facts["config.MaxShellsPerUser"]],
    [uname, Deno.hostname(), "Drover", 30],
  );
  const boot = Number(/^btime (\d+)/m.exec(Deno.readTextFileSync("/proc/stat"))![1]);
  assert.equal(Date.parse(facts["os.bootTime"]), boot * 1_000);
  assert.equal(facts["limits.shells"], 30, "what was read from winrm/config is learnt");

  const kept = await w.ask("GET", path);
  const tag = kept.headers.get("ETag")!;
  assert.equal(tag, gathered.headers.get("ETag"));
  assert.deepEqual(await kept.json(), document);
  const same = await w.ask("GET", path, { headers: { "If-None-Match": tag } });
  assert.deepEqual([same.status, await same.text()], [304, ""]);

  assert.deepEqual(await names(w, "fact=config.MaxShellsPerUser=30"), [one]);
  assert.deepEqual(await names(w, `fact=os.architecture=${uname}&fact=os.hostName=*`), [one]);
  assert.deepEqual(await names(w, `fact=os.architecture=${uname}&fact=os.hostName=nobody`), []);
  assert.deepEqual(await names(w, "fact=constructor=*"), []);
  // A host that was asked later is found, too: what is in memory is kept up.
  await (await w.ask("POST", `/v1/hosts/${two}/facts`)).json();
  assert.deepEqual(await names(w, "fact=wsman.vendor=Dro*"), [one, two]);
  assert.deepEqual(await names(w, `fact=wsman.vendor=Dro*&pattern=${encodeURIComponent(two)}`), [two]);
  for (const wrong of ["fact=x", "fact==1", `fact=${"a=b&fact=".repeat(9)}a=b`]) {
    assert.equal(await problemCode(await w.ask("GET", `/v1/hosts?${wrong}`), 422), "RequestInvalid");
  }
  const { items } = await (await w.ask("GET", "/v1/audit?action=host.facts")).json();
  assert.deepEqual(items.map(({ target }: { target: string }) => target), [two, one]);
  // The shell that uname ran in is gone.
  assert.deepEqual((await (await w.ask("GET", `/v1/hosts/${one}/shells`)).json()).items, []);
});

Deno.test("facts of a host that a token may not see are not found, and gathering needs the scope run", async () => {
  await using w = await world({ hosts: 2 });
  const [mine, others] = w.hosts as [string, string];
  const half = await token(w, "half", { scope: "run", hosts: [mine] });
  const read = await token(w, "read", { scope: "read" });
  for (const host of w.hosts) await (await w.ask("POST", `/v1/hosts/${host}/facts`)).json();
  const asks: [string, string][] = [["GET", "facts"], ["POST", "facts"], ["GET", "shells"], [
    "GET",
    "settings",
  ]];
  for (const [method, path] of asks) {
    const answer = await w.ask(method, `/v1/hosts/${others}/${path}`, { token: half });
    assert.equal(await problemCode(answer, 404), "HostUnknown", path);
  }
  const seen = await (await w.ask("GET", "/v1/facts", { token: half })).json();
  assert.deepEqual(seen.items.map(({ host }: { host: string }) => host), [mine]);
  for (const [method, path] of asks.slice(1)) {
    const answer = await w.ask(method, `/v1/hosts/${mine}/${path}`, { token: read });
    assert.equal(await problemCode(answer, 403), "ScopeMissing", path);
  }
  assert.equal(await problemCode(await w.ask("POST", "/v1/facts", { token: read }), 403), "ScopeMissing");
});

Deno.test("facts of many hosts are gathered in the background, one that does not answer says why", async () => {
  await using w = await world({ hosts: 2 });
  const dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = dead.addr;
  dead.close();
  const put = await w.ask("PUT", "/v1/hosts/dead", { body: { address: "127.0.0.1", port } });
  assert.equal(put.status, 201, await put.text());
  const accepted = await w.ask("POST", "/v1/facts", { body: {} });
  assert.deepEqual([accepted.status, await accepted.json()], [202, { hosts: 3 }]);
  let items: { host: string; gatheredAt: string | null; failure: { code: string } | null }[] = [];
  // Its end is only seen by looking.
  for (let tries = 0; tries < 3_000 && items.length < 3; tries++) {
    ({ items } = await (await w.ask("GET", "/v1/facts")).json());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(
    items.map(({ host, gatheredAt, failure }) => [host, gatheredAt !== null, failure?.code]),
    // No account is for hosts of the API here.
    [...w.hosts].sort().map((host) => [host, true, undefined]).concat([[
      "dead",
      false,
      "CredentialsMissing",
    ]]),
  );
  const pages: string[] = [];
  for (let next: string | null = ""; next !== null;) {
    const page: { items: { host: string }[]; next: string | null } =
      await (await w.ask("GET", `/v1/facts?limit=1${next === "" ? "" : `&cursor=${next}`}`)).json();
    pages.push(...page.items.map(({ host }) => host));
    next = page.next;
  }
  assert.deepEqual(pages, items.map(({ host }) => host));

  // A host of the same name elsewhere has not said any of it; nor one that was removed and comes again.
  const tag = (await w.ask("GET", "/v1/hosts/dead")).headers.get("ETag")!;
  await (await w.ask("PUT", "/v1/hosts/dead", { body: { port: 1 }, headers: { "If-Match": tag } })).json();
  assert.equal(await problemCode(await w.ask("GET", "/v1/hosts/dead/facts"), 404), "FactsUnknown");
  await w.ask("DELETE", "/v1/hosts/dead", { headers: { "If-Match": "*" } });
  assert.equal(w.store.read.facts.get("dead"), undefined);
  assert.deepEqual(w.errors, []);
});

Deno.test("a host that does not answer any more keeps the facts of before, with the failure", async () => {
  await using w = await world({ hosts: 1 });
  const [host] = w.hosts as [string];
  const before = await (await w.ask("POST", `/v1/hosts/${host}/facts`)).json();
  await w.stopService();
  const after = await (await w.ask("POST", `/v1/hosts/${host}/facts`)).json();
  assert.deepEqual([after.facts, after.gatheredAt], [before.facts, before.gatheredAt]);
  assert.equal(after.failure.code, "ConnectRefused");
  for (const path of ["shells", "settings"]) {
    assert.equal(await problemCode(await w.ask("GET", `/v1/hosts/${host}/${path}`), 502), "HostFailed");
  }
});

Deno.test("shells of a host are listed with their jobs, and deleted unless a job needs them", async () => {
  await using w = await world({ hosts: 1 });
  const [host] = w.hosts as [string];
  const path = `/v1/hosts/${host}/shells`;
  const id = await w.submit({
    command: "echo ready; read line; echo $line",
    stdin: undefined,
    timeoutMs: 60_000,
  });
  const stop = new AbortController();
  const events = await w.ask("GET", `/v1/jobs/${id}/events`, { signal: stop.signal });
  for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
    if (chunk.includes(`"type":"output"`)) break;
  }
  const { items, complete } = await (await w.ask("GET", path)).json();
  assert.deepEqual([items.length, complete], [1, true]);
  const [shell] = items;
  assert.deepEqual([shell.ours, shell.job, shell.inUse, shell.owner], [true, id, true, "demo"]);
  assert.ok(shell.ageMs >= 0 && shell.idleTimeoutMs > 0 && shell.clientAddress === "127.0.0.1");
  assert.equal(await problemCode(await w.ask("DELETE", `${path}/${shell.id}`), 409), "ShellInUse");
  const foreign = await token(w, "half", { scope: "run", hosts: [host] });
  const theirs = await (await w.ask("GET", path, { token: foreign })).json();
  assert.deepEqual([theirs.items[0].ours, theirs.items[0].job], [true, null], "a job of others is not named");
  assert.equal(
    await problemCode(await w.ask("DELETE", `${path}/${shell.id}`, { token: foreign }), 403),
    "ScopeMissing",
  );
  await (await w.ask("POST", `/v1/jobs/${id}/cancel`)).json();
  await w.events(id);

  // One that somebody else has made.
  await using fleet = new Fleet({ hosts: [host], user: "demo", password, auth: "basic" });
  await fleet.host(host).openShell();
  const [other] = (await (await w.ask("GET", path)).json()).items;
  assert.deepEqual([other.name.startsWith("drover-"), other.ours, other.inUse], [true, false, false]);
  const deleted = await w.ask("DELETE", `${path}/${other.id.toLowerCase()}`);
  assert.equal(deleted.status, 204, await deleted.text());
  assert.deepEqual((await (await w.ask("GET", path)).json()).items, []);
  assert.equal(await problemCode(await w.ask("DELETE", `${path}/${other.id}`), 404), "ShellUnknown");
  assert.equal(await problemCode(await w.ask("DELETE", `${path}/x`), 404), "NotFound");
  const audit = await (await w.ask("GET", "/v1/audit?action=shell.delete")).json();
  assert.deepEqual(audit.items.map(({ outcome }: { outcome: string }) => outcome), ["unknown", "ok", "kept"]);
});

Deno.test("settings of a host are its winrm/config", async () => {
  await using w = await world({ hosts: 1 });
  const answer = await w.ask("GET", `/v1/hosts/${w.hosts[0]}/settings`);
  const { host, settings } = await answer.json();
  assert.equal(host, w.hosts[0]);
  assert.deepEqual(
    [
      settings.MaxEnvelopeSizekb,
      settings.Service.Auth.Basic,
      settings.Client.TrustedHosts,
      settings.Winrs.MaxShellsPerUser,
    ],
    [500, true, "", 30],
  );
});
