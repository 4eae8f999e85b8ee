/** What is measured: who logs on to whom, how, and over what; what cannot be says why. And the table that documents it. @module */

/** Who logs on. */
export type Client = "Drover" | "pypsrp" | "pywinrm" | "curl" | "masterzen";
/** Who lets in. */
export type Server = "Drover" | "pyspnego" | "gss-ntlmssp" | "Apache";
/** Kinds, and what is inside of them. */
export type Kind =
  | "Basic"
  | "Digest"
  | "NTLM"
  | "Negotiate: NTLM"
  | "Negotiate: Kerberos"
  | "Kerberos"
  | "CredSSP: NTLM"
  | "CredSSP: Kerberos"
  | "Certificate"
  | "Certificate asked late";

/** One row of the table. */
export interface Row {
  readonly client: Client;
  readonly server: Server;
  readonly kind: Kind;
}

/** Columns by name, with what is done in each. */
export const columns = {
  elsewhere: "HTTP to a host without trust",
  clear: "HTTP in clear",
  allowed: "HTTP in clear, AllowUnencrypted",
  sealed: "HTTP sealed",
  secure: "HTTPS",
  secureSealed: "HTTPS sealed",
  strict: "HTTPS, Strict",
  unbound: "HTTPS, unbound",
  unboundStrict: "HTTPS, unbound, Strict",
  misbound: "HTTPS, wrong binding",
  misboundNone: "HTTPS, wrong binding, None",
  password: "wrong password",
  token: "changed token",
  answer: "changed answer",
} as const;

/** Names of columns. */
export type Column = keyof typeof columns;

/** Why a cell cannot be, in the order of the notes below the table. */
export const reasons = {
  a: "nothing in this kind is bound to the TLS around it (CredSSP proves the key of its own TLS instead)",
  b: "our client has no switch for this: over TLS it binds whenever the kind can",
  c: "this client cannot bind: see the columns without a binding",
  d: "a setting of our service; this server has none like it",
  e: "this client or this server cannot seal messages of this kind",
  f: "a policy of our client alone",
  g: "there is no token of this kind in that direction",
  h: "what a foreign client checks is not ours to hold",
  i: "this client takes tickets from kinit alone, so there is no password to be wrong",
  j: "our service has no Digest, as WinRM's has none; that our client says so is asserted over HTTPS",
  k: "this client shows certificates over HTTPS only, and says so itself",
} as const;

/** Marks of the reasons. */
export type Reason = keyof typeof reasons;

const all = (client: Client, server: Server, ...kinds: Kind[]): Row[] =>
  kinds.map((kind) => ({ client, server, kind }));

/** All rows. */
export const rows: readonly Row[] = [
  ...all(
    "Drover",
    "Drover",
    "Basic",
    "Digest",
    "NTLM",
    "Negotiate: NTLM",
    "Negotiate: Kerberos",
    "Kerberos",
    "CredSSP: NTLM",
    "CredSSP: Kerberos",
    "Certificate",
  ),
  ...all(
    "Drover",
    "pyspnego",
    "Basic",
    "NTLM",
    "Negotiate: NTLM",
    "Negotiate: Kerberos",
    "Kerberos",
    "CredSSP: NTLM",
    "CredSSP: Kerberos",
  ),
  ...all("Drover", "gss-ntlmssp", "NTLM"),
  ...all(
    "Drover",
    "Apache",
    "Basic",
    "Digest",
    "Negotiate: Kerberos",
    "Certificate",
    "Certificate asked late",
  ),
  ...all(
    "pypsrp",
    "Drover",
    "Basic",
    "NTLM",
    "Negotiate: NTLM",
    "Negotiate: Kerberos",
    "Kerberos",
    "CredSSP: NTLM",
    "CredSSP: Kerberos",
    "Certificate",
  ),
  ...all(
    "pywinrm",
    "Drover",
    "Basic",
    "NTLM",
    "Kerberos",
    "CredSSP: NTLM",
    "CredSSP: Kerberos",
    "Certificate",
  ),
  ...all("curl", "Drover", "Basic", "Negotiate: NTLM", "Negotiate: Kerberos", "Certificate"),
  ...all("masterzen", "Drover", "Basic", "NTLM"),
];

const unsealable: ReadonlySet<Kind> = new Set(["Basic", "Digest", "Certificate", "Certificate asked late"]);

/** Whether the logon is that of TLS. */
export function certified({ kind }: Row): boolean {
  return kind.startsWith("Certificate");
}

/** Whether the messages of a row can be sealed. */
export function seals({ client, server, kind }: Row): boolean {
  return !unsealable.has(kind) && client !== "curl" && server !== "Apache";
}

/** Whether the logons of a row are bound to the TLS around them. */
function binds({ kind }: Row): boolean {
  return !unsealable.has(kind) && !kind.startsWith("CredSSP");
}

/** Whether the first token, which goes out unasked, is not bound: Relaxed takes that, and Strict asks for another. */
export function bindsLate({ client, kind }: Row): boolean {
  return client === "pywinrm" && kind === "Kerberos";
}

/** Why a cell cannot be; `undefined`: it is measured. */
export function impossible(row: Row, column: Column): Reason | undefined {
  const { client, server, kind } = row;
  if (kind === "Digest" && server === "Drover" && column !== "secure") return "j";
  if (certified(row) && client === "pypsrp" && (column === "clear" || column === "allowed")) return "k";
  const cannotBind = client === "curl" || client === "masterzen";
  switch (column) {
    case "elsewhere":
      return client !== "Drover" || server !== "Drover" ? "f" : undefined;
    case "allowed":
      return server !== "Drover" ? "d" : undefined;
    case "sealed":
    case "secureSealed":
      // Our own client's refusal is part of what is promised.
      if (client === "masterzen" && column === "secureSealed") return "e";
      return seals(row) || (client === "Drover" && unsealable.has(kind)) ? undefined : "e";
    case "secure":
      return cannotBind && binds(row) ? "c" : undefined;
    case "strict":
      if (server !== "Drover") return "d";
      return cannotBind && binds(row) ? "c" : undefined;
    case "unbound":
    case "unboundStrict":
      if (!binds(row)) return "a";
      if (client === "Drover") return "b";
      return undefined;
    case "misboundNone":
      if (server !== "Drover") return "d";
      if (!binds(row)) return "a";
      return cannotBind ? "c" : undefined;
    case "misbound":
      if (certified(row)) return undefined;
      if (!binds(row)) return "a";
      return cannotBind ? "c" : undefined;
    case "password":
      return bindsLate(row) || (client === "curl" && kind === "Negotiate: Kerberos") ? "i" : undefined;
    case "token":
      return certified(row) ? "g" : undefined;
    case "answer":
      if (unsealable.has(kind)) return "g";
      return client === "Drover" ? undefined : "h";
    default:
      return undefined;
  }
}

/** The user of a cell of our service: each has its own, as failed logons slow others of their name. */
export function userOf(row: Row, column: Column): string {
  return `${column.toLowerCase()}${rows.indexOf(row)}`;
}

/** A cell with what it came to: `ok`, or how it was refused. */
export interface Measured {
  readonly row: Row;
  readonly column: Column;
  readonly outcome: string;
  /** What was not as it has to be. */
  readonly problems: readonly string[];
}

/** Columns that have to end with a refusal, and those that have to work, wherever they can be. */
export function required(row: Row, column: Column): "refused" | "ok" | "either" {
  const { client, server, kind } = row;
  switch (column) {
    case "elsewhere":
      return kind.includes("Kerberos") ? "ok" : "refused";
    case "clear":
      // What is not ours may let in whom it likes.
      return server === "Drover" || certified(row) ? "refused" : "either";
    case "allowed":
    case "unbound":
      // go-ntlmssp sends no MIC, and our service lets in nobody whose NTLM has none.
      return client === "masterzen" && kind === "NTLM" || certified(row) ? "refused" : "ok";
    case "unboundStrict":
    case "misbound":
    case "password":
    case "token":
    case "answer":
      return server === "Apache" && column === "misbound" && kind === "Negotiate: Kerberos"
        ? "either"
        : "refused";
    case "sealed":
    case "secureSealed":
      return seals(row) ? "ok" : "refused";
    case "secure":
      return kind === "Digest" && server === "Drover" ? "refused" : "ok";
    default:
      return "ok";
  }
}

/** The table as Markdown. */
export function render(measured: readonly Measured[]): string {
  const names = Object.keys(columns) as Column[];
  const lines = [
    `| client | server | kind | ${names.map((name) => columns[name]).join(" | ")} |`,
    `|${" --- |".repeat(names.length + 3)}`,
  ];
  for (const row of rows) {
    const cells = names.map((column) =>
      impossible(row, column) ??
        measured.find((one) => one.row === row && one.column === column)?.outcome ?? "?"
    );
    lines.push(`| ${row.client} | ${row.server} | ${row.kind} | ${cells.join(" | ")} |`);
  }
  const notes = Object.entries(reasons).map(([mark, text]) => `- ${mark}: ${text}`);
  return `${lines.join("\n")}\n\n${notes.join("\n")}`;
}
