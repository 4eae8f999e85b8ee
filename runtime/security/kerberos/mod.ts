/** Kerberos for client and service, through MIT's library where it is installed. @module */
import { GssLibrary, GssUnavailable, readRealms, type Realms } from "../../../ffi/gssapi/mod.ts";
import { kerberosOids, type MechanismOffer } from "../../../protocol/auth/mod.ts";
import { type DroverError, UsageError } from "../../../protocol/errors.ts";
import { isKerberosToken } from "../../../protocol/auth/mod.ts";
import { KerberosAcceptor, ServiceKeys } from "./acceptor.ts";
import { Credentials } from "./credentials.ts";
import { variable } from "./default_cache.ts";
import { kerberosError } from "./errors.ts";
import { principalOf } from "./names.ts";
import { systemClock } from "../../clock.ts";
import { KerberosInitiator, type KerberosLogon } from "./initiator.ts";

export { callsUnderWay } from "../../../ffi/gssapi/mod.ts";
export { hasDefaultTickets } from "./default_cache.ts";
export type { CredentialSource } from "./credentials.ts";
export type { KerberosLogon } from "./initiator.ts";
export { KerberosAcceptor, type ServiceKeys } from "./acceptor.ts";
export { PasswordTickets } from "./password_tickets.ts";

let shared: { readonly library: GssLibrary; readonly credentials: Credentials } | GssUnavailable | undefined;

/** The library with the credentials of this process; loaded when first asked for. */
function kerberos(): { readonly library: GssLibrary; readonly credentials: Credentials } {
  if (shared === undefined) {
    try {
      const library = GssLibrary.load(variable("DROVER_GSSAPI_LIBRARY"));
      shared = { library, credentials: new Credentials(library) };
    } catch (error) {
      if (!(error instanceof GssUnavailable)) throw error;
      shared = error;
    }
  }
  if (shared instanceof GssUnavailable) throw shared;
  return shared;
}

/** Milliseconds for which krb5.conf is believed. */
const realmsMs = 10_000;
let realms: { readonly until: number; readonly read: Realms } | undefined;

/** The principal of a user by krb5.conf, see {@link principalOf}; `undefined`: it has none. Only where Kerberos can be used. */
export function kerberosPrincipal(user: string, realm: string | undefined): string | undefined {
  const now = systemClock.monotonic();
  if (realms === undefined || now >= realms.until) {
    realms = { until: now + realmsMs, read: readRealms(kerberos().library) };
  }
  return principalOf(user, realms.read, realm);
}

/** Why Kerberos cannot be used in this process, and what to install; `undefined`: it can. */
export function kerberosMissing(): UsageError | undefined {
  try {
    kerberos();
    return undefined;
  } catch (error) {
    if (error instanceof GssUnavailable) {
      return new UsageError("KerberosUnavailable", `use Kerberos: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/**
 * A client's logon.
 *
 * @throws UsageError `KerberosUnavailable` when the library is missing: the message says what to install
 */
export function createKerberosInitiator(logon: KerberosLogon): KerberosInitiator {
  try {
    const { library, credentials } = kerberos();
    return new KerberosInitiator(library, credentials, logon);
  } catch (error) {
    throw kerberosError(error, "authenticate with Kerberos");
  }
}

/** Kerberos for SPNEGO to offer. `fallsBack` says for which failures of its first step the next mechanism is offered. */
export function kerberosOffer(
  logon: KerberosLogon,
  fallsBack: (error: DroverError) => boolean,
): MechanismOffer {
  return {
    oids: kerberosOids,
    create: () => createKerberosInitiator(logon),
    isBare: isKerberosToken,
    fallsBack,
  };
}

/**
 * Opens the keys of a service.
 *
 * @throws UsageError `KerberosUnavailable`, `KerberosKeytab` and others
 */
export async function openServiceKeys(keytab: string): Promise<ServiceKeys> {
  try {
    return await ServiceKeys.open(kerberos().library, keytab);
  } catch (error) {
    throw kerberosError(error, `open keytab ${keytab}`);
  }
}

/** Kerberos for a service's SPNEGO to choose; `created` is told of the dialogue. */
export function kerberosChoice(
  keys: ServiceKeys,
  bindings: Uint8Array | undefined,
  created: (acceptor: KerberosAcceptor) => void,
): MechanismOffer {
  return {
    oids: kerberosOids,
    create: () => {
      const acceptor = new KerberosAcceptor(keys, bindings);
      created(acceptor);
      return acceptor;
    },
    isBare: isKerberosToken,
  };
}
