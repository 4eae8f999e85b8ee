/**
 * Who a Windows domain says that somebody is: the logon information of a PAC (KERB_VALIDATION_INFO, [MS-PAC] 2.5). Whether the PAC is
 * to be believed, others have checked: its signature is made with the key of the service.
 * @module
 */
import type { AccessToken } from "./access_check.ts";
import { malformed, NdrReader } from "./ndr_reader.ts";
import { decodeSid, maxSubAuthorities, type Sid, withRid } from "./sid.ts";

/** Bits of the attributes of a group ([MS-PAC] 2.2.1; SE_GROUP_… of Windows). */
const GroupAttribute = { enabled: 0x04, useForDenyOnly: 0x10 } as const;

/** Bits of UserFlags. */
const UserFlag = { extraSids: 0x20, resourceGroups: 0x200 } as const;

/** More than a ticket that reaches us can have. */
const maxLength = 1024 * 1024;

/** A group and how it counts. */
interface Membership {
  readonly sid: Sid;
  readonly attributes: number;
}

/**
 * Reads who somebody is: the account, its primary group, and its groups as far as they are enabled or refuse only.
 *
 * @throws ProtocolError `PacMalformed`, `SidMalformed`
 */
export function readLogonInfo(bytes: Uint8Array): AccessToken {
  if (bytes.length > maxLength) throw malformed("it is too long");
  const ndr = new NdrReader(bytes);
  if (!ndr.pointer()) throw malformed("it is empty");

  // The structure; what its pointers point to follows it, in their order.
  ndr.skip(6 * 8);
  const names = Array.from({ length: 6 }, () => stringPointer(ndr));
  ndr.skip(2 * 2);
  const [userId, primaryGroupId, groupCount] = [ndr.u32(), ndr.u32(), ndr.u32()];
  const groupsFollow = ndr.pointer();
  const flags = ndr.u32();
  ndr.skip(16);
  const servers = [stringPointer(ndr), stringPointer(ndr)];
  const domainFollows = ndr.pointer();
  ndr.skip(2 * 4 + 2 * 4 + 2 * 8 + 2 * 4);
  const extraCount = ndr.u32();
  const extrasFollow = ndr.pointer();
  const resourceDomainFollows = ndr.pointer();
  const resourceCount = ndr.u32();
  const resourcesFollow = ndr.pointer();

  for (const follows of names) if (follows) skipString(ndr);
  const groups = readRids(ndr, groupCount, groupsFollow);
  for (const follows of servers) if (follows) skipString(ndr);
  const domain = domainFollows ? readSid(ndr) : undefined;
  const extras = readSids(ndr, extraCount, extrasFollow);
  const resourceDomain = resourceDomainFollows ? readSid(ndr) : undefined;
  const resources = readRids(ndr, resourceCount, resourcesFollow);

  const members: Membership[] = groups.map(({ rid, attributes }) => ({
    sid: inDomain(domain, rid),
    attributes,
  }));
  const primary = inDomain(domain, primaryGroupId);
  if (!members.some(({ sid }) => sid === primary)) {
    members.push({ sid: primary, attributes: GroupAttribute.enabled });
  }
  if ((flags & UserFlag.extraSids) !== 0) members.push(...extras);
  if ((flags & UserFlag.resourceGroups) !== 0) {
    members.push(
      ...resources.map(({ rid, attributes }) => ({ sid: inDomain(resourceDomain, rid), attributes })),
    );
  }
  // Of an account of another place the first of the extra SIDs is its own.
  const user = userId === 0 ? extras[0]?.sid : inDomain(domain, userId);
  return tokenOf(user, members);
}

function tokenOf(user: Sid | undefined, members: readonly Membership[]): AccessToken {
  const has = (bit: number) => ({ attributes }: Membership) => (attributes & bit) !== 0;
  const denyOnly = new Set(members.filter(has(GroupAttribute.useForDenyOnly)).map(({ sid }) => sid));
  const enabled = members.filter(has(GroupAttribute.enabled)).map(({ sid }) => sid);
  const sids = new Set(enabled.filter((sid) => !denyOnly.has(sid)));
  if (user !== undefined) sids.add(user);
  return { sids, denyOnly };
}

function inDomain(domain: Sid | undefined, rid: number): Sid {
  const sid = domain === undefined ? undefined : withRid(domain, rid);
  if (sid === undefined) throw malformed("a group or account has no domain that it could be of");
  return sid;
}

/** RPC_UNICODE_STRING ([MS-DTYP] 2.3.10) without its text. */
function stringPointer(ndr: NdrReader): boolean {
  ndr.u16();
  ndr.u16();
  return ndr.pointer();
}

/** A conformant and varying array of UTF-16. */
function skipString(ndr: NdrReader): void {
  const [most, offset, length] = [ndr.u32(), ndr.u32(), ndr.u32()];
  if (offset !== 0 || length > most) throw malformed("a text has another length than is said");
  ndr.skip(2 * length);
}

/** An array of GROUP_MEMBERSHIP ([MS-PAC] 2.2.2). */
function readRids(
  ndr: NdrReader,
  count: number,
  follows: boolean,
): readonly { readonly rid: number; readonly attributes: number }[] {
  if (!follows) return none(count);
  return Array.from({ length: ndr.array(count, 8) }, () => ({ rid: ndr.u32(), attributes: ndr.u32() }));
}

/** An array of KERB_SID_AND_ATTRIBUTES ([MS-PAC] 2.2.1), and the SIDs that its pointers point to behind it. */
function readSids(ndr: NdrReader, count: number, follows: boolean): readonly Membership[] {
  if (!follows) return none(count);
  const entries = Array.from(
    { length: ndr.array(count, 8) },
    () => ({ present: ndr.pointer(), attributes: ndr.u32() }),
  );
  return entries.map(({ present, attributes }) => {
    if (!present) throw malformed("an extra SID is missing");
    return { sid: readSid(ndr), attributes };
  });
}

function none(count: number): readonly [] {
  if (count !== 0) throw malformed("an array is missing");
  return [];
}

/** RPC_SID ([MS-DTYP] 2.4.2.3): the count of its parts comes before it, too. */
function readSid(ndr: NdrReader): Sid {
  const count = ndr.u32();
  if (count < 1 || count > maxSubAuthorities) throw malformed("a SID has too many parts, or none");
  const bytes = ndr.bytes(8 + 4 * count);
  if (bytes[1] !== count) throw malformed("a SID has another length than is said");
  return decodeSid(bytes);
}
