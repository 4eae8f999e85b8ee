/**
 * Tickets with a PAC as a Windows domain gives them, made with the keys of the service by impacket's ticketer: MIT's KDC puts no logon
 * information into PACs.
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Kdc } from "./kdc.ts";
import { python, user } from "./world.ts";

const forge = fileURLToPath(new URL("peers/forge_pac.py", import.meta.url));

/** SID of the domain that the tickets are of. */
export const domain = "S-1-5-21-1111-2222-3333";

/** What a ticket says of {@link user}. */
export interface PacContent {
  /** RIDs of groups of {@link domain}. */
  readonly groups: readonly number[];
  /** SIDs of other groups. */
  readonly extraSids?: readonly string[];
}

/** A ccache with a ticket for `HTTP/localhost`. */
export async function ticketWith(kdc: Kdc, { groups, extraSids = [] }: PacContent): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: kdc.folder });
  await run(kdc, folder, [
    `${dirname(python!)}/ticketer.py`,
    ...["-spn", "HTTP/localhost", "-keytab", kdc.keytab, "-duration", "10"],
    ...["-domain", kdc.realm.toLowerCase(), "-domain-sid", domain, "-user-id", "1105"],
    ...["-groups", groups.join(",")],
    ...(extraSids.length === 0 ? [] : ["-extra-sid", extraSids.join(",")]),
    user,
  ]);
  return `FILE:${folder}/${user}.ccache`;
}

/** A change of the bytes of a PAC: hex, of one length. */
export interface PacChange {
  readonly from: string;
  readonly to: string;
  /** Whether the PAC is signed anew. */
  readonly sign: boolean;
}

/** The ticket of a ccache with a changed PAC. */
export async function withChangedPac(
  kdc: Kdc,
  ccache: string,
  { from, to, sign }: PacChange,
): Promise<string> {
  const source = ccache.replace("FILE:", "");
  const service = `HTTP/localhost@${kdc.realm}`;
  const changed = `${source}.${crypto.randomUUID()}`;
  await run(kdc, kdc.folder, [
    ...[forge, source, changed, kdc.keytab, service, from, to],
    sign ? "sign" : "keep",
  ]);
  return `FILE:${changed}`;
}

/** GROUP_MEMBERSHIP ([MS-PAC] 2.2.2), mandatory and enabled, hex. */
export function membership(rid: number): string {
  return new Uint8Array(new Uint32Array([rid, 7]).buffer).toHex();
}

async function run(kdc: Kdc, cwd: string, args: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(python!, {
    args: [...args],
    cwd,
    env: { ...kdc.environment },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`run ${args[0]}: ${text(stdout)}${text(stderr)}`);
}
