/** SIDs that mean the same on every machine, by the names that SDDL ([MS-DTYP] 2.5.1.1) and people have for them. @module */
import type { Sid } from "./sid.ts";

/** Everybody. */
export const everyone: Sid = "S-1-1-0";
/** Whoever comes over the network. */
export const network: Sid = "S-1-5-2";
/** Whoever has proven who they are. */
export const authenticatedUsers: Sid = "S-1-5-11";
/** BUILTIN\Administrators. */
export const administrators: Sid = "S-1-5-32-544";

/** Groups of the machine itself ([MS-DTYP] 2.4.2.4), by name and alias. */
const builtin: readonly (readonly [alias: string, rid: number, name: string])[] = [
  ["BA", 544, "Administrators"],
  ["BU", 545, "Users"],
  ["BG", 546, "Guests"],
  ["PU", 547, "Power Users"],
  ["AO", 548, "Account Operators"],
  ["SO", 549, "Server Operators"],
  ["PO", 550, "Print Operators"],
  ["BO", 551, "Backup Operators"],
  ["RE", 552, "Replicators"],
  ["RU", 554, "Pre-Windows 2000 Compatible Access"],
  ["RD", 555, "Remote Desktop Users"],
  ["NO", 556, "Network Configuration Operators"],
  ["MU", 558, "Performance Monitor Users"],
  ["LU", 559, "Performance Log Users"],
  ["IS", 568, "IIS_IUSRS"],
  ["CY", 569, "Cryptographic Operators"],
  ["ER", 573, "Event Log Readers"],
  ["CD", 574, "Certificate Service DCOM Access"],
  ["RA", 575, "RDS Remote Access Servers"],
  ["ES", 576, "RDS Endpoint Servers"],
  ["MS", 577, "RDS Management Servers"],
  ["HA", 578, "Hyper-V Administrators"],
  ["AA", 579, "Access Control Assistance Operators"],
  ["RM", 580, "Remote Management Users"],
];

const builtinPrefix = "S-1-5-32-";

/** Aliases of SDDL. Those that name a group of "the" domain (DA, DU…) are none: they mean nothing without its SID. */
export const sidAliases: ReadonlyMap<string, Sid> = new Map([
  ...builtin.map(([alias, rid]) => [alias, `${builtinPrefix}${rid}`] as const),
  ["WD", everyone],
  ["NU", network],
  ["IU", "S-1-5-4"],
  ["SU", "S-1-5-6"],
  ["AN", "S-1-5-7"],
  ["ED", "S-1-5-9"],
  ["AU", authenticatedUsers],
  ["RC", "S-1-5-12"],
  ["SY", "S-1-5-18"],
  ["LS", "S-1-5-19"],
  ["NS", "S-1-5-20"],
  ["WR", "S-1-5-33"],
]);

const byName = new Map(builtin.map(([, rid, name]) => [name.toLowerCase(), `${builtinPrefix}${rid}`]));
const bySid = new Map(builtin.map(([, rid, name]) => [`${builtinPrefix}${rid}`, name]));

/** The group of the machine with this name, in any case, with or without `BUILTIN\` in front; `undefined`: there is none. */
export function builtinGroup(name: string): Sid | undefined {
  return byName.get(name.toLowerCase().replace(/^builtin\\/, ""));
}

/** The name of a group of the machine; of other SIDs, the SID. */
export function groupName(sid: Sid): string {
  return bySid.get(sid) ?? sid;
}
