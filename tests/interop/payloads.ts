/** What the tests send and get back. @module */
import { createHash } from "node:crypto";
import { utf8 } from "../../protocol/bytes.ts";

/** Two, three, three, three and four bytes of UTF-8, the last two units of UTF-16. */
export const beyond = "ä€漢字🙂";

/** 10 MB of numbered lines with text beyond ASCII; it ends in the middle of a line. */
export function tenMegabytes(): Uint8Array {
  let lines = "";
  for (let i = 1; lines.length < 1_300_000; i++) lines += `${i} ${beyond}\n`;
  const block = utf8(lines);
  const all = new Uint8Array(10 * 1024 * 1024);
  for (let at = 0; at < all.length; at += block.length) all.set(block.subarray(0, all.length - at), at);
  return all;
}

/** SHA-256 in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
