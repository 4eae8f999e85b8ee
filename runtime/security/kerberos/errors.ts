/** What Kerberos' failures mean to whom they happen. @module */
import {
  DeniedError,
  DroverError,
  NetworkError,
  ProtocolError,
  UsageError,
} from "../../../protocol/errors.ts";
import { GssError, GssUnavailable, RoutineError } from "../../../ffi/gssapi/mod.ts";

type Maker = (action: string, text: string) => DroverError;

const denied = (code: string, state: string): Maker => (action) =>
  new DeniedError(code, `${action}: ${state}`);
const network = (code: string, state: string): Maker => (action) =>
  new NetworkError(code, `${action}: ${state}`);

/** Errors of the protocol count up from here (KRB_ERROR codes of RFC 4120 section 7.5.9), those of libkrb5 follow them. */
const base = -1_765_328_384;

const wrongPassword = denied("KerberosWrongPassword", "the password is wrong");
const skewCode = "KerberosClockSkew";
const clockSkew = denied(
  skewCode,
  "the clocks of this machine, the KDC and the service are too far apart (more than krb5.conf's clockskew, five " +
    "minutes as a rule); set them",
);
const serviceRevoked = denied(
  "KerberosServiceRevoked",
  "the service's own account has expired, is disabled or locked; the KDC's administrator can change that",
);
const noTickets: Maker = (action, text) =>
  new UsageError(
    "KerberosNoTickets",
    `${action}: there are no tickets to use (${text}); run kinit, or give a password or a keytab`,
  );
const noKeys: Maker = (action, text) =>
  new UsageError("KerberosKeytab", `${action}: the keytab cannot be read, or has no key that fits (${text})`);
const unreadable: Maker = (action, text) =>
  new DeniedError(
    "KerberosTicketRefused",
    `${action}: the ticket was not made with this service's key (${text})`,
  );

/** By minor status. */
const byMinor: ReadonlyMap<number, Maker> = new Map<number, Maker>([
  [
    base + 1,
    denied("KerberosAccountExpired", "the account has expired; the domain's administrator can change that"),
  ],
  [base + 2, serviceRevoked],
  [base + 6, denied("KerberosUnknownPrincipal", "the KDC does not know the account")],
  [
    base + 7,
    denied(
      "KerberosUnknownService",
      "the KDC does not know the service; register the name, or say the host's name with --kerberos-hostname",
    ),
  ],
  [base + 12, denied("KerberosPolicy", "the KDC's policy forbids it")],
  [
    base + 14,
    (action) => new ProtocolError("KerberosCipher", `${action}: there is no cipher that both sides have`),
  ],
  [
    base + 18,
    denied(
      "KerberosAccountLocked",
      "the account is disabled, locked or expired (the KDC says no more); its administrator can change that, and guesses may " +
        "lock it for a while only",
    ),
  ],
  [base + 19, serviceRevoked],
  [base + 23, denied("KerberosPasswordExpired", "the password has expired and must be changed (kpasswd)")],
  [base + 24, wrongPassword],
  [base + 31, wrongPassword],
  [base + 32, denied("KerberosTicketExpired", "the ticket has expired; run kinit anew")],
  [base + 33, clockSkew],
  [base + 34, denied("KerberosReplay", "the token was used before")],
  [base + 35, unreadable],
  [base + 37, clockSkew],
  [base + 41, unreadable],
  [base + 44, unreadable],
  [base + 45, unreadable],
  [base + 68, network("KerberosWrongRealm", "the KDC is of another realm")],
  [base + 141, noTickets],
  [
    base + 154,
    network("KdcNotFound", "no KDC of the realm is known; see krb5.conf, and write realms in upper case"),
  ],
  [base + 156, network("KdcUnreachable", "no KDC of the realm can be reached")],
  [base + 181, noKeys],
  [base + 195, noTickets],
]);

/** By routine error, where the minor status says nothing known. */
const byRoutine: ReadonlyMap<number, Maker> = new Map<number, Maker>([
  [
    RoutineError.badBindings,
    denied("ChannelBinding", "the logon was made for another TLS connection (channel binding)"),
  ],
  [RoutineError.noCredential, noTickets],
  [
    RoutineError.credentialsExpired,
    denied("KerberosTicketExpired", "the ticket has expired; run kinit anew"),
  ],
  [
    RoutineError.contextExpired,
    denied("SecurityContextExpired", "the logon has ended with its ticket"),
  ],
  [
    RoutineError.defectiveToken,
    (action, text) => new ProtocolError("KerberosMalformed", `${action}: the token cannot be read (${text})`),
  ],
]);

/** Whether it is about clocks. */
export function isClockSkew({ code }: DroverError): boolean {
  return code === skewCode;
}

/** What a service says of its own clock, which is at `serverTime` when ours is at `now` (milliseconds since 1970). */
export function serviceClockError(action: string, serverTime: number, now: number): DroverError {
  const seconds = Math.round(Math.abs(serverTime - now) / 1000);
  const apart = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  const how = serverTime < now ? "behind" : "ahead of";
  return new DeniedError(
    skewCode,
    `${action}: the service's clock is ${apart} ${how} this machine's, too much for Kerberos; set the one that is wrong`,
  );
}

/** What a service says against a logon (KRB-ERROR); `code` is one of RFC 4120 section 7.5.9. */
export function serviceRefusal(action: string, code: number): DroverError {
  return new DeniedError(
    "KerberosTicketRefused",
    `${action}: the service has refused the ticket (error ${code} of Kerberos${
      code === 31 || code === 41
        ? ": it cannot be read with the service's key, or was changed on its way"
        : ""
    })`,
  );
}

/** The same for what came of the service's answer: by then the KDC has taken the password. */
export function answerError(error: unknown, action: string): DroverError {
  if (error instanceof GssError && byMinor.get(error.minor | 0) === wrongPassword) {
    return new ProtocolError(
      "KerberosAnswerRefused",
      `${action}: the service's answer was not made with the key of this logon: it was changed on its way, or somebody else has given it`,
      { cause: error },
    );
  }
  return kerberosError(error, action);
}

/** `error`, which came of `action`, as a typed error. */
export function kerberosError(error: unknown, action: string): DroverError {
  if (error instanceof DroverError) return error;
  if (error instanceof GssUnavailable) {
    return new UsageError("KerberosUnavailable", `${action}: Kerberos is not there: ${error.message}`, {
      cause: error,
    });
  }
  if (!(error instanceof GssError)) {
    return new ProtocolError("KerberosFailed", `${action}: it failed`, { cause: error });
  }
  const minor = error.minor | 0;
  // A service that cannot decipher a ticket has not got the key; a client that cannot has not got the password.
  const ofService = error.call === "gss_accept_sec_context" && minor === base + 31;
  const maker = ofService ? unreadable : byMinor.get(minor) ?? byRoutine.get(error.routine);
  if (maker !== undefined) return maker(action, error.text);
  return new ProtocolError("KerberosFailed", `${action}: ${error.text}`, { cause: error });
}
