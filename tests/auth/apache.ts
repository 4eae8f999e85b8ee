/**
 * Apache, a server with kinds of authentication that are not ours, over TLS. With mod_auth_gssapi it accepts SPNEGO and Kerberos, bound
 * to the connection as WinRM's are; behind it lies one file, the answer to Identify.
 * @module
 */
import { createSelfSigned } from "../../runtime/security/certificates.ts";
import type { Kdc } from "./kdc.ts";
import { freePort, listens, startAtFreePort } from "./ports.ts";

const program = "/usr/sbin/apache2";
const modules = "/usr/lib/apache2/modules";

/** Longest that it may take to write down a request that it has answered, in milliseconds. */
const patience = 30_000;

/** Whether Apache can be run here. */
export const apachePresent = [program, `${modules}/mod_auth_gssapi.so`].every((path) => {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
});

const identity = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
  `xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header></s:Header><s:Body>` +
  `<wsmid:IdentifyResponse><wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd` +
  `</wsmid:ProtocolVersion><wsmid:ProductVendor>Apache</wsmid:ProductVendor>` +
  `<wsmid:ProductVersion>mod_auth_gssapi</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>`;

/** What is special about one. */
export interface ApacheSetup {
  /** Names of modules beside those for TLS. */
  readonly modules: readonly string[];
  /** Files beside the configuration, by name; `wsman` is what `/wsman` gives. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Directives for `/wsman`, each on a line of its own; `folder`: where the files are. */
  readonly location: (folder: string) => string;
  /** Directives for the whole server. */
  readonly server?: (folder: string) => string;
  /** Directives beside those of `/wsman`. */
  readonly more?: (folder: string) => string;
}

/** One that runs. */
export class Apache implements AsyncDisposable {
  /** Its port. */
  readonly port: number;
  /** The port without TLS. */
  readonly plainPort: number;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(port: number, plainPort: number, folder: string, child: Deno.ChildProcess) {
    this.port = port;
    this.plainPort = plainPort;
    this.#folder = folder;
    this.#child = child;
  }

  /** Starts one that accepts tickets for the services of `kdc`. */
  static async start(kdc: Kdc): Promise<Apache> {
    return await Apache.with({
      modules: ["authz_user", "auth_gssapi"],
      files: {
        keytab: await Deno.readFile(kdc.keytab),
        "krb5.conf": await Deno.readFile(kdc.environment.KRB5_CONFIG!),
        wsman: new TextEncoder().encode(identity),
      },
      location: (folder) => `
  ForceType "application/soap+xml;charset=UTF-8"
  AuthType GSSAPI
  AuthName wsman
  GssapiCredStore keytab:${folder}/keytab
  GssapiConnectionBound On
  Require valid-user`,
    });
  }

  /** Starts one whose `/wsman` is what `setup` says, over TLS with a certificate of its own. */
  static async with(setup: ApacheSetup): Promise<Apache> {
    const folder = await Deno.makeTempDir({ prefix: "drover-apache-" });
    // Its workers are another user's.
    await Deno.chmod(folder, 0o755);
    const { certificate, key } = await createSelfSigned(["localhost"], Date.now());
    await Deno.writeTextFile(`${folder}/cert.pem`, certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, key);
    for (const [name, content] of Object.entries(setup.files)) {
      await Deno.writeFile(`${folder}/${name}`, content, { mode: 0o644 });
    }
    try {
      return await startAtFreePort(async () => {
        const [port, plainPort] = [freePort(), freePort()];
        await Deno.writeTextFile(`${folder}/apache.conf`, configuration(folder, port, plainPort, setup));
        const child = new Deno.Command(program, {
          args: ["-d", folder, "-f", `${folder}/apache.conf`, "-D", "FOREGROUND"],
          env: { KRB5_CONFIG: `${folder}/krb5.conf`, KRB5RCACHENAME: "none:" },
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn();
        return await listens(port, child) ? new Apache(port, plainPort, folder, child) : undefined;
      });
    } catch (cause) {
      const log = await Deno.readTextFile(`${folder}/error.log`).catch(() => "");
      throw new Error(`start Apache: ${log}`, { cause });
    }
  }

  /** What it says of errors. */
  async log(): Promise<string> {
    return await Deno.readTextFile(`${this.#folder}/error.log`).catch(() => "");
  }

  /** Users of the requests that it let in, from its access log; waits for `atLeast`, as it notes a request after its answer. */
  async users(atLeast: number): Promise<string[]> {
    for (const until = performance.now() + patience;;) {
      const log = await Deno.readTextFile(`${this.#folder}/access.log`).catch(() => "");
      const lines = log.split("\n").filter((line) => line.endsWith(" 200"));
      if (lines.length >= atLeast || performance.now() > until) {
        return lines.map((line) => line.split(" ")[0]!);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function configuration(folder: string, port: number, plainPort: number, setup: ApacheSetup): string {
  const load = ["mpm_event", "authn_core", "authz_core", "ssl", "socache_shmcb", ...setup.modules]
    .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n");
  const user = Deno.uid() === 0 ? "User www-data\nGroup www-data" : "";
  return `${load}
${user}
ServerName localhost
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
LogFormat "%u %>s" short
CustomLog ${folder}/access.log short
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${plainPort}
KeepAlive On
SSLEngine on
SSLCertificateFile ${folder}/cert.pem
SSLCertificateKeyFile ${folder}/key.pem
DocumentRoot ${folder}
${setup.server?.(folder) ?? ""}
<Location /wsman>${setup.location(folder)}
</Location>
${setup.more?.(folder) ?? ""}
<VirtualHost 127.0.0.1:${plainPort}>
  SSLEngine off
</VirtualHost>
`;
}
