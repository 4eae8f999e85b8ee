/** How a host is logged on to: the kinds of authentication with what each needs. @module */
import type { Authentication, InitiatorFactory } from "../../actors/host/mod.ts";
import type { ConnectionFacts, RandomSource } from "../../actors/ports.ts";
import {
  basicAuthorization,
  createNegotiateInitiator,
  createSpnegoInitiator,
  CredSspInitiator,
  DigestSession,
  type MechanismOffer,
  type NtlmInitiatorOptions,
  ntlmOffer,
  splitUserName,
} from "../../protocol/auth/mod.ts";
import { type DroverError, UsageError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import {
  createKerberosInitiator,
  type CredentialSource,
  hasDefaultTickets,
  kerberosMissing,
  kerberosOffer,
  kerberosPrincipal,
} from "../security/kerberos/mod.ts";
import { inTurns } from "../security/in_turns.ts";
import { assertOpenssl, clientTlsSessions } from "../security/tls_session.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import { serverEndPointBinding, serverEndPointData } from "../service/channel_binding.ts";

/** Kinds of authentication. */
export type AuthKind = "negotiate" | "kerberos" | "ntlm" | "credssp" | "digest" | "basic" | "certificate";

/** What Kerberos is told beside user and password. */
export interface KerberosOptions {
  /** Credential cache to take tickets from, e.g. `FILE:/tmp/krb5cc_1000`; default: the system's default cache. */
  readonly ccache?: string;
  /** File with the key of the user, instead of a password. */
  readonly keytab?: string;
  /** Class of the service's principal name, `HTTP` (default), `HOST` or `WSMAN`. */
  readonly service?: string;
  /** Host in the service's principal name; default: the address that is connected to. */
  readonly hostname?: string;
  /**
   * Realm of users that are named without one, and of `DOMAIN\name`; default: what krb5.conf says of the domain. It is no use for
   * `name@REALM`.
   */
  readonly realm?: string;
  /** Whether the service may act as the user on other machines, where the KDC allows it; default `false`. */
  readonly delegate?: boolean;
  /**
   * Whether nothing but the password that is given counts: tickets that lie about are not for hosts whose address somebody else has
   * chosen. Default `false`.
   */
  readonly passwordOnly?: boolean;
}

/** Who logs on to which host. */
export interface Logon {
  readonly host: InventoryHost;
  readonly kind: AuthKind;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly kerberos: KerberosOptions;
  /** Whether there is a certificate to show. */
  readonly certificate: boolean;
  /** Whether messages are sealed. */
  readonly seal: boolean;
  /** Told why a connection gets NTLM where Kerberos was wanted. */
  readonly onFallback?: ((reason: string) => void) | undefined;
}

/** Whether Kerberos is part of this logon: of `negotiate` only where there is something to prove oneself with to a KDC. */
export function usesKerberos({ host, kind, user, password, kerberos }: Logon): boolean {
  if (kind === "kerberos") return true;
  if ((kind !== "negotiate" && kind !== "credssp") || kerberosMissing() !== undefined) return false;
  if (kerberos.keytab !== undefined || kerberos.ccache !== undefined) return true;
  if (password === undefined) return kerberos.passwordOnly !== true && hasDefaultTickets();
  // No service is registered under an address, and without a realm the name is one of Windows' own.
  const named = kerberos.hostname !== undefined || !isAddress(host.address);
  return named && user !== undefined && /[^@]@[^@]/.test(kerberosPrincipal(user, kerberos.realm) ?? "");
}

/**
 * Checks that everything is there that the kind of logon needs.
 *
 * @throws UsageError `CredentialsMissing`, `KerberosUnavailable`, `KerberosUser`, `KerberosService`, `OpensslMissing`
 */
export function checkCredentials(logon: Logon): void {
  const { host, kind, user, password, kerberos } = logon;
  if (kind === "kerberos") {
    const missing = kerberosMissing();
    if (missing !== undefined) throw missing;
  }
  if (kind === "credssp") {
    // Both leave the process whole: tickets and keys would not do.
    if (user === undefined || user === "" || password === undefined) throw credentialsMissing(host, user);
    assertOpenssl();
  }
  if (kind === "certificate") {
    if (logon.certificate) return;
    throw new UsageError(
      "CredentialsMissing",
      `connect to ${host.name}: a certificate (--client-cert and --client-key, or ansible_winrm_cert_pem and ` +
        "ansible_winrm_cert_key_pem) is missing",
    );
  }
  if (user !== undefined && kind === "kerberos" && kerberosPrincipal(user, kerberos.realm) === undefined) {
    throw new UsageError(
      "KerberosUser",
      `connect to ${host.name}: the realm of ${user} is not known; name the user as name@REALM, say --kerberos-realm, or map ` +
        "the domain in krb5.conf ([domain_realm])",
    );
  }
  // Other characters have a meaning in names of principals.
  for (const part of [kerberos.service, kerberos.hostname, kerberos.realm]) {
    if (part !== undefined && !/^[\w.:-]+$/.test(part)) {
      throw new UsageError(
        "KerberosService",
        `connect to ${host.name}: ${part} is no part of a name of Kerberos`,
      );
    }
  }
  const noUser = user === undefined || user === "";
  // Tickets and keys say themselves whose they are.
  if (
    kerberos.passwordOnly !== true && usesKerberos(logon) &&
    (password === undefined || kerberos.keytab !== undefined || kerberos.ccache !== undefined)
  ) {
    return;
  }
  if (!noUser && password !== undefined) return;
  throw credentialsMissing(host, user);
}

function credentialsMissing(host: InventoryHost, user: string | undefined): UsageError {
  const missing = user === undefined || user === ""
    ? "a user name (--user or ansible_user)"
    : "a password (--password-env or ansible_password)";
  return new UsageError("CredentialsMissing", `connect to ${host.name}: ${missing} is missing`);
}

/** The logon as the actors take it. Without `ntlm` negotiation ends with Kerberos: never with less than was asked for. */
export function authenticationOf(logon: Logon, ntlm: boolean): Authentication {
  const { kind, user, password, seal } = logon;
  switch (kind) {
    case "basic":
      return { kind: "basic", authorization: () => basicAuthorization(user!, password!) };
    case "certificate":
      return { kind: "certificate" };
    case "digest":
      return {
        kind: "digest",
        session: (random) =>
          new DigestSession({
            username: user!,
            password: password!,
            random: (length) => random.bytes(length),
          }),
      };
    case "kerberos":
      return {
        kind: "negotiate",
        scheme: "Kerberos",
        seal,
        initiator: (facts) => createKerberosInitiator(kerberosLogon(logon, facts)),
      };
    case "ntlm":
      return {
        kind: "negotiate",
        scheme: "Negotiate",
        seal,
        initiator: (facts, random, wallNow) =>
          createNegotiateInitiator({ ...ntlmLogon(logon, facts, random, wallNow), wrap: "raw" }),
      };
    case "negotiate":
      return { kind: "negotiate", scheme: "Negotiate", seal, initiator: spnego(logon, ntlm) };
    case "credssp": {
      const inner = spnego(logon, ntlm);
      const { username, domain } = splitUserName(user!);
      return {
        kind: "negotiate",
        scheme: "CredSSP",
        seal,
        initiator: (facts, random, wallNow) =>
          inTurns(
            new CredSspInitiator({
              tls: clientTlsSessions().create(),
              // Bound by the proof of the inner TLS' key, not to the TLS around HTTP.
              inner: inner({ ...facts, tls: undefined }, random, wallNow),
              credentials: { username, domain, password: password! },
              random: (length) => random.bytes(length),
            }),
          ),
      };
    }
  }
}

/** SPNEGO with what there are credentials for. */
function spnego(logon: Logon, ntlm: boolean): InitiatorFactory {
  const withKerberos = usesKerberos(logon);
  const withNtlm = logon.password !== undefined && (ntlm || !withKerberos);
  return (facts, random, wallNow) => {
    const offers: MechanismOffer[] = [];
    if (withKerberos) {
      offers.push(kerberosOffer(kerberosLogon(logon, facts), fallsBack));
    }
    if (withNtlm) {
      const ntlm = ntlmOffer(ntlmLogon(logon, facts, random, wallNow));
      offers.push({
        ...ntlm,
        create: (fallback) => {
          // It is begun only when its turn has come: never is less taken than was offered without a word.
          if (fallback !== undefined) logon.onFallback?.(fallback);
          return ntlm.create();
        },
      });
    }
    return createSpnegoInitiator(offers);
  };
}

/** Failures that say that Kerberos is not to be had for this user or service: not those that say that it refused them. */
const absences: ReadonlySet<string> = new Set([
  "KdcNotFound",
  "KdcUnreachable",
  "KdcTimeout",
  "KerberosNoTickets",
  "KerberosUnknownPrincipal",
  "KerberosUnknownService",
  "KerberosWrongRealm",
]);

function fallsBack({ code }: DroverError): boolean {
  return absences.has(code);
}

function kerberosLogon(logon: Logon, facts: ConnectionFacts): Parameters<typeof createKerberosInitiator>[0] {
  const { host, kerberos } = logon;
  const certificate = facts.tls?.peerCertificate;
  return {
    source: sourceOf(logon),
    service: kerberos.service ?? "HTTP",
    host: kerberos.hostname ?? host.address,
    delegate: kerberos.delegate ?? false,
    bindings: certificate === undefined ? undefined : serverEndPointData(certificate),
  };
}

function sourceOf({ user, password, kerberos }: Logon): CredentialSource {
  const principal = user === "" || user === undefined ? undefined : kerberosPrincipal(user, kerberos.realm);
  if (kerberos.keytab !== undefined) return { kind: "keytab", file: kerberos.keytab, principal };
  if (kerberos.ccache !== undefined || password === undefined || principal === undefined) {
    return { kind: "ccache", cache: kerberos.ccache, principal };
  }
  return { kind: "password", principal, password };
}

function ntlmLogon(
  { host, user, password }: Logon,
  facts: ConnectionFacts,
  random: RandomSource,
  wallNow: () => number,
): NtlmInitiatorOptions {
  const { username, domain } = splitUserName(user!);
  const certificate = facts.tls?.peerCertificate;
  const channelBinding = certificate === undefined ? undefined : serverEndPointBinding(certificate);
  return {
    // Binds the logon to this TLS connection, so that nobody between can pass it on (CbtHardeningLevel).
    ...(channelBinding === undefined ? {} : { channelBinding }),
    credential: { username, domain, password: password! },
    targetName: `HTTP/${host.address}`,
    random: (length) => random.bytes(length),
    now: wallNow,
    guard: reflectionGuard,
  };
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}
