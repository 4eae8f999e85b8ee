/**
 * Digest authentication, the client's side (RFC 7616, and RFC 2617 for servers that know nothing newer).
 *
 * A challenge gives a nonce, with which any number of requests are answered for, each under its own count. Only the hash of the
 * password leaves, but the messages are in clear: who may use it where is decided elsewhere.
 * @module
 */
import { createHash } from "node:crypto";
import { concat, utf8 } from "../bytes.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { type AuthChallenge, parseParameters } from "../http/challenge.ts";
import type { Secret } from "../secret.ts";
import { sameSecret } from "./ntlm_crypto.ts";

/** Hash functions by the names of the standard, the strongest first. */
const hashes = [["SHA-512-256", "sha512-256"], ["SHA-256", "sha256"], ["MD5", "md5"]] as const;

/** Longest realm, nonce or opaque that is taken. */
const maxText = 4_096;

/** Who logs on, and what else a session is made of. */
export interface DigestOptions {
  readonly username: string;
  readonly password: Secret;
  /** `true`: `auth-int`, where it is offered, so that the body cannot be exchanged; default `false`. */
  readonly integrity?: boolean;
  /** 16 random bytes for each call. */
  readonly random: (length: number) => Uint8Array;
}

/** What one request is answered for with. */
export interface DigestAnswer {
  /** Value of `Authorization`. */
  readonly authorization: string;
  /** What the server's `Authentication-Info` has to prove. */
  readonly proof: DigestProof;
}

/** See {@link DigestAnswer}. */
export interface DigestProof {
  readonly cnonce: string;
  readonly count: string;
  readonly qop: "auth" | "auth-int" | undefined;
  /** The hash of an answer whose body has the hash `body` (hex), which only `auth-int` asks for. */
  readonly expected: (body: string) => string;
}

interface Chosen {
  readonly name: string;
  readonly hash: string;
  readonly session: boolean;
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly qop: "auth" | "auth-int" | undefined;
  readonly charset: "utf-8" | undefined;
  readonly userhash: boolean;
}

/** Answers challenges of one server for one account. */
export class DigestSession {
  readonly #options: DigestOptions;
  #chosen: Chosen | undefined;
  #count = 0;
  #cnonce = "";
  /** H(A1), for the nonce and cnonce that it was made with. */
  #secret = "";

  /** Nothing is computed before a challenge. */
  constructor(options: DigestOptions) {
    this.#options = options;
  }

  /** Whether a challenge was taken. */
  get challenged(): boolean {
    return this.#chosen !== undefined;
  }

  /**
   * Takes the challenges of a 401 and begins anew with the strongest of them. `false`: there is no Digest among them.
   *
   * @throws ProtocolError `DigestUnsupported` when none of those for Digest can be answered, `DigestMalformed`
   */
  take(challenges: readonly AuthChallenge[]): boolean {
    const offers = challenges.filter(({ scheme }) => scheme.toLowerCase() === "digest");
    if (offers.length === 0) return false;
    const chosen = offers.flatMap((offer) => this.#read(offer.parameters) ?? [])
      .sort((a, b) => strength(a.name) - strength(b.name))[0];
    if (chosen === undefined) {
      throw new ProtocolError(
        "DigestUnsupported",
        "answer the Digest challenge: the server offers no algorithm with qop auth or auth-int that is known here (MD5, SHA-256, " +
          "SHA-512-256)",
      );
    }
    this.#begin(chosen);
    return true;
  }

  /**
   * Answers for one request.
   *
   * @throws UsageError `DigestOutOfOrder` before a challenge, `DigestCredential` for a name that Digest cannot carry
   */
  answer(method: string, uri: string, body: Uint8Array): DigestAnswer {
    const chosen = this.#chosen;
    if (chosen === undefined) {
      throw new UsageError("DigestOutOfOrder", "answer for a request: there was no challenge");
    }
    const { hash, qop, nonce, realm } = chosen;
    const count = (++this.#count).toString(16).padStart(8, "0");
    const cnonce = this.#cnonce;
    const digest = (a2: string) =>
      qop === undefined
        ? hex(hash, `${this.#secret}:${nonce}:${hex(hash, a2)}`)
        : hex(hash, `${this.#secret}:${nonce}:${count}:${cnonce}:${qop}:${hex(hash, a2)}`);
    const integrity = (of: string) => qop === "auth-int" ? `:${of}` : "";
    const response = digest(`${method}:${uri}${integrity(qop === "auth-int" ? hex(hash, body) : "")}`);
    const parts = [
      this.#userName(chosen),
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(uri)}`,
      `algorithm=${chosen.name}${chosen.session ? "-sess" : ""}`,
      ...(qop === undefined ? [] : [`qop=${qop}`, `nc=${count}`, `cnonce="${cnonce}"`]),
      `response="${response}"`,
      ...(chosen.opaque === undefined ? [] : [`opaque=${quoted(chosen.opaque)}`]),
      ...(chosen.userhash ? ["userhash=true"] : []),
    ];
    return {
      authorization: `Digest ${parts.join(", ")}`,
      proof: { cnonce, count, qop, expected: (of) => digest(`:${uri}${integrity(of)}`) },
    };
  }

  /** Hex of the hash of a body, as `auth-int` wants it. Only after a challenge. */
  bodyHash(body: Uint8Array): string {
    return hex(this.#chosen?.hash ?? "md5", body);
  }

  /**
   * Takes `Authentication-Info`: the server proves that it knows the password too, and may give the next nonce. `body`: hash of the
   * answer's body, where it is known; without it an `auth-int` proof is not looked at.
   *
   * @throws ProtocolError `DigestServer` when the proof is wrong, `DigestMalformed`
   */
  confirm(value: string, { cnonce, count, qop, expected }: DigestProof, body?: string): void {
    const parameters = parseParameters(value);
    const proof = parameters.get("rspauth");
    if (proof !== undefined && (qop === "auth" || (qop === "auth-int" && body !== undefined))) {
      const right = parameters.get("cnonce") === cnonce && parameters.get("nc")?.toLowerCase() === count &&
        parameters.get("qop") === qop && sameSecret(utf8(proof.toLowerCase()), utf8(expected(body ?? "")));
      if (!right) {
        throw new ProtocolError(
          "DigestServer",
          "check the server's Digest proof: it does not know the password",
        );
      }
    }
    const nonce = parameters.get("nextnonce");
    if (nonce !== undefined && this.#chosen !== undefined) {
      // What -sess is made with stays that of the challenge (RFC 7616, section 3.4.2).
      this.#chosen = { ...this.#chosen, nonce: bounded("nextnonce", nonce) };
      this.#count = 0;
    }
  }

  #read(parameters: ReadonlyMap<string, string>): Chosen | undefined {
    const algorithm = parameters.get("algorithm") ?? "MD5";
    const session = /-sess$/i.test(algorithm);
    const name = algorithm.replace(/-sess$/i, "").toUpperCase();
    const hash = hashes.find(([known]) => known === name)?.[1];
    const qop = this.#qop(parameters.get("qop"));
    // Without qop a -sess has no cnonce to be made with (RFC 2617, section 3.2.2.2).
    if (hash === undefined || qop === "none" || (session && qop === undefined)) return undefined;
    const nonce = parameters.get("nonce");
    const realm = parameters.get("realm");
    if (nonce === undefined || realm === undefined) {
      throw new ProtocolError("DigestMalformed", "read the Digest challenge: it has no realm or no nonce");
    }
    const opaque = parameters.get("opaque");
    return {
      name,
      hash,
      session,
      realm: bounded("realm", realm),
      nonce: bounded("nonce", nonce),
      opaque: opaque === undefined ? undefined : bounded("opaque", opaque),
      qop,
      charset: parameters.get("charset")?.toLowerCase() === "utf-8" ? "utf-8" : undefined,
      userhash: parameters.get("userhash")?.toLowerCase() === "true",
    };
  }

  /** `none`: only such as are not known here. */
  #qop(offered: string | undefined): "auth" | "auth-int" | "none" | undefined {
    if (offered === undefined) return undefined;
    const all = new Set(offered.toLowerCase().split(",").map((one) => one.trim()));
    const wanted = this.#options.integrity === true
      ? ["auth-int", "auth"] as const
      : ["auth", "auth-int"] as const;
    return wanted.find((one) => all.has(one)) ?? "none";
  }

  #begin(chosen: Chosen): void {
    const { username, password, random } = this.#options;
    this.#chosen = chosen;
    this.#count = 0;
    this.#cnonce = random(16).toHex();
    const user = encoded(username, chosen);
    const secret = encoded(password.reveal(), chosen);
    const base = hex(chosen.hash, concat([user, utf8(":"), bytesOf(chosen.realm), utf8(":"), secret]));
    secret.fill(0);
    this.#secret = chosen.session ? hex(chosen.hash, `${base}:${chosen.nonce}:${this.#cnonce}`) : base;
  }

  #userName(chosen: Chosen): string {
    const { username } = this.#options;
    if (/\p{Cc}/u.test(username) || username.includes(":")) {
      throw new UsageError("DigestCredential", "log on: the user name has a colon or a control character");
    }
    if (chosen.userhash) {
      const named = concat([encoded(username, chosen), utf8(":"), bytesOf(chosen.realm)]);
      return `username="${hex(chosen.hash, named)}"`;
    }
    if (/^[\x20-\x7e]*$/.test(username)) return `username=${quoted(username)}`;
    if (chosen.charset === "utf-8") return `username*=UTF-8''${extended(username)}`;
    // Field values are bytes; as Latin-1 they are what was hashed.
    return `username=${quoted(String.fromCharCode(...encoded(username, chosen)))}`;
  }
}

function strength(name: string): number {
  return hashes.findIndex(([known]) => known === name);
}

function hex(hash: string, data: Uint8Array | string): string {
  return createHash(hash).update(typeof data === "string" ? bytesOf(data) : data).digest("hex");
}

/** The bytes of a text that came in a field, which is read as Latin-1. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** UTF-8 where the server says so or nothing else can write it, else Latin-1, which RFC 2617 left unsaid but everybody took. */
function encoded(text: string, { charset }: Chosen): Uint8Array {
  // deno-lint-ignore no-control-regex -- what Latin-1 has
  if (charset === "utf-8" || !/^[\x00-\xff]*$/.test(text)) return utf8(text);
  return bytesOf(text);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** RFC 8187, section 3.2.1. */
function extended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function bounded(what: string, text: string): string {
  if (text.length > maxText) {
    throw new ProtocolError(
      "DigestMalformed",
      `read the Digest challenge: ${what} is longer than ${maxText} characters`,
    );
  }
  return text;
}
