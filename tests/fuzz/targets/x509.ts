/** Certificates of clients and servers: typed errors only, and no name that a reader would take for another. @module */
import assert from "node:assert/strict";
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
  seeds: () => [clientCertificate, authorityCertificate, pssCertificate, ed25519Certificate],
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
    return `${fields}; ${names}; ${outcomeOf(() => `hash ${signatureHash(input)}`)}`;
  },
};
