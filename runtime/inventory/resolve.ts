/** From what an inventory says to hosts that can be connected to. @module */

import { Secret } from "../../protocol/secret.ts";
import { type Family, honouredVariables, type Setting, whyIgnored } from "./connection_variables.ts";
import { inventoryError } from "./errors.ts";
import { evaluate, type Scope } from "./expressions.ts";
import type { HostEntry, InventoryModel } from "./model.ts";
import { selectNames } from "./patterns.ts";
import type {
  GivenSetting,
  IgnoredVariable,
  Inventory,
  InventoryAuth,
  InventoryConnection,
  InventoryHost,
  LoadOptions,
} from "./types.ts";
import { FloatNumber, plainValue, type Variable, type Variables } from "./values.ts";

/**
 * Evaluates the variables that Drover uses and checks their values.
 * @throws UsageError InventoryExpression, InventoryVault, InventoryValue, InventoryCycle, InventoryTooDeep, PatternUnmatched
 */
export function resolveInventory(model: InventoryModel, options: LoadOptions): Inventory {
  model.finish();
  const groups = new Map([...model.groups.keys()].map((name) => [name, model.hostsOf(name)]));
  const names = [...model.hosts.keys()];
  const kept = options.limit === undefined ? undefined : new Set(selectNames(names, groups, options.limit));
  const ignored = new Map<string, { variable: string; reason: string; hosts: string[] }>();
  const hosts: InventoryHost[] = [];
  for (const entry of model.hosts.values()) {
    if (kept !== undefined && !kept.has(entry.name)) continue;
    const variables = model.variablesOf(entry);
    const resolver = new HostResolver(entry, variables, model, options);
    hosts.push(resolver.resolve());
    for (const variable of variables.keys()) {
      const reason = whyIgnored(variable, resolver.families);
      if (reason === undefined) continue;
      const key = `${variable}\n${reason}`;
      const found = ignored.get(key);
      if (found === undefined) ignored.set(key, { variable, reason, hosts: [entry.name] });
      else found.hosts.push(entry.name);
    }
  }
  const keptGroups = new Map<string, readonly string[]>(
    kept === undefined
      ? groups
      : [...groups].map(([name, list]) => [name, list.filter((host) => kept.has(host))]),
  );
  const all: IgnoredVariable[] = [...model.ignored, ...ignored.values()];
  return { hosts, groups: keptGroups, ignored: all };
}

/** The settings of the command line that stand for a setting of the inventory. */
const givenFor: Partial<Record<Setting, GivenSetting>> = {
  user: "user",
  password: "password",
  port: "port",
  scheme: "scheme",
  winrmTransport: "auth",
  psrpAuth: "auth",
  certValidation: "certValidation",
  caFile: "caFile",
  certFile: "certificate",
  certKeyFile: "certificate",
  certKeyPassword: "certificate",
  fingerprint: "fingerprint",
  proxy: "proxy",
  tlsEngine: "tlsEngine",
  tlsLegacy: "tlsEngine",
};

/** pywinrm's transports and what they are called here. */
const transports = new Map<string, InventoryAuth>([
  ["basic", "basic"],
  ["plaintext", "basic"],
  ["ssl", "basic"],
  ["ntlm", "ntlm"],
  ["negotiate", "negotiate"],
  ["kerberos", "kerberos"],
  ["credssp", "credssp"],
  ["certificate", "certificate"],
]);
const auths: readonly InventoryAuth[] = [
  "negotiate",
  "ntlm",
  "basic",
  "kerberos",
  "credssp",
  "digest",
  "certificate",
];
const maxSeconds = 86_400 * 30;
const secretName = /pass|secret|token|credential/i;

/** A used variable with its evaluated value. */
interface Used {
  readonly name: string;
  readonly variable: Variable;
  readonly value: unknown;
}

class HostResolver {
  readonly families: ReadonlySet<Family>;
  readonly #connection: InventoryConnection | undefined;
  readonly #scope: Scope;

  constructor(
    readonly host: HostEntry,
    readonly variables: Variables,
    readonly model: InventoryModel,
    readonly options: LoadOptions,
  ) {
    const vaultFiles = ["all", ...model.groupsOf(host.name)].map((group) =>
      model.vaultFiles.get(`group ${group}`)
    );
    vaultFiles.push(model.vaultFiles.get(`host ${host.name}`));
    this.#scope = {
      host: host.name,
      variables,
      env: options.env ?? (() => undefined),
      vaultFiles: vaultFiles.filter((file) => file !== undefined),
    };
    this.#connection = this.#readConnection();
    this.families = new Set<Family>(
      this.#connection === undefined
        ? ["common", "winrm", "psrp"]
        : this.#connection === "winrm" || this.#connection === "psrp"
        ? ["common", this.#connection]
        : [],
    );
  }

  resolve(): InventoryHost {
    const port = this.#port();
    const both = this.#seconds("bothTimeouts");
    const address = this.#text("address") ?? this.host.name;
    return {
      name: this.host.name,
      groups: this.model.groupsOf(this.host.name).sort(),
      address: address.replace(/^\[(.*)\]$/, "$1"),
      port,
      scheme: this.#scheme(port),
      path: this.#path(),
      user: this.#text("user"),
      password: this.#password(),
      auth: this.#auth(),
      connection: this.#connection,
      certValidation: this.#choice("certValidation", ["validate", "ignore"]),
      caFile: this.#text("caFile"),
      messageEncryption: this.#choice("messageEncryption", ["auto", "always", "never"]),
      // Ansible's winrm plugin waits ten seconds longer for the answer than the operation may take.
      operationTimeoutMs: both ?? this.#seconds("operationTimeout"),
      readTimeoutMs: both === undefined ? this.#seconds("readTimeout") : both + 10_000,
      maxEnvelopeSize: this.#integer("maxEnvelopeSize", 8_192, 0x7fff_ffff),
      ...this.#kerberos(),
      ...this.#certificate(),
      ...this.#proxy(),
      ...this.#tls(),
      variables: this.#shown(),
    };
  }

  #readConnection(): InventoryConnection | undefined {
    const variable = this.variables.get("ansible_connection");
    if (variable === undefined) return undefined;
    const value = evaluate("ansible_connection", variable, this.#scope);
    if (value === null) return undefined;
    const name = String(value).split(".").at(-1) ?? "";
    return name === "winrm" || name === "psrp" || name === "ssh" || name === "local" ? name : "other";
  }

  /** The strongest variable that is set for a setting, evaluated. */
  #used(setting: Setting): Used | undefined {
    const given = givenFor[setting];
    if (given !== undefined && this.options.given?.includes(given)) return undefined;
    for (let at = honouredVariables.length - 1; at >= 0; at--) {
      const entry = honouredVariables[at];
      if (entry === undefined || entry.setting !== setting || !this.families.has(entry.family)) continue;
      const variable = this.variables.get(entry.variable);
      if (variable === undefined) continue;
      const value = evaluate(entry.variable, variable, this.#scope);
      if (value !== null) return { name: entry.variable, variable, value };
    }
    return undefined;
  }

  #fail(used: Used, state: string): never {
    throw inventoryError("InventoryValue", `read ${used.name} of ${this.host.name}`, used.variable, state);
  }

  #text(setting: Setting): string | undefined {
    const used = this.#used(setting);
    if (used === undefined) return undefined;
    const { value } = used;
    if (typeof value === "string") {
      if (value === "" && setting !== "password") return undefined;
      if (setting === "address" && (/[\s/@?#\\]/.test(value) || /\p{Cc}/u.test(value))) {
        this.#fail(used, "not a host name or address");
      }
      return value;
    }
    if (typeof value === "number" || typeof value === "bigint") return String(value);
    if (typeof value === "boolean") return value ? "True" : "False";
    // 1.50 would lose its zero on the way.
    if (value instanceof FloatNumber) {
      this.#fail(used, "a number with a point, put it in quotation marks to make it text");
    }
    this.#fail(used, "expected text");
  }

  #password(): Secret | undefined {
    const text = this.#text("password");
    return text === undefined ? undefined : new Secret(text);
  }

  #choice<T extends string>(setting: Setting, choices: readonly T[]): T | undefined {
    const used = this.#used(setting);
    if (used === undefined) return undefined;
    const found = choices.find((choice) => choice === used.value);
    return found ?? this.#fail(used, `expected one of ${choices.join(", ")}`);
  }

  #integer(setting: Setting, low: number, high: number): number | undefined {
    const used = this.#used(setting);
    if (used === undefined || used.value === "") return undefined;
    const value = typeof used.value === "string" && /^\s*\d{1,10}\s*$/.test(used.value)
      ? Number(used.value)
      : used.value instanceof FloatNumber
      ? used.value.value
      : used.value;
    if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
      this.#fail(used, `expected a whole number from ${low} to ${high}`);
    }
    return value;
  }

  #seconds(setting: Setting): number | undefined {
    const seconds = this.#integer(setting, 1, maxSeconds);
    return seconds === undefined ? undefined : seconds * 1000;
  }

  #port(): number | undefined {
    return this.#integer("port", 1, 65_535);
  }

  #scheme(port: number | undefined): "http" | "https" | undefined {
    if (this.options.given?.includes("scheme")) return undefined;
    const said = this.#choice("scheme", ["http", "https"]);
    if (said !== undefined || this.families.size === 0) return said;
    if (port === 5985) return "http";
    if (port === 5986) return "https";
    // With --port given Ansible's default of https would guess against the user.
    if (this.options.given?.includes("port")) return undefined;
    return this.#connection === undefined ? undefined : "https";
  }

  #kerberos(): Pick<InventoryHost, "kerberos"> {
    const service = this.#text("kerberosService");
    const hostname = this.#text("kerberosHostname");
    const keytab = this.#text("kerberosKeytab");
    const realm = this.#text("kerberosRealm");
    const delegate = this.#flag("kerberosDelegation");
    const said = {
      ...(service === undefined ? {} : { service }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(keytab === undefined ? {} : { keytab }),
      ...(realm === undefined ? {} : { realm }),
      ...(delegate === undefined ? {} : { delegate }),
    };
    return Object.keys(said).length === 0 ? {} : { kerberos: said };
  }

  #certificate(): Pick<InventoryHost, "certificate" | "fingerprint"> {
    const certFile = this.#text("certFile");
    const keyFile = this.#text("certKeyFile");
    const password = this.#text("certKeyPassword");
    const fingerprint = this.#text("fingerprint");
    return {
      ...(certFile === undefined ? {} : {
        certificate: {
          certFile,
          ...(keyFile === undefined ? {} : { keyFile }),
          ...(password === undefined ? {} : { passphrase: new Secret(password) }),
        },
      }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
  }

  #proxy(): Pick<InventoryHost, "proxy"> {
    const proxy = this.#text("proxy");
    if (proxy === undefined) return {};
    // Variables are shown to users, and this one is not named like a secret.
    if (proxy.includes("@")) {
      this.#fail(
        this.#used("proxy")!,
        "a user or password in it, which come from --proxy-user and --proxy-password-env",
      );
    }
    return { proxy };
  }

  #tls(): Pick<InventoryHost, "tls"> {
    const engine = this.#choice("tlsEngine", ["platform", "openssl"]);
    const legacy = this.#flag("tlsLegacy");
    if (engine === undefined && legacy === undefined) return {};
    return {
      tls: { ...(engine === undefined ? {} : { engine }), ...(legacy === undefined ? {} : { legacy }) },
    };
  }

  /** A yes or no in one of the spellings that Ansible takes. */
  #flag(setting: Setting): boolean | undefined {
    const text = this.#text(setting)?.toLowerCase();
    if (text === undefined) return undefined;
    if (["true", "yes", "on", "y", "t", "1"].includes(text)) return true;
    if (["false", "no", "off", "n", "f", "0"].includes(text)) return false;
    this.#fail(this.#used(setting)!, "expected yes or no");
  }

  #path(): string | undefined {
    const used = this.#used("path");
    if (used === undefined) return undefined;
    if (typeof used.value !== "string" || !/^[\x21-\x7e]*$/.test(used.value)) {
      this.#fail(used, "expected a URL path of ASCII characters without spaces");
    }
    if (used.value === "") return undefined;
    return used.value.startsWith("/") ? used.value : `/${used.value}`;
  }

  #auth(): InventoryAuth | undefined {
    const winrm = this.#used("winrmTransport");
    if (winrm !== undefined) {
      const list = Array.isArray(winrm.value) ? winrm.value : String(winrm.value).split(",");
      const first = list.map((item) => String(item).trim()).find((item) => item !== "");
      if (first === undefined) return undefined;
      return transports.get(first) ??
        this.#fail(winrm, `expected one of ${[...transports.keys()].join(", ")}`);
    }
    return this.#choice("psrpAuth", auths);
  }

  /** All variables for the user to see; texts named like secrets are wrapped. */
  #shown(): ReadonlyMap<string, unknown> {
    const shown = new Map<string, unknown>();
    for (const [name, { value }] of this.variables) {
      const plain = plainValue(value);
      const secret = secretName.test(name) &&
        (typeof plain === "string" || typeof plain === "number" || typeof plain === "bigint");
      shown.set(name, secret ? new Secret(String(plain)) : plain);
    }
    return shown;
  }
}
