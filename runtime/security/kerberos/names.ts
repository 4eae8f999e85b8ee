/** From the names that accounts have on Windows to principals. @module */
import type { Realms } from "../../../ffi/gssapi/mod.ts";

/**
 * The principal of a user, as `kinit` writes it, or `name@suffix@REALM` where the KDC of REALM is to say whose the name is (an
 * enterprise name, RFC 6806 section 5). `undefined`: it is no name of Kerberos, as far as krb5.conf tells.
 *
 * - `name@REALM` stays as it is; a realm of krb5.conf is known in lower case, too.
 * - `name@suffix`, in lower case and no realm of krb5.conf, is a user principal name of Active Directory.
 * - `DOMAIN\name` is `name` in the realm that `[domain_realm]` has for the domain, or that is called so, whole or up to its first
 *   dot, if there is only one. The dot of `.\name` is the host itself, where Kerberos has no say.
 * - `realm` is that of names without one, and goes before what is found for a domain or suffix.
 */
export function principalOf(user: string, realms: Realms, realm?: string): string | undefined {
  const slash = user.indexOf("\\");
  if (slash >= 0) {
    const [domain, name] = [user.slice(0, slash), user.slice(slash + 1)];
    // These mean something in the name of a principal.
    if (domain === "." || domain === "" || name === "" || /[\\/@]/.test(name)) return undefined;
    const home = realm ?? realmOfDomain(domain, realms);
    return home === undefined ? undefined : `${name}@${home}`;
  }
  const at = user.lastIndexOf("@");
  if (at < 0) return realm === undefined || user === "" ? user : `${user}@${realm}`;
  const [name, suffix] = [user.slice(0, at), user.slice(at + 1)];
  const known = allOf(realms).find((candidate) => sameText(candidate, suffix));
  if (known !== undefined) return `${name}@${known}`;
  if (suffix === suffix.toUpperCase()) return user;
  const home = realm ?? mapped(suffix, realms) ?? realms.standard;
  return home === undefined || name.includes("@") ? user : `${user}@${home}`;
}

function realmOfDomain(domain: string, realms: Realms): string | undefined {
  const said = mapped(domain, realms);
  if (said !== undefined) return said;
  const all = allOf(realms);
  const same = all.find((realm) => sameText(realm, domain));
  if (same !== undefined || domain.includes(".")) return same;
  const called = all.filter((realm) => sameText(realm.split(".")[0]!, domain));
  return called.length === 1 ? called[0] : undefined;
}

function mapped(domain: string, { domains }: Realms): string | undefined {
  const key = domain.toLowerCase();
  return domains.get(key) ?? domains.get(`.${key}`);
}

function allOf({ standard, names }: Realms): string[] {
  return [...new Set([...(standard === undefined ? [] : [standard]), ...names])];
}

function sameText(one: string, other: string): boolean {
  return one.toUpperCase() === other.toUpperCase();
}
