/**
 * Who a request is addressed to, and where it comes from. A page of another site must not reach the daemon through somebody's
 * browser: neither by a name of its own that leads to this machine (DNS rebinding), nor by a cross-site request.
 * @module
 */
import { isIP } from "node:net";
import { Problem } from "../problems.ts";

/**
 * Checks Host, Origin and Sec-Fetch-Site of a request. `names`: host names that lead here, in lower case. `page`: whether it gets a page
 * that is the same for everybody; links of other sites may lead there, as the only thing that is seen (no frame, no script's request).
 */
export function checkOrigin(headers: Headers, names: ReadonlySet<string>, page = false): void {
  const host = headers.get("Host") ?? "";
  if (!isOurs(host, names)) {
    throw new Problem(
      421,
      "HostRefused",
      "the Host header names none of this daemon's names; start it with --name NAME to add one",
    );
  }
  const origin = headers.get("Origin");
  if (origin !== null && !sameOrigin(origin, host)) {
    throw new Problem(403, "OriginRefused", "requests from pages of other sites are refused");
  }
  const site = headers.get("Sec-Fetch-Site");
  const followed = page && headers.get("Sec-Fetch-Mode") === "navigate" &&
    headers.get("Sec-Fetch-Dest") === "document";
  if (site !== null && site !== "same-origin" && site !== "none" && !followed) {
    throw new Problem(403, "OriginRefused", "requests from pages of other sites are refused");
  }
}

/** An address can be nobody's trick: only a name can be made to lead elsewhere. */
function isOurs(host: string, names: ReadonlySet<string>): boolean {
  const name = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/@\s]+)(?::\d{1,5})?$/.exec(host)?.[1]?.toLowerCase();
  if (name === undefined) return false;
  return isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 || names.has(name);
}

function sameOrigin(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}
