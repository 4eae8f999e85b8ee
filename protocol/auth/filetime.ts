/** FILETIME: 100 ns units since 1601-01-01 UTC, 64 bits little-endian ([MS-DTYP] 2.3.3). @module */

const unixEpoch = 116_444_736_000_000_000n;

/** FILETIME bytes of `ms` milliseconds since 1970. */
export function encodeFiletime(ms: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.trunc(ms)) * 10_000n + unixEpoch, true);
  return bytes;
}

/** Milliseconds since 1970 of 8 FILETIME bytes. */
export function decodeFiletime(bytes: Uint8Array): number {
  const ticks = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  return Number((ticks - unixEpoch) / 10_000n);
}
