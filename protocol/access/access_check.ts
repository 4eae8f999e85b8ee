/** Who may do what: the access check of a security descriptor ([MS-DTYP] 2.5.3.2). @module */
import type { Sid } from "./sid.ts";

/** Generic rights ([MS-DTYP] 2.4.3), as bits of a mask. */
export const AccessRight = {
  all: 0x1000_0000,
  execute: 0x2000_0000,
  write: 0x4000_0000,
  read: 0x8000_0000,
} as const;

/** One entry of a list. */
export interface Ace {
  readonly kind: "allow" | "deny" | "audit" | "alarm";
  /** Tokens of SDDL, e.g. `IO`. */
  readonly flags: readonly string[];
  /** Of 32 bits, without a sign. */
  readonly rights: number;
  readonly sid: Sid;
}

/** A security descriptor ([MS-DTYP] 2.4.6). */
export interface SecurityDescriptor {
  readonly owner: Sid | undefined;
  readonly group: Sid | undefined;
  /** Who may; `undefined`: everybody, everything. */
  readonly dacl: readonly Ace[] | undefined;
  /** What is audited. */
  readonly sacl: readonly Ace[] | undefined;
}

/** Who somebody is ([MS-DTYP] 2.5.2, as far as it is asked here). */
export interface AccessToken {
  /** The account and its groups. */
  readonly sids: ReadonlySet<Sid>;
  /** Groups that can take rights and give none (SE_GROUP_USE_FOR_DENY_ONLY). */
  readonly denyOnly: ReadonlySet<Sid>;
}

/**
 * Whether the descriptor gives `token` all `rights`, of which each is one of {@link AccessRight} other than `all`. Entries count in
 * their order: the first that says something about a right decides it. A list without entries gives nobody anything.
 */
export function grants({ dacl }: SecurityDescriptor, token: AccessToken, rights: number): boolean {
  if (dacl === undefined) return true;
  let missing = rights;
  for (const ace of dacl) {
    if (missing === 0) return true;
    // Such entries are for what is made below the object.
    if (ace.flags.includes("IO")) continue;
    const said = mapped(ace.rights);
    if (ace.kind === "deny") {
      if ((said & missing) !== 0 && (token.sids.has(ace.sid) || token.denyOnly.has(ace.sid))) return false;
    } else if (ace.kind === "allow" && token.sids.has(ace.sid)) {
      missing &= ~said;
    }
  }
  return missing === 0;
}

/** GENERIC_ALL is the three others here. */
function mapped(rights: number): number {
  return (rights & AccessRight.all) === 0
    ? rights
    : rights | AccessRight.read | AccessRight.write | AccessRight.execute;
}
