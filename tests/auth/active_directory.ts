/**
 * A real domain of Active Directory, as Samba has it, in a folder of its own: its KDC runs on loopback, nothing else of it does.
 * @module
 */
import { fileURLToPath } from "node:url";
import { freePort, listens, startAtFreePort } from "./ports.ts";

const maker = fileURLToPath(new URL("peers/domain_controller.py", import.meta.url));

/** Debian's own: it has Samba's modules. */
const python = "/usr/bin/python3";
const samba = "/usr/sbin/samba";

/** Whether Samba's domain controller is installed. */
export const domainControllerPresent = [samba, "/usr/share/samba/setup/provision.ldif"].every((file) => {
  try {
    Deno.statSync(file);
    return true;
  } catch {
    return false;
  }
});

/** What a domain holds. */
export interface DomainOptions {
  readonly users: Readonly<Record<string, DomainUser>>;
  readonly groups: Readonly<
    Record<string, { readonly kind: "global" | "domainLocal"; readonly members: readonly string[] }>
  >;
  /** Service principal names; their keys go to {@link DomainController.keytab}. */
  readonly services: readonly string[];
}

/** A user of a domain. */
export interface DomainUser {
  readonly password: string;
  /** User principal name, e.g. `alice@mail.example`; default: none. */
  readonly upn?: string;
  /** What is wrong with the account; default: nothing. */
  readonly state?: "disabled" | "expired" | "mustChange";
}

/** The domain `AD.EXAMPLE`, whose short name is `ADEX`. Three wrong passwords lock an account. */
export class DomainController implements AsyncDisposable {
  /** Where its files are. */
  readonly folder: string;
  /** Keys of the services. */
  readonly keytab: string;
  /** Variables for processes that use its realm. */
  readonly environment: Readonly<Record<string, string>>;
  /** SIDs of its groups by name. */
  readonly sids: Readonly<Record<string, string>>;
  readonly #child: Deno.ChildProcess;

  private constructor(folder: string, sids: Readonly<Record<string, string>>, child: Deno.ChildProcess) {
    this.folder = folder;
    this.keytab = `${folder}/service.keytab`;
    this.environment = environmentOf(folder);
    this.sids = sids;
    this.#child = child;
  }

  /** Makes the domain, which takes some seconds, and starts its KDC. */
  static async start(options: DomainOptions): Promise<DomainController> {
    const folder = await Deno.makeTempDir({ prefix: "drover-domain-" });
    const sids = await make({
      ...options,
      folder,
      keytab: `${folder}/service.keytab`,
      realm: "AD.EXAMPLE",
      domain: "ADEX",
      adminPassword: "Passw0rd.of.nobody",
      smbConf: serverProfile(folder),
    });
    return await startAtFreePort(async () => {
      const port = freePort();
      await Deno.writeTextFile(`${folder}/krb5.conf`, clientProfile(port));
      const child = new Deno.Command(samba, {
        args: [
          ...["--interactive", "--model=single", `--configfile=${folder}/etc/smb.conf`],
          `--option=krb5 port=${port}`,
        ],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      return await listens(port, child) ? new DomainController(folder, sids, child) : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function make(wanted: Record<string, unknown>): Promise<Record<string, string>> {
  const child = new Deno.Command(python, {
    args: [maker],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(wanted)));
  await writer.close();
  const { success, stdout, stderr } = await output;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`make a domain: ${text(stderr)}`);
  return JSON.parse(text(stdout));
}

function environmentOf(folder: string): Record<string, string> {
  return {
    KRB5_CONFIG: `${folder}/krb5.conf`,
    KRB5CCNAME: `FILE:${folder}/ccache`,
    KRB5RCACHENAME: "dfl:",
    KRB5RCACHEDIR: folder,
  };
}

function clientProfile(port: number): string {
  return `[libdefaults]
  default_realm = AD.EXAMPLE
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  AD.EXAMPLE = {
    kdc = 127.0.0.1:${port}
  }
`;
}

function serverProfile(folder: string): string {
  return `[global]
  netbios name = DC1
  realm = AD.EXAMPLE
  workgroup = ADEX
  server role = active directory domain controller
  server services = kdc
  interfaces = lo
  bind interfaces only = yes
  kpasswd port = 0
  pid directory = ${folder}
  ncalrpc dir = ${folder}/ncalrpc
  log file = ${folder}/log
`;
}
