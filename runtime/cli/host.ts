/** `drover host`: hosts that a running daemon knows. @module */
import { Command, InvalidArgumentError, Option } from "commander";
import { describeLogon, type LogonDocument, logonOf } from "../client/logons.ts";
import { DeniedError, DroverError, NetworkError } from "../../protocol/errors.ts";
import { addApiOptions, ApiClient, type ApiFlags } from "./api_client.ts";
import { portNumber } from "./options.ts";
import { columns } from "./output/columns.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { showDuration } from "./output/summary_table.ts";

interface HostDocument {
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
  readonly scheme: "http" | "https" | null;
  readonly auth: string | null;
  readonly groups: readonly string[];
  readonly origin: { readonly kind: string; readonly name?: string };
}

interface HostDetail extends HostDocument {
  readonly refusal: Failure | null;
  readonly logon?: LogonDocument | null;
  readonly actor: { readonly state: string; readonly work: string | null } | null;
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

interface FactsDocument {
  readonly host: string;
  readonly gatheredAt: string | null;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly missing: readonly (Failure & { readonly part: string })[];
  readonly failure: (Failure & { readonly at: string }) | null;
}

interface ShellDocument {
  readonly id: string;
  readonly name: string | null;
  readonly owner: string | null;
  readonly clientAddress: string | null;
  readonly ageMs: number | null;
  readonly inUse: boolean;
  readonly ours: boolean;
}

interface PingDocument {
  readonly answered: boolean;
  readonly vendor: string | null;
  readonly version: string | null;
  readonly durationMs: number | null;
  readonly logon?: LogonDocument | null;
  readonly error: Failure | null;
}

interface WriteFlags extends ApiFlags {
  readonly address?: string;
  readonly port?: number;
  readonly scheme?: string;
  readonly auth?: string;
  readonly group?: readonly string[];
}

/** Hosts that are pinged at once. */
const pingsAtOnce = 16;

/** The command. */
export function hostCommand(): Command {
  const command = new Command("host").summary("look at hosts of a running daemon, add them, ask them")
    .description("Hosts of a running daemon: look, add, ask what they are.")
    .addHelpText(
      "after",
      `
Examples:
  drover host list 'web*' --fact 'os.name=*2022*'
  drover host gather
  drover host add web09 --address 10.0.0.9 --group web`,
    );
  const add = (child: Command) => {
    command.addCommand(addApiOptions(child));
    return child;
  };
  add(
    new Command("list").description("List hosts, by name.")
      .argument("[pattern]", "only these, e.g. 'web*:!web07'")
      .option("--fact <key=value>", "only with this fact, * for anything; may be repeated", collectFact),
  ).action(list);
  add(new Command("show").description("Show a host, and what it does.").argument("<name>", "its name"))
    .action(show);
  add(writeOptions(new Command("add").description("Add a host; accounts for it come from --credentials.")))
    .action(
      (name: string, flags: WriteFlags) => write(name, flags, false),
    );
  add(writeOptions(new Command("set").description("Change a host that was added; the rest of it stays.")))
    .action((name: string, flags: WriteFlags) => write(name, flags, true));
  add(
    new Command("remove").description("Remove a host that was added.").argument("<name>", "its name"),
  ).action(remove);
  add(
    new Command("ping").description("Let the daemon ask hosts which service answers. Exit code 0: all did.")
      .argument("<name...>", "names"),
  ).action(ping);
  add(
    new Command("facts").description("Show what a host is, as it said when it was asked last.")
      .argument("<name>", "its name").option("--gather", "ask it now"),
  ).action(facts);
  add(
    new Command("gather").description("Ask many hosts what they are, in the background.")
      .argument("[pattern]", "hosts (default: all)"),
  ).action(gather);
  add(
    new Command("shells").description("List the shells that are open at a host.").argument(
      "<name>",
      "its name",
    )
      .option("--delete <id>", "delete this one, with all that runs in it"),
  ).action(shells);
  add(
    new Command("settings").description("Show winrm/config of a host.").argument("<name>", "its name"),
  ).action(settings);
  return command;
}

function writeOptions(command: Command): Command {
  // What `set` does not name stays as it is.
  const unless = (value: string) => command.name() === "add" ? ` (default: ${value})` : "";
  return command.argument("<name>", "its name")
    .option("--address <address>", `host name or address${unless("its name")}`)
    .option("--port <number>", `TCP port${unless("5985, with https 5986")}`, portNumber)
    .addOption(
      new Option("--scheme <scheme>", `how it is spoken to${unless("http")}`).choices(["http", "https"]),
    )
    .addOption(
      new Option("--auth <kind>", `how to log on${unless("negotiate")}`)
        .choices(["negotiate", "kerberos", "ntlm", "credssp", "digest", "basic", "certificate"]),
    )
    .option("--group <name>", "group that it is in; may be repeated", collect);
}

async function list(
  pattern: string | undefined,
  flags: ApiFlags & { readonly fact?: readonly string[] },
): Promise<void> {
  using client = new ApiClient(flags);
  const rows: string[][] = [];
  for await (const host of client.pages<HostDocument>("/v1/hosts", { pattern, fact: flags.fact })) {
    if (flags.json === true) console.log(JSON.stringify(host));
    else rows.push([host.name, host.address, port(host), host.groups.join(","), origin(host)]);
  }
  if (rows.length > 0) print(columns(["NAME", "ADDRESS", "PORT", "GROUPS", "FROM"], rows));
  else if (flags.json !== true) {
    console.error(
      `drover: no hosts${flags.fact === undefined ? "" : "; drover host gather asks them for facts"}`,
    );
  }
}

async function show(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const host = await client.json<HostDetail>("GET", path(name));
  if (flags.json === true) return console.log(JSON.stringify(host));
  const { refusal, logon, actor } = host;
  const said = logonText(logon);
  print([
    host.name,
    `  address: ${host.address}, port ${port(host)}, ${host.scheme ?? "http"}, ${host.auth ?? "negotiate"}`,
    `  groups: ${host.groups.join(", ") || "none"}`,
    `  from: ${origin(host)}`,
    ...(refusal === null ? [] : [`  cannot be reached: ${refusal.code}: ${refusal.message}`]),
    ...(said === undefined ? [] : [`  logged on with: ${said}`]),
    `  does: ${actor === null ? "nothing" : `${actor.state}${actor.work === null ? "" : `, ${actor.work}`}`}`,
  ]);
}

async function write(name: string, flags: WriteFlags, change: boolean): Promise<void> {
  using client = new ApiClient(flags);
  const before = change ? await current(client, name) : { body: {}, headers: {} };
  const host = await client.json<HostDocument>("PUT", path(name), {
    ...before.body,
    ...(flags.address === undefined ? {} : { address: flags.address }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.scheme === undefined ? {} : { scheme: flags.scheme }),
    ...(flags.auth === undefined ? {} : { auth: flags.auth }),
    ...(flags.group === undefined ? {} : { groups: flags.group }),
  }, before.headers);
  console.log(flags.json === true ? JSON.stringify(host) : sanitizeLine(host.name));
}

/** A host as it has to be sent to stay what it is, and as what it is to be found. */
async function current(client: ApiClient, name: string) {
  const answer = await client.request("GET", path(name));
  const { address, port, scheme, auth, groups } = await answer.json() as HostDocument;
  const body = Object.fromEntries(
    Object.entries({ address, port, scheme, auth, groups }).filter(([, value]) => value !== null),
  );
  return { body, headers: { "If-Match": answer.headers.get("ETag") ?? "*" } };
}

async function remove(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  await client.request("DELETE", path(name), { headers: { "If-Match": "*" } });
}

async function ping(names: readonly string[], flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const answers = new Array<PingDocument>(names.length);
  let next = 0;
  const work = async () => {
    for (let at = next++; at < names.length; at = next++) {
      answers[at] = await pingOne(client, names[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(pingsAtOnce, names.length) }, work));
  answers.forEach((answer, at) => {
    const { vendor, version, durationMs, logon, error } = answer;
    const said = logonText(logon);
    if (flags.json === true) return console.log(JSON.stringify({ host: names[at], ...answer }));
    const text = error === null
      ? `${vendor}, ${version} (${Math.round(durationMs ?? 0)} ms${said === undefined ? "" : `, ${said}`})`
      : error.message.includes(error.code)
      ? error.message
      : `${error.code}: ${error.message}`;
    console.log(sanitizeLine(`${names[at]}: ${text}`));
  });
  Deno.exitCode = answers.every(({ answered }) => answered) ? 0 : 1;
}

function logonText(document: LogonDocument | null | undefined): string | undefined {
  const logon = logonOf(document);
  return logon === undefined ? undefined : describeLogon(logon);
}

/** What the daemon refuses for one host is no reason to say nothing of the others. */
async function pingOne(client: ApiClient, name: string): Promise<PingDocument> {
  try {
    return await client.json<PingDocument>("POST", `${path(name)}/ping`);
  } catch (error) {
    if (!(error instanceof DroverError) || error instanceof NetworkError || error instanceof DeniedError) {
      throw error;
    }
    const { code, message } = error;
    return {
      answered: false,
      vendor: null,
      version: null,
      durationMs: null,
      logon: null,
      error: { code, message },
    };
  }
}

async function facts(name: string, flags: ApiFlags & { readonly gather?: boolean }): Promise<void> {
  using client = new ApiClient(flags);
  const found = await client.json<FactsDocument>(
    flags.gather === true ? "POST" : "GET",
    `${path(name)}/facts`,
  );
  if (flags.json === true) console.log(JSON.stringify(found));
  else {
    print([
      `${found.host}: ${found.gatheredAt === null ? "never answered" : `as of ${found.gatheredAt}`}`,
      ...columns(
        ["FACT", "VALUE"],
        Object.entries(found.facts).sort(([a], [b]) => a < b ? -1 : 1)
          .map(([key, value]) => [key, String(value)]),
      ),
      ...found.missing.map(({ part, code, message }) => `no ${part}: ${code}: ${message}`),
      ...(found.failure === null
        ? []
        : [`failed ${found.failure.at}: ${found.failure.code}: ${found.failure.message}`]),
    ]);
  }
  Deno.exitCode = flags.gather === true && found.failure !== null ? 1 : 0;
}

async function gather(pattern: string | undefined, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const made = await client.json<{ readonly hosts: number }>(
    "POST",
    "/v1/facts",
    pattern === undefined ? {} : { hosts: pattern },
  );
  if (flags.json === true) console.log(JSON.stringify(made));
  else console.log(`${made.hosts} ${made.hosts === 1 ? "host is" : "hosts are"} going to be asked`);
}

async function shells(name: string, flags: ApiFlags & { readonly delete?: string }): Promise<void> {
  using client = new ApiClient(flags);
  if (flags.delete !== undefined) {
    await client.request("DELETE", `${path(name)}/shells/${encodeURIComponent(flags.delete)}`);
    return;
  }
  const list = await client.json<{ readonly items: readonly ShellDocument[]; readonly complete: boolean }>(
    "GET",
    `${path(name)}/shells`,
  );
  if (flags.json === true) {
    for (const shell of list.items) console.log(JSON.stringify(shell));
  } else if (list.items.length === 0) console.log("no shells");
  else {
    print(columns(
      ["ID", "OWNER", "CLIENT", "AGE", "OURS"],
      list.items.map(({ id, owner, clientAddress, ageMs, ours, inUse }) => [
        id,
        owner ?? "-",
        clientAddress ?? "-",
        ageMs === null ? "-" : showDuration(ageMs),
        inUse ? "in use" : ours ? "yes" : "no",
      ]),
    ));
  }
  if (!list.complete) console.error("drover: there are more");
}

async function settings(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const found = await client.json<{ readonly settings: Tree }>("GET", `${path(name)}/settings`);
  if (flags.json === true) console.log(JSON.stringify(found));
  else print(columns(["SETTING", "VALUE"], leaves(found.settings)));
}

interface Tree {
  readonly [name: string]: string | number | boolean | Tree;
}

function leaves(tree: Tree, above = ""): string[][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "object" ? leaves(value, `${above}${name}.`) : [[`${above}${name}`, String(value)]]
  );
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(sanitizeLine(line));
}

function port({ port, scheme }: HostDocument): string {
  return String(port ?? (scheme === "https" ? 5986 : 5985));
}

function origin({ origin: { kind, name } }: HostDocument): string {
  return name === undefined ? kind : `${kind} ${name}`;
}

function path(name: string): string {
  return `/v1/hosts/${encodeURIComponent(name)}`;
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function collectFact(value: string, before: readonly string[] = []): readonly string[] {
  if (!/^[^=]+=./.test(value)) throw new InvalidArgumentError("It is not of the form KEY=VALUE.");
  return [...before, value];
}
