/** Authorities and client certificates for tests, made when they are needed, right or wrong in any way. @module */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { contextTag, der } from "../../protocol/auth/der.ts";
import { utf8 } from "../../protocol/bytes.ts";

/** A certificate and its key. */
export interface MadeCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly der: Uint8Array;
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly name: string;
  /** Content of the INTEGER. */
  readonly serial: Uint8Array;
  readonly privateKey: KeyObject;
}

/** What a certificate is to be. */
export interface CertificateOptions {
  /** Common name of the subject. */
  readonly name: string;
  /** Who signs; default: itself. */
  readonly issuer?: MadeCertificate;
  /** The key of another certificate, in place of one of its own. */
  readonly sameKeyAs?: MadeCertificate;
  readonly upn?: string;
  /** Names of DNS, as they stand there: characters of Latin-1. */
  readonly dns?: string | readonly string[];
  /** IP addresses, their bytes. */
  readonly addresses?: readonly (readonly number[])[];
  /** The only domain that names below an authority may be in; default: nothing is said. */
  readonly permitted?: string;
  /** A domain that no name below an authority may be in. */
  readonly excluded?: string;
  /** Bytes of an extension that means nothing. */
  readonly padding?: number;
  /** An authority, and how many others may be below it. */
  readonly authority?: { readonly pathLength?: number };
  /** Last part of 1.3.6.1.5.5.7.3.N: 1 serverAuth, 2 clientAuth; default: nothing is said. */
  readonly uses?: readonly number[];
  /** First byte of keyUsage; default: nothing is said. */
  readonly keyUsage?: number;
  /** Milliseconds since 1970; default: from yesterday until next week. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** A critical extension that nobody knows. */
  readonly unknownCritical?: boolean;
  /** Default: SHA-256. */
  readonly hash?: "sha1" | "sha256" | "sha384";
}

const dayMs = 86_400_000;
const oid = (hex: string) => der(0x06, Uint8Array.fromHex(hex));
const ecdsa = { sha1: "2a8648ce3d0401", sha256: "2a8648ce3d040302", sha384: "2a8648ce3d040303" };

/** Makes one, with a key on the curve P-256. */
export function makeCertificate(options: CertificateOptions): MadeCertificate {
  const privateKey = options.sameKeyAs?.privateKey ??
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const { issuer = { name: options.name, privateKey }, hash = "sha256" } = options;
  const algorithm = der(0x30, oid(ecdsa[hash]));
  const now = Date.now();
  const spki = new Uint8Array(publicKeyOf(privateKey));
  const serial = Uint8Array.of(1, ...crypto.getRandomValues(new Uint8Array(8)));
  const tbs = der(
    0x30,
    der(contextTag(0), der(0x02, Uint8Array.of(2))),
    der(0x02, serial),
    algorithm,
    nameOf(issuer.name),
    der(0x30, time(options.notBefore ?? now - dayMs), time(options.notAfter ?? now + 7 * dayMs)),
    nameOf(options.name),
    spki,
    der(contextTag(3), der(0x30, ...extensions(options))),
  );
  const signature = new Uint8Array(sign(hash, tbs, issuer.privateKey));
  const bytes = der(0x30, tbs, algorithm, der(0x03, Uint8Array.of(0, ...signature)));
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${
      bytes.toBase64().replace(/.{64}/g, "$&\n")
    }\n-----END CERTIFICATE-----\n`,
    der: bytes,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    name: options.name,
    serial,
    privateKey,
  };
}

/** What a list of revoked certificates is to be. */
export interface RevocationListOptions {
  readonly issuer: MadeCertificate;
  /** Whose name stands on it; default: the issuer's. */
  readonly issuerName?: string;
  readonly revoked?: readonly MadeCertificate[];
  /** Milliseconds since 1970; default: from yesterday until next week. */
  readonly thisUpdate?: number;
  readonly nextUpdate?: number;
  /** A critical extension: issuingDistributionPoint. */
  readonly partial?: boolean;
}

/** Makes one: its DER, and PEM. */
export function makeRevocationList(
  options: RevocationListOptions,
): { readonly der: Uint8Array; readonly pem: string } {
  const { issuer, issuerName = issuer.name, revoked = [], partial = false } = options;
  const algorithm = der(0x30, oid(ecdsa.sha256));
  const now = Date.now();
  const critical = der(0x30, oid("551d1c"), der(0x01, Uint8Array.of(0xff)), der(0x04, der(0x30)));
  const tbs = der(
    0x30,
    der(0x02, Uint8Array.of(1)),
    algorithm,
    nameOf(issuerName),
    time(options.thisUpdate ?? now - dayMs),
    time(options.nextUpdate ?? now + 7 * dayMs),
    ...(revoked.length === 0
      ? []
      : [der(0x30, ...revoked.map(({ serial }) => der(0x30, der(0x02, serial), time(now - dayMs))))]),
    ...(partial ? [der(contextTag(0), der(0x30, critical))] : []),
  );
  const signature = new Uint8Array(sign("sha256", tbs, issuer.privateKey));
  const bytes = der(0x30, tbs, algorithm, der(0x03, Uint8Array.of(0, ...signature)));
  const text = bytes.toBase64().replace(/.{64}/g, "$&\n");
  return { der: bytes, pem: `-----BEGIN X509 CRL-----\n${text}\n-----END X509 CRL-----\n` };
}

function publicKeyOf(key: KeyObject): Uint8Array {
  const jwk = key.export({ format: "jwk" });
  const point = Uint8Array.of(4, ...decode(jwk.x!), ...decode(jwk.y!));
  return der(
    0x30,
    der(0x30, oid("2a8648ce3d0201"), oid("2a8648ce3d030107")),
    der(0x03, Uint8Array.of(0, ...point)),
  );
}

function decode(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function nameOf(text: string): Uint8Array {
  return der(0x30, der(0x31, der(0x30, oid("550403"), der(0x0c, utf8(text)))));
}

function time(at: number): Uint8Array {
  return der(0x18, utf8(new Date(at).toISOString().slice(0, 19).replace(/[-:T]/g, "") + "Z"));
}

function extensions(options: CertificateOptions): Uint8Array[] {
  const list: Uint8Array[] = [];
  const critical = der(0x01, Uint8Array.of(0xff));
  const add = (id: string, value: Uint8Array, ...flag: Uint8Array[]) =>
    list.push(der(0x30, oid(id), ...flag, der(0x04, value)));
  const names: Uint8Array[] = [];
  if (options.upn !== undefined) {
    const value = der(contextTag(0), der(0x0c, utf8(options.upn)));
    names.push(der(contextTag(0), oid("2b060104018237140203"), value));
  }
  for (const name of [options.dns ?? []].flat()) names.push(der(0x82, latin1(name)));
  for (const address of options.addresses ?? []) names.push(der(0x87, Uint8Array.from(address)));
  if (names.length > 0) add("551d11", der(0x30, ...names));
  if (options.authority !== undefined) {
    const { pathLength } = options.authority;
    const bound = pathLength === undefined ? [] : [der(0x02, Uint8Array.of(pathLength))];
    add("551d13", der(0x30, critical, ...bound), critical);
  }
  const { permitted, excluded } = options;
  const subtree = (domain: string) => der(0x30, der(0x82, latin1(domain)));
  if (permitted !== undefined || excluded !== undefined) {
    const bounds = [
      ...(permitted === undefined ? [] : [der(contextTag(0), subtree(permitted))]),
      ...(excluded === undefined ? [] : [der(contextTag(1), subtree(excluded))]),
    ];
    add("551d1e", der(0x30, ...bounds), critical);
  }
  if (options.padding !== undefined) add("2a0305", der(0x04, new Uint8Array(options.padding)));
  if (options.uses !== undefined) {
    add("551d25", der(0x30, ...options.uses.map((use) => oid(`2b0601050507030${use}`))));
  }
  if (options.keyUsage !== undefined) add("551d0f", der(0x03, Uint8Array.of(0, options.keyUsage)), critical);
  if (options.unknownCritical === true) add("2a0304", der(0x05), critical);
  return list;
}
