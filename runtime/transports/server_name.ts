/** The name in a server's certificate, checked the same way for every engine. @module */
import { isIP } from "node:net";
import { boundsNames, namesHost, readServerNames } from "../../protocol/auth/server_names.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { nameAdvice } from "./tls_errors.ts";

/**
 * Throws NetworkError `TlsUntrusted` unless the certificate (DER) is for `host`, ProtocolError when it cannot be read. Its common name
 * counts where it has no other names; not where one of `authorities`, which may stand above it, is bound to some names: such bounds say
 * nothing of common names.
 */
export function checkServerName(
  host: string,
  certificate: Uint8Array,
  authorities: () => readonly Uint8Array[],
): void {
  const { dns, addresses, common, alternative } = readServerNames(certificate);
  const names = alternative || authorities().some(boundsNames) ? dns : common;
  const texts = addresses.map(textOf);
  const wanted = host.replace(/\.$/, "");
  const isNamed = isIP(wanted) !== 0
    ? texts.includes(canonical(wanted))
    : names.some((name) => namesHost(name, wanted));
  if (!isNamed) throw untrusted(host, [...texts, ...names.filter((name) => isIP(name) === 0)]);
}

/** Names that an error tells. */
const mostTold = 5;

function untrusted(host: string, names: readonly string[]): NetworkError {
  const told = names.slice(0, mostTold).join(", ") + (names.length > mostTold ? ", …" : "");
  return new NetworkError(
    "TlsUntrusted",
    `the server's certificate is not trusted: it is not for ${host}, but for ${
      told || "no host"
    }; ${nameAdvice}`,
  );
}

function textOf(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  if (address.length !== 16) return "an address that is none";
  const groups = Array.from(
    { length: 8 },
    (_, index) => (address[2 * index]! << 8 | address[2 * index + 1]!).toString(16),
  );
  return canonical(groups.join(":"));
}

/** The one spelling of an IP address. */
function canonical(address: string): string {
  if (isIP(address) === 4) return address;
  return new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
}
