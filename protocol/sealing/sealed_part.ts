/** One sealed message as a part of `multipart/encrypted`. @module */
import { credsspPiece } from "../auth/mod.ts";
import { concat } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import type { EncryptedPart } from "../http/multipart.ts";
import type { SecurityContext } from "../ports.ts";
import { sealedProtocol, type SealingScheme } from "./scheme.ts";

/** Seals `plaintext`: as one part, but with CredSSP as one for each 16 KB, which is what fits into a TLS record. */
export function sealMessage(
  context: Pick<SecurityContext, "seal">,
  scheme: SealingScheme,
  contentType: string,
  plaintext: Uint8Array,
): readonly EncryptedPart[] {
  const size = scheme === "CredSSP" ? credsspPiece : plaintext.length;
  const parts: EncryptedPart[] = [];
  let at = 0;
  do {
    const piece = plaintext.length <= size ? plaintext : plaintext.subarray(at, at + size);
    parts.push({
      protocol: sealedProtocol(scheme),
      originalContentType: contentType,
      originalLength: piece.length,
      sealed: context.seal(piece),
    });
    at += size;
  } while (at < plaintext.length);
  return parts;
}

/** Opens the parts of a body: messages, or pieces of one. */
export class SealedMessages {
  readonly #context: Pick<SecurityContext, "unseal">;
  readonly #pieced: boolean;
  readonly #maxBytes: number;
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** `pieced`: the parts are pieces of one message, which has at most `maxBytes`. */
  constructor(context: Pick<SecurityContext, "unseal">, pieced: boolean, maxBytes: number) {
    this.#context = context;
    this.#pieced = pieced;
    this.#maxBytes = maxBytes;
  }

  /** Verifies and opens a part; gives its message, but `undefined` for a piece. Throws as {@link unsealPart}. */
  take(part: EncryptedPart): Uint8Array | undefined {
    if (!this.#pieced) return unsealPart(this.#context, part);
    const piece = unsealPart(this.#context, part, { padding: "keep" });
    this.#length += piece.length;
    if (this.#length > this.#maxBytes) {
      throw new ProtocolError("SealedTooLarge", `open message: it has more than ${this.#maxBytes} bytes`);
    }
    this.#pieces.push(piece);
    return undefined;
  }

  /** The message of all pieces; `undefined` when there were none. */
  end(): Uint8Array | undefined {
    if (this.#pieces.length === 0) return undefined;
    return concat(this.#pieces);
  }
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
