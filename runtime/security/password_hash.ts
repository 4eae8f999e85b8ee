/** Hashes of passwords that may be kept: scrypt (RFC 7914), memory-hard, computed on another thread. @module */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Secret } from "../../protocol/secret.ts";

/** Memory that a hash of a file may ask for, in bytes. */
const mostMemory = 256 * 1024 * 1024;
/** Products of N, r and p that a hash of a file may ask for: some seconds. */
const mostWork = 2 ** 24;

const bytes = (least: number, most: number) =>
  z.base64().max(most * 2).refine((text) => {
    const { length } = Uint8Array.fromBase64(text);
    return length >= least && length <= most;
  });

/** A hash as it stands in a file, with what it was made with: N, r and p of RFC 7914, salt and hash in base64. */
export const passwordHashSchema = z.strictObject({
  scheme: z.literal("scrypt"),
  n: z.int().min(2).max(2 ** 20).refine((n) => Number.isInteger(Math.log2(n)), "it is not a power of two"),
  r: z.int().min(1).max(64),
  p: z.int().min(1).max(64),
  salt: bytes(8, 64),
  hash: bytes(16, 64),
}).refine(({ n, r, p }) => 128 * n * r <= mostMemory && n * r * p <= mostWork, "it asks for too much");

/** See {@link passwordHashSchema}. */
export type PasswordHash = z.infer<typeof passwordHashSchema>;

/** 32 MiB and 0.2 s a password: what OWASP's cheat sheet for storing passwords asks for at least. */
const usual = { scheme: "scrypt", n: 2 ** 15, r: 8, p: 3 } as const;

/** What is computed when nobody has the name, so that it takes what a real one takes. */
export const nobodysHash: PasswordHash = {
  ...usual,
  salt: new Uint8Array(16).toBase64(),
  hash: new Uint8Array(32).toBase64(),
};

/** Makes the hash of a new password. */
export async function hashPassword(password: Secret): Promise<PasswordHash> {
  const salt = new Uint8Array(randomBytes(16));
  const hash = await derive(password, { ...usual, salt, length: 32 });
  return { ...usual, salt: salt.toBase64(), hash: hash.toBase64() };
}

/** Whether the hash is that of `password`. */
export async function matchesHash(password: Secret, kept: PasswordHash): Promise<boolean> {
  const hash = Uint8Array.fromBase64(kept.hash);
  const salt = Uint8Array.fromBase64(kept.salt);
  return timingSafeEqual(await derive(password, { ...kept, salt, length: hash.length }), hash);
}

function derive(
  password: Secret,
  { n, r, p, salt, length }: {
    readonly n: number;
    readonly r: number;
    readonly p: number;
    readonly salt: Uint8Array;
    readonly length: number;
  },
): Promise<Uint8Array> {
  // What the algorithm needs beside the large table is small, and grows with p.
  const maxmem = 128 * r * (n + p + 2) + 1024 * 1024;
  return new Promise((resolve, reject) =>
    scrypt(password.reveal(), salt, length, { N: n, r, p, maxmem }, (error, key) => {
      if (error === null) resolve(new Uint8Array(key));
      else reject(error);
    })
  );
}
