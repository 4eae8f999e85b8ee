/** Who may do what: SIDs, security descriptors, access checks, and what a PAC says of somebody. @module */
export { AccessRight, type AccessToken, type Ace, grants, type SecurityDescriptor } from "./access_check.ts";
export { readLogonInfo } from "./logon_info.ts";
export { parseSddl } from "./sddl.ts";
export { decodeSid, parseSid, type Sid } from "./sid.ts";
export {
  administrators,
  authenticatedUsers,
  builtinGroup,
  everyone,
  groupName,
  network,
  sidAliases,
} from "./well_known.ts";
