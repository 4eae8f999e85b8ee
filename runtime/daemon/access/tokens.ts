/**
 * Tokens: `drv_` and 32 random bytes. The store has their SHA-256 only: with so many random bits nobody can search for what a hash
 * was made of, so it needs no salt, and looking it up tells nothing by the time that it takes.
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { StoredToken } from "../../store/types.ts";

/** What a token allows. Each includes those before it. */
export type Scope = "read" | "run" | "admin";

/** All scopes, weakest first. */
export const scopes: readonly Scope[] = ["read", "run", "admin"];

/** Host patterns of a token that may work on all hosts. */
export const allHosts: readonly string[] = ["all"];

const form = /^drv_[A-Za-z0-9_-]{43}$/;

/** A new token. It is shown once. */
export function newToken(): string {
  return `drv_${randomBytes(32).toString("base64url")}`;
}

/** What is kept of a token. */
export function tokenHash(token: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(token).digest());
}

/** Whether a text has the form of a token. */
export function isToken(text: string): boolean {
  return form.test(text);
}

/** The token of an Authorization header (RFC 6750, section 2.1); `undefined` when it has none of ours. */
export function bearerToken(header: string | null): string | undefined {
  const token = /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1];
  return token !== undefined && isToken(token) ? token : undefined;
}

/** Whether a token's scopes include `needed`. */
export function allows(token: StoredToken, needed: Scope): boolean {
  const rank = scopes.indexOf(needed);
  return token.scopes.some((scope) => scopes.indexOf(scope as Scope) >= rank);
}

/** Whether it is limited to some hosts: then it sees only jobs of its own. */
export function isLimited(token: StoredToken): boolean {
  return token.hosts.some((pattern) => pattern !== "all" && pattern !== "*") || token.hosts.length === 0;
}
