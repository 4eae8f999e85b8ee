/** TrustedHosts: hosts that may be sent credentials although they cannot prove who they are. @module */

import { isIP } from "node:net";

/** Whether an address is this machine itself. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" ||
    /^127(\.\d{1,3}){3}$/.test(name) ||
    /^::ffff:127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Whether `host` matches one of the TrustedHosts `patterns`: names or addresses without case, `*` for any run of
 * characters, `<local>` for names without a dot, IPv6 literals in brackets. A pattern of digits, dots and `*` is for IPv4 addresses.
 */
export function isTrusted(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase();
  return patterns.some((pattern) => {
    const text = pattern.trim().toLowerCase().replace(/^\[(.*)\]$/, "$1");
    if (text === "<local>") return !name.includes(".") && !name.includes(":");
    // A name that only looks like an address leads wherever its owner likes: 10.0.0.evil.example.
    if (/^[\d.*]*\d[\d.*]*$/.test(text) && isIP(name) !== 4) return false;
    return matchesWildcard(name, text);
  });
}

/** `*` stands for any run of characters; no other character is special. Linear but for the number of stars. */
export function matchesWildcard(text: string, pattern: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return text === pattern;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) {
    return false;
  }
  let at = first.length;
  const limit = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > limit) return false;
    at = found + part.length;
  }
  return true;
}
