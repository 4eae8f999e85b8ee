/**
 * A real KDC (MIT's krb5kdc) of a realm of its own: on loopback, in a folder of its own, gone with the test.
 *
 * The C library reads its environment once in a process: tests hand {@link Kdc.environment} to processes that they start.
 * @module
 */

import { freePort, listens, startAtFreePort } from "./ports.ts";

/** Programs of Debian's krb5-kdc and krb5-admin-server, which are outside of a plain user's PATH. */
const sbin = "/usr/sbin/";

/** Whether a KDC can be run here. */
export const kdcPresent = ["krb5kdc", "kdb5_util", "kadmin.local"].every((program) => {
  try {
    Deno.statSync(sbin + program);
    return true;
  } catch {
    return false;
  }
});

/** How a realm is to be. */
export interface KdcOptions {
  /** Users with their passwords. */
  readonly users: Readonly<Record<string, string>>;
  /** Principals of services, whose keys go to {@link Kdc.keytab}. */
  readonly services: readonly string[];
  /** Ciphers of keys and tickets; default: AES-256 as Windows has it. */
  readonly enctype?: string;
  /** Default: `DROVER.TEST`. */
  readonly realm?: string;
}

/** A KDC that runs. */
export class Kdc implements AsyncDisposable {
  /** The realm. */
  readonly realm: string;
  /** Where its files are. */
  readonly folder: string;
  /** Variables for processes that use this realm. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #child: Deno.ChildProcess;

  private constructor(
    realm: string,
    folder: string,
    environment: Readonly<Record<string, string>>,
    child: Deno.ChildProcess,
  ) {
    this.realm = realm;
    this.folder = folder;
    this.environment = environment;
    this.#child = child;
  }

  /** Keys of the services. */
  get keytab(): string {
    return `${this.folder}/service.keytab`;
  }

  /** Makes a realm and starts its KDC. */
  static async start(options: KdcOptions): Promise<Kdc> {
    const realm = options.realm ?? "DROVER.TEST";
    const folder = await Deno.makeTempDir({ prefix: "drover-kdc-" });
    const enctype = options.enctype ?? "aes256-cts-hmac-sha1-96";
    const configure = async () => {
      const port = freePort();
      await Deno.writeTextFile(`${folder}/krb5.conf`, clientProfile(realm, port, enctype));
      await Deno.writeTextFile(`${folder}/kdc.conf`, kdcProfile(realm, folder, port, enctype));
      return port;
    };
    await configure();
    const environment = {
      KRB5_CONFIG: `${folder}/krb5.conf`,
      KRB5_KDC_PROFILE: `${folder}/kdc.conf`,
      KRB5CCNAME: `FILE:${folder}/ccache`,
      KRB5RCACHENAME: `dfl:`,
      KRB5RCACHEDIR: folder,
    };
    await run(environment, `${sbin}kdb5_util`, ["create", "-s", "-r", realm, "-P", "master"]);
    const commands = [
      ...Object.entries(options.users).map(([user, password]) => `addprinc -pw "${password}" ${user}`),
      ...options.services.flatMap((name) => [
        `addprinc -randkey ${name}`,
        `ktadd -k ${folder}/service.keytab ${name}`,
      ]),
    ];
    await run(environment, `${sbin}kadmin.local`, ["-r", realm], `${commands.join("\n")}\n`);
    return await startAtFreePort(async () => {
      const port = await configure();
      const child = new Deno.Command(`${sbin}krb5kdc`, {
        args: ["-n", "-r", realm],
        env: environment,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      return await listens(port, child) ? new Kdc(realm, folder, environment, child) : undefined;
    });
  }

  /**
   * Lets users of `other` into this realm. Processes of `other` know this realm's KDC then, and that localhost is in it.
   */
  async trust(other: Kdc): Promise<void> {
    const ticket = `addprinc -pw "between the realms" krbtgt/${this.realm}@${other.realm}`;
    await this.admin(ticket);
    await other.admin(ticket);
    const file = other.environment.KRB5_CONFIG!;
    const profile = await Deno.readTextFile(file);
    const [, realm] = (await Deno.readTextFile(this.environment.KRB5_CONFIG!)).split("[realms]\n");
    const mapping = `[domain_realm]\n  localhost = ${this.realm}\n`;
    await Deno.writeTextFile(file, profile.replace("[realms]\n", `[realms]\n${realm}`) + mapping);
  }

  /** Lines of the KDC's log that tell of tickets it gave: `AS` for logons, `TGS` for services. */
  async issued(kind: "AS" | "TGS"): Promise<string[]> {
    const log = await Deno.readTextFile(`${this.folder}/kdc.log`);
    return log.split("\n").filter((line) => line.includes(`${kind}_REQ`) && line.includes(" ISSUE:"));
  }

  /** Runs a command of kadmin. */
  async admin(command: string): Promise<void> {
    await run(this.environment, `${sbin}kadmin.local`, ["-r", this.realm], `${command}\n`);
  }

  /** A ccache with a ticket for `user`, as kinit makes it. */
  async kinit(user: string, password: string, ccache: string, ...flags: string[]): Promise<void> {
    await run(
      this.environment,
      "kinit",
      [...flags, "-c", ccache, `${user}@${this.realm}`],
      `${password}\n`,
    );
  }

  /** Stops or continues the process: a stopped KDC takes requests and never answers. */
  silence(silent: boolean): void {
    this.#child.kill(silent ? "SIGSTOP" : "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

function clientProfile(realm: string, port: number, enctype: string): string {
  const weak = enctype.startsWith("arcfour") ? "  allow_weak_crypto = true\n  allow_rc4 = true\n" : "";
  return `[libdefaults]
${weak}  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  ${realm} = {
    kdc = 127.0.0.1:${port}
  }
`;
}

function kdcProfile(realm: string, folder: string, port: number, enctype: string): string {
  return `[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${realm} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    acl_file = ${folder}/kadm5.acl
    master_key_type = aes256-cts-hmac-sha1-96
    supported_enctypes = ${enctype}:normal
    max_life = 10h
    default_principal_flags = +preauth
  }
[logging]
  kdc = FILE:${folder}/kdc.log
  admin_server = FILE:${folder}/kadmin.log
`;
}

async function run(
  env: Readonly<Record<string, string>>,
  program: string,
  args: readonly string[],
  input = "",
): Promise<void> {
  const child = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It answers while it reads: nobody may wait for the other with a full pipe.
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await output;
  if (success) return;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  throw new Error(`run ${program}: ${text(stderr)}${text(stdout)}`);
}
