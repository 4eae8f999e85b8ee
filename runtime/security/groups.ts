/** Groups of accounts: how they are written, and who an account is with them. @module */
import {
  type AccessToken,
  administrators,
  authenticatedUsers,
  builtinGroup,
  everyone,
  network,
  parseSid,
  type Sid,
} from "../../protocol/access/mod.ts";
import { UsageError } from "../../protocol/errors.ts";

/** The groups of accounts that say nothing else. */
export const defaultGroups: readonly Sid[] = [administrators];

/** What everybody is who has logged on over the network. */
const allWhoLogOn: readonly Sid[] = [everyone, network, authenticatedUsers];

/**
 * Reads groups: SIDs and names of groups of the machine, with commas; `none`: no groups.
 *
 * @throws UsageError `GroupUnknown`
 */
export function readGroups(text: string): readonly Sid[] {
  if (text.trim().toLowerCase() === "none") return [];
  const sids = text.split(",").map((word) => {
    const name = word.trim();
    const sid = parseSid(name) ?? builtinGroup(name);
    if (sid !== undefined) return sid;
    throw new UsageError(
      "GroupUnknown",
      `read groups: ${
        name === "" ? "a name is empty" : `${name} is neither a SID nor a group of this machine`
      }`,
    );
  });
  return [...new Set(sids)];
}

/** Who an account is, with its groups and what its domain has said of it. */
export function tokenOf(groups: readonly Sid[], domain: AccessToken | undefined): AccessToken {
  return {
    sids: new Set([...allWhoLogOn, ...groups, ...domainSids(domain?.sids)]),
    denyOnly: new Set(domainSids(domain?.denyOnly)),
  };
}

/**
 * A domain vouches for its own accounts and groups, and for how somebody has proven to it who they are (S-1-18). What this machine's
 * own groups are, and who is the system, is not for it to say.
 */
function domainSids(sids: ReadonlySet<Sid> = new Set()): readonly Sid[] {
  return [...sids].filter((sid) => sid.startsWith("S-1-5-21-") || sid.startsWith("S-1-18-"));
}
