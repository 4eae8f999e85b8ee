/** Names of the sealing protocols ([MS-WSMV] 2.2.9.1). @module */

/** The HTTP authentication schemes whose contexts can seal bodies. */
export type SealingScheme = "Negotiate" | "Kerberos" | "CredSSP";

const protocols: Readonly<Record<SealingScheme, string>> = {
  Negotiate: "application/HTTP-SPNEGO-session-encrypted",
  Kerberos: "application/HTTP-Kerberos-session-encrypted",
  CredSSP: "application/HTTP-CredSSP-session-encrypted",
};

/**
 * The media type that names how a body was sealed. It follows the scheme of the HTTP headers: under `Negotiate` it is
 * SPNEGO's even where the mechanism inside is Kerberos.
 */
export function sealedProtocol(scheme: SealingScheme): string {
  return protocols[scheme];
}
