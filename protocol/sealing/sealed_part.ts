/** One sealed message as a part of `multipart/encrypted`. @module */
import { ProtocolError } from "../errors.ts";
import type { EncryptedPart } from "../http/multipart.ts";
import type { SecurityContext } from "../ports.ts";
import { sealedProtocol, type SealingScheme } from "./scheme.ts";

/** Seals `plaintext`. */
export function sealMessage(
  context: Pick<SecurityContext, "seal">,
  scheme: SealingScheme,
  contentType: string,
  plaintext: Uint8Array,
): EncryptedPart {
  return {
    protocol: sealedProtocol(scheme),
    originalContentType: contentType,
    originalLength: plaintext.length,
    sealed: context.seal(plaintext),
  };
}

/**
 * Verifies and opens a part. Throws `ProtocolError`: what `unseal` of the context throws, or `SealedLength` when the
 * plaintext has not the length that the part claims.
 *
 * PowerShell's client off Windows (libmi) pads its XML with NUL to a multiple of 16 bytes and counts the padding in
 * Length (recorded in the corpus, `wsman-clients/pwsh-to-omi-psrp-negotiate-http`): up to 16 such NULs are cut off. Say
 * `padding: "keep"` for content where trailing NULs mean something, such as a compressed body.
 */
export function unsealPart(
  context: Pick<SecurityContext, "unseal">,
  part: EncryptedPart,
  options: { readonly padding?: "trim" | "keep" } = {},
): Uint8Array {
  const plaintext = context.unseal(part.sealed);
  if (plaintext.length !== part.originalLength) {
    throw new ProtocolError(
      "SealedLength",
      `unseal part: ${plaintext.length} bytes came out where ${part.originalLength} were announced`,
    );
  }
  if (options.padding === "keep" || plaintext.length % paddingBlock !== 0) return plaintext;
  return plaintext.subarray(0, endOfText(plaintext, /utf-?16/i.test(part.originalContentType) ? 2 : 1));
}

const paddingBlock = 16;

/** Where the text ends before at most 16 bytes of padding, in whole units of its encoding: UTF-16's `>` ends with a NUL. */
function endOfText(plaintext: Uint8Array, unit: 1 | 2): number {
  const least = Math.max(0, plaintext.length - paddingBlock);
  let end = plaintext.length;
  while (end > least && plaintext[end - 1] === 0 && plaintext[end - unit] === 0) end -= unit;
  return end;
}
