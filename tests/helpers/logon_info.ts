/** Writes the logon information of a PAC (KERB_VALIDATION_INFO, [MS-PAC] 2.5) as RPC does, for the tests of its reader. @module */
import { concat } from "../../protocol/bytes.ts";

/** A group: RID or SID, and its attributes. */
export interface Group<Name> {
  readonly name: Name;
  readonly attributes: number;
}

/** What is written. */
export interface LogonInfo {
  readonly domain?: string;
  readonly user: number;
  readonly primaryGroup: number;
  readonly groups?: readonly Group<number>[];
  readonly extraSids?: readonly Group<string>[];
  readonly resourceDomain?: string;
  readonly resourceGroups?: readonly Group<number>[];
  /** Default: those that fit the content. */
  readonly flags?: number;
  readonly texts?: readonly string[];
}

/** Its bytes, with both headers. */
export function logonInfo(info: LogonInfo): Uint8Array {
  const { groups = [], extraSids = [], resourceGroups = [], texts = [] } = info;
  const inline: number[] = [];
  const deferred: (() => void)[] = [];
  const out: number[] = [];
  let into = inline;
  let referent = 0x20000;
  const bytes = (...values: number[]) => into.push(...values);
  const u16 = (value: number) => bytes(value & 0xff, value >>> 8 & 0xff);
  const u32 = (value: number) => (u16(value & 0xffff), u16(value >>> 16));
  const zeros = (count: number) => bytes(...new Array<number>(count).fill(0));
  const align = () => zeros((4 - into.length % 4) % 4);
  const pointer = (write: (() => void) | undefined) => {
    u32(write === undefined ? 0 : referent += 4);
    if (write !== undefined) deferred.push(write);
  };
  const text = (value: string) => {
    u16(2 * value.length);
    u16(2 * value.length);
    pointer(() => {
      for (const number of [value.length, 0, value.length]) u32(number);
      for (let i = 0; i < value.length; i++) u16(value.charCodeAt(i));
      align();
    });
  };
  const sid = (value: string) => {
    const [authority, ...parts] = value.split("-").slice(2).map(Number);
    u32(parts.length);
    bytes(1, parts.length);
    for (const place of [5, 4, 3, 2, 1, 0]) bytes(Math.floor(authority! / 256 ** place) % 256);
    for (const part of parts) u32(part);
  };
  const sidPointer = (value: string | undefined) =>
    pointer(value === undefined ? undefined : () => sid(value));
  const rids = (list: readonly Group<number>[]) => {
    u32(list.length);
    pointer(
      list.length === 0 ? undefined : () => {
        u32(list.length);
        for (const { name, attributes } of list) (u32(name), u32(attributes));
      },
    );
  };

  zeros(48);
  for (let i = 0; i < 6; i++) text(texts[i] ?? "");
  zeros(4);
  u32(info.user);
  u32(info.primaryGroup);
  rids(groups);
  u32(info.flags ?? (extraSids.length > 0 ? 0x20 : 0) | (resourceGroups.length > 0 ? 0x200 : 0));
  zeros(16);
  text(texts[6] ?? "DC");
  text(texts[7] ?? "DOMAIN");
  sidPointer(info.domain);
  zeros(40);
  u32(extraSids.length);
  pointer(
    extraSids.length === 0 ? undefined : () => {
      u32(extraSids.length);
      for (const { attributes } of extraSids) {
        u32(referent += 4);
        u32(attributes);
      }
      for (const { name } of extraSids) sid(name);
    },
  );
  sidPointer(info.resourceDomain);
  rids(resourceGroups);

  into = out;
  u32(0x20000);
  out.push(...inline);
  for (const write of deferred) write();
  const headers = Uint8Array.fromHex("01100800cccccccc");
  return concat([headers, new Uint8Array(new Uint32Array([out.length, 0]).buffer), Uint8Array.from(out)]);
}
