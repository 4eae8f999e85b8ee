/**
 * Measures the matrix: a process of its own, because the C library reads the realm from the environment. It starts one service for each
 * setting and one of each foreign server, logs on once for every cell through a tap, and prints a line of JSON for each.
 *
 * usage: measure.ts FOLDER KEYTAB (the password of all is in DROVER_PASSWORD)
 * @module
 */
import { Fleet } from "../../../mod.ts";
import { DroverError, NetworkError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import type { AuthKind } from "../../../runtime/client/authentication.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { curl, masterzen, PythonClients } from "./foreign.ts";
import { startServers } from "./servers.ts";
import {
  bindsLate,
  certified,
  type Column,
  columns,
  impossible,
  type Kind,
  type Measured,
  required,
  type Row,
  rows,
  seals,
  userOf,
} from "./table.ts";
import { Tap } from "./tap.ts";

const [folder, keytab] = Deno.args as [string, string];
const password = Deno.env.get("DROVER_PASSWORD")!;
const python = Deno.env.get("DROVER_KERBEROS_PYTHON")!;

/** More than CredSSP seals at once, in both directions. */
const payload = new Uint8Array(100_000).map((_, index) => index * 7 + (index >> 8));

await using stack = new AsyncDisposableStack();
const { services, foreign, apache, strictApache, logons, identities, users, strangers } = await startServers(
  { folder, keytab, password, python },
  stack,
);
await Deno.mkdir(`${folder}/tickets`);
const pythons = stack.use(new PythonClients(python, `${folder}/tickets`));

/** Over TLS? By default what can seal goes over HTTP. */
function isSecure(row: Row, column: Column): boolean {
  switch (column) {
    case "elsewhere":
    case "clear":
    case "allowed":
    case "sealed":
      return false;
    case "password":
    case "token":
    case "answer":
      return !seals(row);
    default:
      return true;
  }
}

/** Whether messages are to be sealed; `undefined`: as the client does by itself. */
function sealing(row: Row, column: Column): "always" | "never" {
  if (column === "sealed" || column === "secureSealed") return "always";
  return isSecure(row, column) || column === "clear" || column === "allowed" || !seals(row)
    ? "never"
    : "always";
}

function portOf(row: Row, column: Column): number {
  const secure = isSecure(row, column);
  if (row.server === "Apache") {
    const { port, plainPort } = row.kind === "Certificate" ? strictApache : apache;
    return secure ? port : plainPort;
  }
  if (row.server !== "Drover") return secure ? foreign.https : foreign.http;
  const service = column === "allowed"
    ? services.unencrypted
    : column === "misboundNone"
    ? services.none
    : column === "strict" || column === "unboundStrict" || column === "misbound" && bindsLate(row)
    ? services.strict
    : services.usual;
  return service[secure ? 1 : 0];
}

const kinds: Readonly<Record<Kind, { readonly auth: AuthKind; readonly transport: string }>> = {
  Basic: { auth: "basic", transport: "basic" },
  Digest: { auth: "digest", transport: "digest" },
  NTLM: { auth: "ntlm", transport: "ntlm" },
  "Negotiate: NTLM": { auth: "negotiate", transport: "negotiate" },
  "Negotiate: Kerberos": { auth: "negotiate", transport: "negotiate" },
  Kerberos: { auth: "kerberos", transport: "kerberos" },
  "CredSSP: NTLM": { auth: "credssp", transport: "credssp" },
  "CredSSP: Kerberos": { auth: "credssp", transport: "credssp" },
  Certificate: { auth: "certificate", transport: "certificate" },
  "Certificate asked late": { auth: "certificate", transport: "certificate" },
};

function pathOf({ server, kind }: Row): string {
  if (server === "gss-ntlmssp") return "/gss-ntlmssp";
  if (server !== "Apache" || kind === "Certificate") return "/wsman";
  if (kind === "Certificate asked late") return "/certificate";
  return kind === "Basic" ? "/basic" : kind === "Digest" ? "/digest" : "/kerberos";
}

/** The client's certificate: that of a stranger in place of a wrong password. */
function own(column: Column) {
  return column === "password" ? strangers : users;
}

async function runOurs(row: Row, column: Column, port: number, user: string, word: string): Promise<string> {
  const elsewhere = column === "elsewhere";
  const inventory = inventoryFromHosts([elsewhere ? "elsewhere.test" : `localhost:${port}`]);
  const host = {
    ...inventory.hosts[0]!,
    path: pathOf(row),
    ...(elsewhere ? {} : { messageEncryption: sealing(row, column) }),
  };
  await using fleet = new Fleet({
    inventory: { ...inventory, hosts: [host] },
    user: row.kind.includes("Kerberos") ? `${user}@DROVER.TEST` : user,
    password: new Secret(word),
    auth: kinds[row.kind].auth,
    ...(certified(row) ? { certificate: own(column) } : {}),
    ...(row.kind === "Certificate asked late" ? { tlsEngine: "openssl" } : {}),
    ssl: isSecure(row, column),
    certValidation: "ignore",
    connectRetries: 0,
    // What gets here was not refused.
    ...(elsewhere
      ? {
        connector: {
          connect: (_, events) => {
            queueMicrotask(() => events.onClosed(new NetworkError("Reached", "connect: it would have")));
            return { write: () => true, resume: () => {}, end: () => {}, abort: () => {} };
          },
        },
      }
      : {}),
  });
  try {
    const output: Uint8Array[] = [];
    for await (const event of fleet.run("cat", { stdin: payload, timeout: 60_000 })) {
      if (event.type === "output") output.push(event.data);
      if (event.type !== "result" || event.status === "succeeded") continue;
      const code = event.error?.code ?? event.status;
      // In which way a relay loses a connection is chance.
      return code === "Reached" ? "ok" : code === "ConnectionReset" ? "ConnectionClosed" : code;
    }
    return elsewhere || Buffer.concat(output).equals(payload) ? "ok" : "the output is not the input";
  } catch (error) {
    if (error instanceof DroverError) return error.code;
    throw error;
  }
}

async function runForeign(
  row: Row,
  column: Column,
  port: number,
  user: string,
  word: string,
): Promise<string> {
  const { client, kind } = row;
  const secure = isSecure(row, column);
  const call = { url: `${secure ? "https" : "http"}://localhost:${port}`, user, password: word, payload };
  const encryption = sealing(row, column);
  if (client === "masterzen") return await masterzen(call, kind === "Basic" ? "basic" : "ntlm", encryption);
  const kerberos = kind.includes("Kerberos");
  const files = `${folder}/${column === "password" ? "strangers" : "users"}`;
  if (client === "curl") {
    if (certified(row)) return await curl({ ...call, user: files }, "certificate", folder);
    return await curl(call, kind === "Basic" ? "basic" : kerberos ? "kerberos" : "ntlm", folder);
  }
  const unbound = column === "unbound" || column === "unboundStrict";
  const options: Record<string, unknown> = {};
  // pywinrm chooses by the form of the name.
  if (kind.startsWith("CredSSP")) {
    if (client === "pypsrp") options["credssp_auth_mechanism"] = kerberos ? "kerberos" : "ntlm";
  } else if (certified(row)) {
    const names = client === "pypsrp"
      ? ["certificate_pem", "certificate_key_pem"]
      : ["cert_pem", "cert_key_pem"];
    options[names[0]!] = `${files}.pem`;
    options[names[1]!] = `${files}.key`;
  } else if (unbound) options[client === "pypsrp" ? "negotiate_send_cbt" : "send_cbt"] = false;
  return await pythons.run({
    ...call,
    client: client as "pypsrp" | "pywinrm",
    user: kerberos ? `${user}@DROVER.TEST` : user,
    transport: kinds[kind].transport,
    encryption,
    options,
    kinit: client === "pywinrm" && kerberos,
  });
}

/** What a tap has to have seen where a logon succeeded. */
async function check(row: Row, column: Column, user: string, { seen }: Tap): Promise<string[]> {
  const problems: string[] = [];
  const hold = (right: boolean, problem: string) => {
    if (!right) problems.push(problem);
  };
  const { kind } = row;
  if (certified(row)) {
    // Nobody can look into its TLS; over HTTP it has been refused.
    if (row.server === "Drover") {
      hold(await logons.of("certified") === "certificate", "it was no certificate");
    }
    return problems;
  }
  const sealed = sealing(row, column) === "always";
  hold(seen.sealed > 0 === sealed, `${seen.sealed} sealed requests`);
  hold(seen.clear === !sealed, sealed ? "an envelope in clear" : "no envelope was seen");
  if (kind.startsWith("CredSSP")) {
    hold(seen.form === "TLS", `CredSSP began with ${seen.form}`);
    hold(!sealed || seen.pieces > 0, "no request of several pieces");
    hold(!sealed || seen.pieces < seen.sealed, "no request of one piece");
    hold(!sealed || seen.answeredInPieces, "no answer of several pieces");
  } else if (kind === "Basic" || kind === "Digest") hold(seen.schemes.has(kind), [...seen.schemes].join());
  else if (kind.startsWith("Negotiate")) {
    hold(seen.form === "SPNEGO", `Negotiate began with ${seen.form}`);
    hold(seen.ntlm === kind.endsWith("NTLM"), seen.ntlm ? "it was NTLM" : "it was not NTLM");
  } else hold(seen.form === kind, `it began with ${seen.form}`);
  if (row.server === "Drover") {
    // What was inside of CredSSP the KDC knows.
    const expected = kind === "Basic"
      ? "basic"
      : kind.startsWith("CredSSP")
      ? "CredSSP"
      : kind.includes("Kerberos")
      ? "Kerberos"
      : "NTLM";
    const found = await logons.of(user);
    hold(found === expected, `the service let ${user} in by ${found}`);
  }
  return problems;
}

async function measure(row: Row, column: Column): Promise<Measured> {
  const user = row.server === "Drover" ? userOf(row, column) : "alice";
  const word = column === "password" ? "wrong" : password;
  // Only who has the client's key can show its certificate: a relay in between is one with a wrong binding.
  const identity = isSecure(row, column) && (!certified(row) || column === "misbound")
    ? identities[column.startsWith("misbound") ? "wrong" : "right"]
    : undefined;
  await using tap = await Tap.open({
    port: portOf(row, column),
    ...(identity === undefined ? {} : { identity }),
    ...(column === "token" || column === "answer" ? { tamper: column } : {}),
  });
  const run = row.client === "Drover" ? runOurs : runForeign;
  const said = await run(row, column, tap.port, user, word);
  // What foreign clients make of a refusal is their own; what they were answered is ours.
  const outcome = ["ok", "KDC"].includes(said) || row.client === "Drover" ? said : tap.seen.refusal ?? said;
  const problems = outcome === "ok" && column !== "elsewhere" ? await check(row, column, user, tap) : [];
  const wanted = required(row, column);
  if (wanted !== "either" && (wanted === "ok") !== (outcome === "ok")) {
    problems.push(`it has to be ${wanted}`);
  }
  // Passwords are not asked for where everybody could read them.
  if (row.server === "Drover" && column === "clear" && tap.seen.offered.has("Basic")) {
    problems.push("Basic was offered in clear");
  }
  return { row, column, outcome, problems };
}

const cells = rows.flatMap((row, at) =>
  (Object.keys(columns) as Column[]).filter((column) => impossible(row, column) === undefined)
    .map((column) => ({ row, at, column }))
);

/** A few at once: most of the time somebody else is computing. */
async function worker(): Promise<void> {
  for (let cell = cells.shift(); cell !== undefined; cell = cells.shift()) {
    const { row, at, column } = cell;
    const begun = performance.now();
    const { outcome, problems } = await measure(row, column).catch((error) => ({
      outcome: "failed",
      problems: [String(error.stack)],
    }));
    console.log(JSON.stringify({ at, column, outcome, problems, ms: Math.round(performance.now() - begun) }));
  }
}
await Promise.all([worker(), worker(), worker()]);
