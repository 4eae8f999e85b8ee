/** What becomes of the library's errors, those too that no KDC of the tests gives. */
import assert from "node:assert/strict";
import { GssError } from "../../../ffi/gssapi/mod.ts";
import {
  kerberosError,
  serviceClockError,
  serviceRefusal,
} from "../../../runtime/security/kerberos/errors.ts";

/** KRB_ERROR codes of RFC 4120 section 7.5.9 count from here in libkrb5. */
const base = -1_765_328_384;
const failure = 0xd_0000;

const errorOf = (minor: number, call = "gss_init_sec_context", major = failure) =>
  kerberosError(new GssError(call, major, minor >>> 0, "what the library says"), "log on");

Deno.test("each refusal of a KDC is an error of its own, which says what to do", () => {
  for (
    const [number, name, code, said] of [
      [1, "NAME_EXP", "KerberosAccountExpired", /expired; .*administrator/],
      [2, "SERVICE_EXP", "KerberosServiceRevoked", /service's own account has expired/],
      [6, "C_PRINCIPAL_UNKNOWN", "KerberosUnknownPrincipal", /does not know the account/],
      [
        7,
        "S_PRINCIPAL_UNKNOWN",
        "KerberosUnknownService",
        /does not know the service; register .*--kerberos-hostname/,
      ],
      [12, "POLICY", "KerberosPolicy", /policy/],
      [14, "ETYPE_NOSUPP", "KerberosCipher", /cipher/],
      [18, "CLIENT_REVOKED", "KerberosAccountLocked", /disabled, locked or expired .*administrator/],
      [19, "SERVICE_REVOKED", "KerberosServiceRevoked", /disabled or locked/],
      [23, "KEY_EXP", "KerberosPasswordExpired", /must be changed/],
      [24, "PREAUTH_FAILED", "KerberosWrongPassword", /password is wrong/],
      [32, "TKT_EXPIRED", "KerberosTicketExpired", /run kinit/],
      [33, "TKT_NYV", "KerberosClockSkew", /clocks .*set them/],
      [34, "REPEAT", "KerberosReplay", /used before/],
      [37, "SKEW", "KerberosClockSkew", /clocks .*set them/],
      [68, "WRONG_REALM", "KerberosWrongRealm", /another realm/],
      [154, "REALM_UNKNOWN", "KdcNotFound", /krb5\.conf/],
      [156, "KDC_UNREACH", "KdcUnreachable", /no KDC of the realm/],
    ] as const
  ) {
    const { code: found, message } = errorOf(base + number);
    assert.equal(found, code, name);
    assert.match(message, /^log on: /);
    assert.match(message, said);
  }
});

Deno.test("what cannot be deciphered is a password to a client, and a key to a service", () => {
  assert.equal(errorOf(base + 31).code, "KerberosWrongPassword");
  assert.equal(errorOf(base + 31, "gss_accept_sec_context").code, "KerberosTicketRefused");
  const unknown = errorOf(base + 60);
  assert.deepEqual([unknown.code, unknown.message], ["KerberosFailed", "log on: what the library says"]);
});

Deno.test("what a service says of its refusal is told: how far its clock is, or the number", () => {
  const now = Date.UTC(2026, 10, 21);
  for (
    const [apart, said] of [
      [-90_000, /^log on: the service's clock is 90 s behind this machine's/],
      [7_200_000, /clock is 120 min ahead of this machine's, .*set the one that is wrong/],
    ] as const
  ) {
    const { code, message } = serviceClockError("log on", now + apart, now);
    assert.equal(code, "KerberosClockSkew");
    assert.match(message, said);
  }
  const unreadable = serviceRefusal("log on", 31);
  assert.equal(unreadable.code, "KerberosTicketRefused");
  assert.match(unreadable.message, /refused the ticket \(error 31 of Kerberos: it cannot be read/);
  assert.match(serviceRefusal("log on", 60).message, /\(error 60 of Kerberos\)$/);
});
