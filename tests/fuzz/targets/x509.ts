/** Certificates of clients and servers, and lists of revoked ones: typed errors only, and no name that a reader would take for another. @module */
import assert from "node:assert/strict";
import { readIssue, readRevocationList } from "../../../protocol/auth/crl.ts";
import { contextTag, der } from "../../../protocol/auth/der.ts";
import { boundsNames, readServerNames } from "../../../protocol/auth/server_names.ts";
import { readCertificate, signatureHash } from "../../../protocol/auth/x509.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import {
  authorityCertificate,
  clientCertificate,
  ed25519Certificate,
  pssCertificate,
} from "../../helpers/certificates.ts";
import type { Target } from "../engine.ts";

function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return `${error.code} ${error.message.replace(/\d+|0x[0-9a-f]+/g, "n")}`;
  }
}

/** Two entries, one with a reason; a number of the list. */
const revocationList = (() => {
  const time = der(0x17, utf8("260101000000Z"));
  const extension = (oid: string, value: Uint8Array) =>
    der(0x30, der(0x06, Uint8Array.fromHex(oid)), der(0x04, value));
  const entry = (serial: number, ...more: readonly Uint8Array[]) =>
    der(0x30, der(0x02, Uint8Array.of(0, 0x80, serial)), time, ...more);
  const algorithm = der(0x30, der(0x06, Uint8Array.fromHex("2a8648ce3d040302")));
  const reason = der(0x30, extension("551d15", der(0x0a, Uint8Array.of(1))));
  const number = der(0x30, extension("551d14", der(0x02, Uint8Array.of(7))));
  const list = der(0x30, entry(1), entry(2, reason));
  const head = [der(0x02, Uint8Array.of(1)), algorithm, der(0x30), time, time];
  const tbs = der(0x30, ...head, list, der(contextTag(0), number));
  return der(0x30, tbs, algorithm, der(0x03, new Uint8Array(9)));
})();

/** All readers of a certificate, on every input. */
export const x509: Target = {
  name: "x509",
  tokens: [
    Uint8Array.fromHex("060a2b060104018237140203"),
    Uint8Array.fromHex("0603551d11"),
    Uint8Array.fromHex("0101ff"),
    Uint8Array.fromHex("a00330010c"),
    Uint8Array.fromHex("3082"),
    Uint8Array.fromHex("180f32303236303130313030303030305a"),
    utf8("alice@x\0"),
  ],
  seeds: () => [clientCertificate, authorityCertificate, pssCertificate, ed25519Certificate, revocationList],
  run(input) {
    const fields = outcomeOf(() => {
      const { userPrincipalNames, dnsNames, authority, pathLength, notAfter } = readCertificate(input);
      for (const name of [...userPrincipalNames, ...dnsNames]) {
        assert.match(name, /^[^\p{C}\p{Z}]+$/u, "a name has characters that nobody sees");
      }
      assert.ok(Number.isInteger(notAfter));
      return `${userPrincipalNames.length} ${dnsNames.length} ${authority} ${pathLength}`;
    });
    const names = outcomeOf(() => {
      const { dns, addresses, common, alternative } = readServerNames(input);
      for (const name of [...dns, ...common]) assert.match(name, /^[\w.*-]{1,255}$/, "a name is no host's");
      assert.ok(alternative || dns.length + addresses.length === 0);
      return `${dns.length} ${addresses.length} ${common.length} ${boundsNames(input)}`;
    });
    const list = outcomeOf(() => {
      const { revoked, thisUpdate, issuer } = readRevocationList(input);
      for (const serial of revoked) assert.doesNotMatch(serial, /^00/, "two spellings of one number");
      assert.ok(Number.isInteger(thisUpdate) && issuer.startsWith("30"));
      return `${Math.min(revoked.size, 3)} revoked`;
    });
    const issue = outcomeOf(() => `serial ${Math.min(readIssue(input).serial.length, 8)}`);
    return `${fields}; ${names}; ${list}; ${issue}; ${outcomeOf(() => `hash ${signatureHash(input)}`)}`;
  },
};
