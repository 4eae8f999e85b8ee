/** Whether certificates were revoked, by lists that the operator has given (RFC 5280 section 6.3). @module */
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { readIssue, readRevocationList, type RevocationList } from "../../protocol/auth/crl.ts";
import { DroverError, UsageError } from "../../protocol/errors.ts";
import { isIssuedBy, isSignedWith } from "./signed.ts";

/** Certificates that are looked at for one peer, and signatures that are checked. */
const mostCertificates = 16;
const mostSignatures = 40;

/** What the lists say of a peer's certificate; `reason` is for the operator. */
export type RevocationVerdict =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

interface Certificate {
  readonly der: Uint8Array;
  readonly issuer: string;
  readonly subject: string;
  readonly serial: string;
}

interface List extends RevocationList {
  readonly whole: Uint8Array;
  /** Keys that it was tried with, as SPKI in hex, and whether it is signed with them. */
  readonly keys: Map<string, boolean>;
}

interface Trusted {
  /** DER in hex. */
  readonly anchors: ReadonlySet<string>;
  readonly certificates: readonly Certificate[];
}

/** Lists of any number of issuers. */
export class RevocationLists {
  readonly #lists: readonly List[];
  /** What was made of arrays that are handed in with every certificate. */
  readonly #trusted = new WeakMap<readonly Uint8Array[], Trusted>();

  /**
   * Reads lists: PEM, any number of them, or the DER of one. `name`: of the file, for errors.
   *
   * @throws UsageError `RevocationListInvalid`
   */
  constructor(file: Uint8Array, name = "file") {
    const text = Buffer.from(file).toString("latin1");
    const blocks = [...text.matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g)];
    const lists = blocks.length === 0
      ? [file]
      : blocks.map(([, block]) => new Uint8Array(Buffer.from(block!, "base64")));
    try {
      this.#lists = lists.map((whole) => ({ ...readRevocationList(whole), whole, keys: new Map() }));
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      const why = cause.code === "RevocationListPartial"
        ? cause.message
        : `it has no CRL, in PEM or DER (${cause.message})`;
      throw new UsageError("RevocationListInvalid", `read revocation lists: ${name}: ${why}`, { cause });
    }
  }

  /** Whether any of the lists is of whoever this certificate (DER) names. */
  isOf(certificate: Uint8Array): boolean {
    const subject = parse(certificate)?.subject;
    return this.#lists.some(({ issuer }) => issuer === subject);
  }

  /**
   * What they say of `own` (DER). All issuers among `others` and `trusted` that have signed it are asked for, and theirs: a peer may send
   * along what it likes, so the worst that is found counts. For `own` there must be a list; those above it are looked up where there is
   * one, and it must be one that can be checked, but for what is `trusted` itself.
   * `now`: milliseconds since 1970. `trusted` must not change: what is made of it is kept.
   */
  check(
    own: Uint8Array,
    others: readonly Uint8Array[],
    trusted: readonly Uint8Array[],
    now: number,
  ): RevocationVerdict {
    const { anchors, certificates } = this.#read(trusted);
    const known = [...parseAll(others), ...certificates];
    const first = parse(own);
    if (first === undefined) return { kind: "unknown", reason: "it cannot be read" };
    const work = [first];
    const seen = new Set([own.toHex()]);
    let signatures = mostSignatures;
    for (let subject = work.shift(); subject !== undefined; subject = work.shift()) {
      const isAnchor = anchors.has(subject.der.toHex());
      // Nobody above it could revoke it.
      if (subject.issuer === subject.subject && (isAnchor || isIssuedBy(subject.der, subject.der))) continue;
      let asked = false;
      for (const issuer of known.filter((one) => one.subject === subject!.issuer)) {
        if (signatures-- <= 0) {
          return { kind: "unknown", reason: "too many certificates claim to be above it" };
        }
        if (!isIssuedBy(subject.der, issuer.der)) continue;
        const verdict = this.#listedBy(subject, issuer, now);
        if (verdict !== undefined && verdict.kind !== "good") return verdict;
        asked ||= verdict !== undefined;
        const id = issuer.der.toHex();
        if (seen.has(id)) continue;
        seen.add(id);
        work.push(issuer);
        if (seen.size > mostCertificates) {
          return { kind: "unknown", reason: "too many certificates are above it" };
        }
      }
      if (asked) continue;
      if (subject === first) return { kind: "unknown", reason: "there is no list of its issuer" };
      const isListed = this.#lists.some(({ issuer }) => issuer === subject!.issuer);
      if (isListed && !isAnchor) {
        return { kind: "unknown", reason: "the list of an authority above it cannot be checked" };
      }
    }
    return { kind: "good" };
  }

  #read(trusted: readonly Uint8Array[]): Trusted {
    let read = this.#trusted.get(trusted);
    if (read === undefined) {
      read = { anchors: new Set(trusted.map((der) => der.toHex())), certificates: parseAll(trusted) };
      this.#trusted.set(trusted, read);
    }
    return read;
  }

  /** `undefined`: there is no list of this issuer. */
  #listedBy(subject: Certificate, issuer: Certificate, now: number): RevocationVerdict | undefined {
    const key = new X509Certificate(issuer.der).publicKey;
    const lists = this.#lists.filter((list) => {
      if (list.issuer !== issuer.subject) return false;
      const id = key.export({ type: "spki", format: "der" }).toString("hex");
      const tried = list.keys.get(id) ?? isSignedWith(list.whole, key);
      list.keys.set(id, tried);
      return tried;
    });
    // Nobody's certificate comes back from a list.
    if (lists.some(({ revoked }) => revoked.has(subject.serial))) {
      return { kind: "revoked", reason: `${nameOf(subject)} is on the list of its issuer` };
    }
    if (lists.some((list) => list.thisUpdate <= now && now <= (list.nextUpdate ?? Infinity))) {
      return { kind: "good" };
    }
    const [list] = lists;
    if (list === undefined) return undefined;
    const until = new Date(list.nextUpdate ?? list.thisUpdate).toISOString();
    return {
      kind: "unknown",
      reason: `the list of its issuer ${
        list.thisUpdate > now ? "is not valid yet" : `has expired on ${until}`
      }`,
    };
  }
}

function parseAll(all: readonly Uint8Array[]): readonly Certificate[] {
  return all.map(parse).filter((one) => one !== undefined);
}

function parse(der: Uint8Array): Certificate | undefined {
  try {
    return { der, ...readIssue(der) };
  } catch (error) {
    if (error instanceof DroverError) return undefined;
    throw error;
  }
}

function nameOf({ der, serial }: Certificate): string {
  return `certificate ${serial} (SHA-256 ${createHash("sha256").update(der).digest("hex").slice(0, 16)}…)`;
}
