/** What goes wrong while TLS is agreed on, the same for every engine. @module */
import type { TlsEngineName } from "../../actors/ports.ts";
import { OpensslError, OpensslUntrusted } from "../../ffi/openssl/mod.ts";
import { NetworkError, UsageError } from "../../protocol/errors.ts";
import { networkError } from "./network_errors.ts";

/** What to do about a server whose certificate is for others. */
export const nameAdvice = "use a name that it has, or do not check the name with --skip-cn-check";

/** Errors until the handshake is done, on either side. */
export function handshakeError(error: unknown, action: string): NetworkError {
  if (error instanceof NetworkError || error instanceof UsageError) {
    return new NetworkError(error.code, `${action}: ${error.message}`, { cause: error });
  }
  if (isUntrusted(error)) {
    return new NetworkError(
      "TlsUntrusted",
      `${action}: the server's certificate is not trusted (${whyUntrusted(error)}); ` +
        (/mismatch/.test(textOf(error))
          ? nameAdvice
          : "trust its issuer with --ca FILE, or the certificate alone with --fingerprint, or check nothing with " +
            "--cert-validation ignore"),
      { cause: error },
    );
  }
  if (isNoTls(error)) {
    return new NetworkError(
      "TlsHandshakeFailed",
      `${action} over TLS: the port speaks no TLS, but plain HTTP perhaps; leave --ssl out, or use the port of HTTPS (5986)`,
      { cause: error },
    );
  }
  if (error instanceof OpensslError) {
    return new NetworkError("TlsHandshakeFailed", `${action} over TLS: ${error.text}`, { cause: error });
  }
  return networkError(error, `${action} over TLS`, "TlsHandshakeFailed");
}

/** The same for a client of this engine; says what else could speak with such a server. */
export function clientHandshakeError(engine: TlsEngineName, legacy: boolean) {
  return (error: unknown, action: string): NetworkError => {
    const refused = certificateRefused(error, action);
    if (refused !== undefined) return refused;
    if (!isIncompatible(error)) return handshakeError(error, action);
    const why = textOf(error);
    const advice = engine === "platform"
      ? "try --tls-engine openssl"
      : legacy
      ? "this machine's OpenSSL has no more to offer"
      : "try --tls-legacy";
    return new NetworkError(
      "TlsIncompatible",
      `${action} over TLS: the peer speaks no version or suite that this TLS has (${why}), or wants a client certificate; ${advice}`,
      { cause: error },
    );
  };
}

/** Alerts about a certificate (RFC 8446 section 6.2), as the platform names them. */
const certificateAlerts =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED)$/;
/** The same as OpenSSL numbers them: 1000 and the number of the alert. */
const certificateReasons: ReadonlySet<number> = new Set([1042, 1043, 1044, 1045, 1046, 1048, 1049, 1116]);

/** What a client's `error` is, when the server refused its certificate, or missed one. TLS 1.3 says so behind the handshake only. */
export function certificateRefused(error: unknown, action: string): NetworkError | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  const refused = error instanceof OpensslError
    ? certificateReasons.has(error.reason)
    : typeof code === "string" && certificateAlerts.test(code);
  if (!refused) return undefined;
  return new NetworkError(
    "TlsClientCertificate",
    `${action} over TLS: the server wants a client certificate, and none or another one than ours (${
      textOf(error)
    }); ` +
      "see --client-cert",
    { cause: error },
  );
}

/**
 * What a client's `error` is behind the handshake, where a server asks for a certificate in mid-connection: one whose request was
 * refused, or not answered with a certificate, gives up. What it had done before that is not known: the code is another one.
 */
export function lateRefusal(engine: TlsEngineName, error: unknown, action: string): NetworkError | undefined {
  const refused = certificateRefused(error, action);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (refused !== undefined || (code !== handshakeFailure && reason !== handshakeFailureReason)) {
    return refused;
  }
  return new NetworkError(
    "TlsRenegotiation",
    `${action} over TLS: the server has asked for another handshake, for a client certificate most likely (${
      textOf(error)
    }); ` +
      (engine === "platform" ? "try --tls-engine openssl, with --client-cert" : "see --client-cert"),
    { cause: error },
  );
}

const handshakeFailure = "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
const handshakeFailureReason = 1040;

/** Whether the handshake failed since the peer's certificate was refused by us. */
export function isUntrusted(error: unknown): boolean {
  if (error instanceof OpensslUntrusted) return true;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && !code.startsWith("ERR_SSL_") &&
    /CERT|UNABLE_TO|HOSTNAME_MISMATCH|SELF_SIGNED/.test(code);
}

/** openssl/sslerr.h: WRONG_VERSION_NUMBER, HTTP_REQUEST, PACKET_LENGTH_TOO_LONG. */
const noTls: ReadonlySet<number> = new Set([267, 156, 198]);

/** Whether what the peer has sent is no record of TLS, as the platform says it: there is no code for it. */
function isNoTls(error: unknown): boolean {
  if (error instanceof OpensslError) return noTls.has(error.reason);
  // A certificate that is larger than the platform takes has the same text behind it.
  return error instanceof Error && /InvalidContentType|wrong version number/.test(error.message) &&
    !/PayloadTooLarge/.test(error.message);
}

/**
 * openssl/sslerr.h: the alerts handshake_failure, protocol_version and insufficient_security; UNSUPPORTED_PROTOCOL,
 * WRONG_SSL_VERSION, NO_PROTOCOLS_AVAILABLE, DH_KEY_TOO_SMALL, EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK,
 * UNSAFE_LEGACY_RENEGOTIATION_DISABLED, WRONG_SIGNATURE_TYPE, NO_SUITABLE_DIGEST_ALGORITHM, LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED.
 */
const incompatible: ReadonlySet<number> = new Set([
  1040,
  1070,
  1071,
  258,
  266,
  191,
  394,
  399,
  397,
  398,
  338,
  370,
  297,
  333,
]);

/** Whether the two sides have no version, suite or kind of key in common. */
function isIncompatible(error: unknown): boolean {
  if (error instanceof OpensslError) return incompatible.has(error.reason);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" &&
      /ALERT_(HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)/.test(code) ||
    typeof message === "string" && /peer is incompatible|PeerIncompatible/i.test(message);
}

/** The platform has the same words for all that is wrong with a chain; OpenSSL says what it is. */
function whyUntrusted(error: unknown): string {
  const text = textOf(error);
  return text === "unable to verify the first certificate"
    ? `${text}: its issuer is unknown, or one of them has expired or is not for servers; --tls-engine openssl says which`
    : text;
}

function textOf(error: unknown): string {
  if (error instanceof OpensslError) return error.text;
  return String((error as { message?: unknown } | null)?.message);
}
