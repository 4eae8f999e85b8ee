/**
 * The settings of the WinRM service as data: exact names, defaults of the profile `windows-2012`, and what values they
 * take ([MS-WSMV] 2.2.4, winrm/config). Only settings that this service obeys are listed: an unknown one is an error.
 * @module
 */
import { AccessRight, parseSddl } from "../access/mod.ts";
import { UsageError } from "../errors.ts";

/** Values of all settings. Times are in the unit that the name says. */
export interface ServiceSettings {
  /** Largest envelope, in KB of 1,024 bytes on the wire. */
  readonly MaxEnvelopeSizekb: number;
  /** Longest OperationTimeout that is honoured, in milliseconds. */
  readonly MaxTimeoutms: number;
  /** Most elements in one answer to Enumerate or Pull. */
  readonly MaxBatchItems: number;
  /** Operations that one user may have open at once. */
  readonly MaxConcurrentOperationsPerUser: number;
  /** Milliseconds after which an enumeration that nobody pulls is forgotten. */
  readonly EnumerationTimeoutms: number;
  /** Connections that are served at once. */
  readonly MaxConnections: number;
  /** Seconds that one request may take to arrive. */
  readonly MaxPacketRetrievalTimeSeconds: number;
  /** `false`: new shells are refused. */
  readonly AllowRemoteShellAccess: boolean;
  /** Milliseconds without activity after which a shell is deleted, where its client asked for nothing else. */
  readonly IdleTimeout: number;
  /** Users that may have shells at once. */
  readonly MaxConcurrentUsers: number;
  /** Milliseconds that a command may run. */
  readonly MaxShellRunTime: number;
  /** Commands that may run in one shell at once; 0: unlimited. */
  readonly MaxProcessesPerShell: number;
  /** Shells that one user may have. */
  readonly MaxShellsPerUser: number;
  /** Whether logons over TLS must be bound to their connection. */
  readonly CbtHardeningLevel: CbtHardeningLevel;
  /** Who may do what: a security descriptor, of whose rights GA, GR, GW and GX mean something. */
  readonly RootSDDL: string;
}

/**
 * What a service asks of the channel binding of a logon: `None` does not look at it, `Relaxed` refuses a wrong one, `Strict` a missing
 * one, too.
 */
export type CbtHardeningLevel = "None" | "Relaxed" | "Strict";

/** Lowest idle time-out of a shell, in milliseconds; a client that asks for less changes nothing. */
export const lowestIdleTimeoutMs = 60_000;

/** Highest idle time-out and lifetime of a shell (MaxIdleTimeoutms of Windows); more than it comes to the same, 24 days. */
export const highestShellTimeoutMs = 2_147_483_647;

interface NumberRule {
  readonly kind: "number";
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
}

interface BooleanRule {
  readonly kind: "boolean";
  readonly fallback: boolean;
}

interface ChoiceRule {
  readonly kind: "choice";
  readonly fallback: string;
  readonly choices: readonly string[];
}

interface SddlRule {
  readonly kind: "sddl";
  readonly fallback: string;
}

type Rule = NumberRule | BooleanRule | ChoiceRule | SddlRule;

const most = 2_147_483_647;
const whole = (fallback: number, least: number, limit = most): NumberRule => ({
  kind: "number",
  fallback,
  least,
  most: limit,
});

const rules: Readonly<Record<keyof ServiceSettings, Rule>> = {
  // 32 KB hold any answer without output; above 1,039,440 is unsupported.
  MaxEnvelopeSizekb: whole(500, 32, 1_039_440),
  MaxTimeoutms: whole(60_000, 500),
  MaxBatchItems: whole(32_000, 1),
  MaxConcurrentOperationsPerUser: whole(1_500, 1),
  EnumerationTimeoutms: whole(240_000, 1),
  MaxConnections: whole(300, 1),
  MaxPacketRetrievalTimeSeconds: whole(120, 1),
  AllowRemoteShellAccess: { kind: "boolean", fallback: true },
  IdleTimeout: whole(7_200_000, lowestIdleTimeoutMs),
  MaxConcurrentUsers: whole(10, 1),
  MaxShellRunTime: whole(28_800_000, 1),
  MaxProcessesPerShell: whole(25, 0),
  MaxShellsPerUser: whole(30, 1),
  CbtHardeningLevel: { kind: "choice", fallback: "Relaxed", choices: ["None", "Relaxed", "Strict"] },
  RootSDDL: {
    kind: "sddl",
    fallback: "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;ER)S:P(AU;FA;GA;;;WD)(AU;SA;GWGX;;;WD)",
  },
};

/** Names of all settings, in the spelling that is required. */
export const serviceSettingNames = Object.keys(rules) as readonly (keyof ServiceSettings)[];

/** What holds where nothing is set. */
export const defaultServiceSettings: ServiceSettings = Object.freeze(
  Object.fromEntries(serviceSettingNames.map((name) => [name, rules[name].fallback])),
) as unknown as ServiceSettings;

/**
 * The defaults with some settings replaced; values may be text, as on a command line.
 *
 * @throws UsageError `UnknownSetting` or `BadSetting`
 */
export function resolveServiceSettings(
  changes: Readonly<Record<string, string | number | boolean>> = {},
): ServiceSettings {
  const settings: Record<string, number | boolean | string> = { ...defaultServiceSettings };
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(rules, name)) {
      const near = serviceSettingNames.find((known) => known.toLowerCase() === name.toLowerCase());
      throw new UsageError(
        "UnknownSetting",
        `set ${name}: there is no such setting` + (near === undefined ? "" : `, did you mean ${near}`),
      );
    }
    settings[name] = read(name, rules[name as keyof ServiceSettings], value);
  }
  return settings as unknown as ServiceSettings;
}

function read(
  name: string,
  rule: Rule,
  value: string | number | boolean,
): number | boolean | string {
  if (rule.kind === "choice") {
    if (typeof value === "string" && rule.choices.includes(value)) return value;
    throw new UsageError("BadSetting", `set ${name}: the value is none of ${rule.choices.join(", ")}`);
  }
  if (rule.kind === "sddl") return readSddl(name, value);
  if (rule.kind === "boolean") {
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    throw new UsageError("BadSetting", `set ${name}: the value is neither true nor false`);
  }
  const number = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (
    typeof number !== "number" || !Number.isInteger(number) || number < rule.least || number > rule.most
  ) {
    throw new UsageError(
      "BadSetting",
      `set ${name}: the value is no whole number from ${rule.least} to ${rule.most}`,
    );
  }
  return number;
}

const genericRights = AccessRight.all | AccessRight.read | AccessRight.write | AccessRight.execute;

/** A refusal of rights that mean nothing here would let in those whom it is to keep out. */
function readSddl(name: string, value: string | number | boolean): string {
  let reason = "the value is no text";
  try {
    if (typeof value === "string") {
      const { dacl = [] } = parseSddl(value);
      if (dacl.every(({ rights }) => (rights & ~genericRights) === 0)) return value;
      reason = "rights other than GA, GR, GW and GX mean nothing here";
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    reason = error.message;
  }
  throw new UsageError("BadSetting", `set ${name}: ${reason}`);
}
