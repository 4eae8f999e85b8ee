/** What a connection was logged on with. @module */
import type { SecurityContext } from "../../protocol/ports.ts";

/** What a host was logged on to with. */
export interface LogonUsed {
  /** What proved who we are. Inside of `CredSSP`, Kerberos or NTLM did. */
  readonly mechanism: "Kerberos" | "NTLM" | "CredSSP" | "Digest" | "Basic" | "Certificate";
  /** Why NTLM is used in place of Kerberos; absent: it is not. */
  readonly fallback?: string;
}

/** By kind of authentication. */
const withoutDialogue = {
  anonymous: undefined,
  basic: { mechanism: "Basic" },
  certificate: { mechanism: "Certificate" },
  digest: { mechanism: "Digest" },
} as const satisfies Record<string, LogonUsed | undefined>;

/** What a connection was logged on with by a kind of authentication, and its dialogue, where it has one; `undefined`: nothing. */
export function logonUsed(
  kind: keyof typeof withoutDialogue | "negotiate",
  security: SecurityContext | undefined,
): LogonUsed | undefined {
  if (kind !== "negotiate") return withoutDialogue[kind];
  if (security?.mechanism === undefined) return undefined;
  const { mechanism, fallback } = security;
  return fallback === undefined ? { mechanism } : { mechanism, fallback };
}

/** In words: `NTLM in place of Kerberos (…)`. */
export function describeLogon({ mechanism, fallback }: LogonUsed): string {
  if (fallback === undefined) return mechanism;
  const used = mechanism === "NTLM" ? mechanism : `${mechanism} with NTLM`;
  return `${used} in place of Kerberos (${fallback})`;
}
