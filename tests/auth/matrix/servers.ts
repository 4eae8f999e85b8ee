/** The servers of the matrix, ours and foreign ones, each started once. @module */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createSelfSigned, thumbprint } from "../../../runtime/security/certificates.ts";
import { type MadeCertificate, makeCertificate } from "../../helpers/client_ca.ts";
import { Apache } from "../apache.ts";
import { linesOf } from "./foreign.ts";
import type { Ports } from "./services.ts";
import type { Identity } from "./tap.ts";

const servicesScript = fileURLToPath(new URL("services.ts", import.meta.url));
const serverScript = fileURLToPath(new URL("../../interop/peers/winrm_server.py", import.meta.url));

/** Milliseconds in which a service has told of a logon. */
const patience = 30_000;

/** What all of them are made with. */
export interface Realm {
  /** Where files may be. */
  readonly folder: string;
  readonly keytab: string;
  /** Of every user. */
  readonly password: string;
  readonly python: string;
}

/** By which mechanisms users logged on to services of ours. They tell of it in their own time. */
export class Logons {
  readonly #known = new Map<string, string>();
  readonly #waiting = new Map<string, (mechanism: string) => void>();

  note(user: string, mechanism: string): void {
    this.#known.set(user, mechanism);
    this.#waiting.get(user)?.(mechanism);
  }

  /** The mechanism of the last logon of a user; `undefined`: there was none. */
  async of(user: string): Promise<string | undefined> {
    if (this.#known.has(user)) return this.#known.get(user);
    const told = Promise.withResolvers<string | undefined>();
    this.#waiting.set(user, told.resolve);
    const late = setTimeout(() => told.resolve(undefined), patience);
    return await told.promise.finally(() => clearTimeout(late));
  }
}

/** Starts all; they end with `stack`. */
export async function startServers(realm: Realm, stack: AsyncDisposableStack) {
  const root = makeCertificate({ name: "Root", authority: {} });
  const users = makeCertificate({ name: "alice", issuer: root, upn: "alice@corp.example", uses: [2] });
  const others = makeCertificate({ name: "Others", authority: {} });
  const strangers = makeCertificate({ name: "alice", issuer: others, upn: "alice@corp.example", uses: [2] });
  for (const [name, { certificate, key }] of Object.entries({ users, strangers })) {
    await Deno.writeTextFile(`${realm.folder}/${name}.pem`, certificate);
    await Deno.writeTextFile(`${realm.folder}/${name}.key`, key);
  }
  const identities = {
    right: await createSelfSigned(["localhost"], Date.now()),
    wrong: await createSelfSigned(["localhost"], Date.now()),
  };

  const logons = new Logons();
  const services = await startServices(realm, identities.right, root, logons, stack);
  const [foreign, apache, strictApache] = await Promise.all([
    startForeign(realm, identities.right, stack),
    startApache(realm, services.unencrypted[0], root, stack),
    startStrictApache(realm, services.unencrypted[0], root, stack),
  ]);
  return { services, foreign, apache, strictApache, logons, identities, users, strangers };
}

/** Services of ours in a process of their own: NTLM refuses to log on to itself. */
async function startServices(
  { folder, keytab }: Realm,
  identity: Identity,
  root: MadeCertificate,
  logons: Logons,
  stack: AsyncDisposableStack,
): Promise<Ports> {
  const certificates = {
    mappings: [{
      issuer: thumbprint(root.certificate, "sha1"),
      subject: "*@corp.example",
      userName: "certified",
    }],
    authorities: root.certificate,
  };
  // A key is told only to who asks for it by its name.
  const tls = { certificate: identity.certificate, key: identity.key };
  await Deno.writeTextFile(`${folder}/identity.json`, JSON.stringify({ tls, certificates }));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", servicesScript, `${folder}/identity.json`, keytab],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = linesOf(child.stdout);
  const ports: Ports = JSON.parse((await lines.next()).value!);
  const rest = (async () => {
    for await (const line of lines) {
      const { user, mechanism } = JSON.parse(line);
      logons.note(user, mechanism);
    }
  })();
  stack.defer(async () => {
    await child.stdin.close();
    await rest;
    await child.status;
  });
  return ports;
}

/** pyspnego's server, with gss-ntlmssp's below another path. */
async function startForeign(
  { folder, keytab, password, python }: Realm,
  identity: Identity,
  stack: AsyncDisposableStack,
) {
  await Deno.writeTextFile(`${folder}/cert.pem`, identity.certificate);
  await Deno.writeTextFile(`${folder}/key.pem`, identity.key);
  await Deno.writeTextFile(`${folder}/users`, `:alice:${password}\nDOMAIN:alice:${password}\n`);
  const child = new Deno.Command(python, {
    args: ["-W", "ignore", serverScript, `${folder}/cert.pem`, `${folder}/key.pem`, "alice"],
    env: { KRB5_KTNAME: keytab, NTLM_USER_FILE: `${folder}/users` },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = linesOf(child.stdout);
  stack.defer(async () => {
    await child.stdin.close();
    while (!(await lines.next()).done);
    await child.status;
  });
  const [http, https] = (await lines.next()).value!.split(" ").map(Number);
  return { http: http!, https: https! };
}

/** Apache that asks for a certificate at once. */
async function startStrictApache(
  { password }: Realm,
  port: number,
  root: MadeCertificate,
  stack: AsyncDisposableStack,
): Promise<Apache> {
  return stack.use(
    await Apache.with({
      modules: ["proxy", "proxy_http", "headers"],
      files: { "root.pem": new TextEncoder().encode(root.certificate) },
      location: () => `
  RequestHeader set Authorization "Basic ${new TextEncoder().encode(`alice:${password}`).toBase64()}"
  ProxyPass http://127.0.0.1:${port}/wsman`,
      more: (files) => `
SSLVerifyClient require
SSLCACertificateFile ${files}/root.pem`,
    }),
  );
}

/** Apache, which lets in and hands on to a service of ours. */
async function startApache(
  { keytab, password }: Realm,
  port: number,
  root: MadeCertificate,
  stack: AsyncDisposableStack,
): Promise<Apache> {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const hash = (name: string, text: string, encoding: "utf8" | "latin1") =>
    createHash(name).update(text, encoding).digest(name === "md5" ? "hex" : "base64");
  const handOn = `
  RequestHeader set Authorization "Basic ${utf8(`alice:${password}`).toBase64()}"
  ProxyPass http://127.0.0.1:${port}/wsman`;
  const back = `
  Require valid-user${handOn}`;
  return stack.use(
    await Apache.with({
      modules: [
        ...["authz_user", "authn_file", "auth_basic", "auth_digest", "auth_gssapi"],
        ...["proxy", "proxy_http", "headers"],
      ],
      files: {
        keytab: await Deno.readFile(keytab),
        "krb5.conf": await Deno.readFile(Deno.env.get("KRB5_CONFIG")!),
        "root.pem": utf8(root.certificate),
        basic: utf8(`alice:{SHA}${hash("sha1", password, "utf8")}\n`),
        // Apache names no charset: ISO 8859-1 then (RFC 7616 section 4).
        digest: utf8(`alice:wsman:${hash("md5", `alice:wsman:${password}`, "latin1")}\n`),
      },
      location: () => `
  Require all denied`,
      more: (files) =>
        `<Location /basic>
  AuthType Basic
  AuthName wsman
  AuthBasicProvider file
  AuthUserFile ${files}/basic${back}
</Location>
<Location /digest>
  AuthType Digest
  AuthName wsman
  AuthDigestProvider file
  AuthUserFile ${files}/digest${back}
</Location>
<Location /kerberos>
  AuthType GSSAPI
  AuthName wsman
  GssapiCredStore keytab:${files}/keytab
  GssapiConnectionBound On${back}
</Location>
SSLCACertificateFile ${files}/root.pem
<Location /certificate>
  SSLVerifyClient require${handOn}
</Location>`,
    }),
  );
}
