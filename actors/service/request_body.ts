/** The body of one request: collected, opened where it is sealed, and read as an envelope. @module */
import { concat } from "../../protocol/bytes.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  type ContentType,
  EncryptedParser,
  type EncryptedPart,
  isEncrypted,
  isPieces,
  parseContentType,
} from "../../protocol/http/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { SealedMessages, sealedProtocol, type SealingScheme } from "../../protocol/sealing/mod.ts";
import { type Envelope, readEnvelope } from "../../protocol/soap/mod.ts";
import { WsmanFaultError } from "../../protocol/wsman/mod.ts";

/** Bytes that sealing may add to an envelope: part headers, token and padding. */
export const sealingOverhead = 16 * 1024;

/** Number of pieces of a body that become one. */
const joinedPieces = 256;

/** A message as it came out of its body. */
export interface OpenedBody {
  readonly bytes: Uint8Array;
  readonly sealed: boolean;
  /** Whether the headers of the sealed part are indented. */
  readonly indented: boolean;
  /** The charset that the client named, in lower case. */
  readonly charset: string | undefined;
}

/** Collects one body. All methods throw `ProtocolError` when the client breaks the form. */
export class RequestBody {
  readonly #type: ContentType | undefined;
  readonly #multipart: EncryptedParser | undefined;
  readonly #pieces: Uint8Array[] = [];
  /** Pieces that came last, to be joined: a body in chunks of one byte would cost a hundred times its size. */
  #tail: Uint8Array[] = [];
  readonly #parts: EncryptedPart[] = [];
  readonly #maxBytes: number;
  #empty = true;

  /** `type` is that of the HTTP message. */
  constructor(type: ContentType | undefined, maxBytes: number) {
    this.#type = type;
    this.#maxBytes = maxBytes + sealingOverhead;
    if (type !== undefined && isEncrypted(type)) {
      this.#multipart = new EncryptedParser(type, { maxPartBytes: this.#maxBytes });
    }
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#empty = false;
    if (this.#multipart === undefined) this.#collect(bytes);
    else this.#parts.push(...this.#multipart.push(bytes));
    if (this.#parts.length > 1 && !isPieces(this.#type!)) throw severalParts();
  }

  #collect(bytes: Uint8Array): void {
    this.#tail.push(bytes);
    if (this.#tail.length < joinedPieces) return;
    this.#pieces.push(concat(this.#tail));
    this.#tail = [];
  }

  /** The whole message; `undefined` when the body is empty. A sealed one is verified and opened by `context`, of a logon with `scheme`. */
  open(context: SecurityContext | undefined, scheme: SealingScheme = "Negotiate"): OpenedBody | undefined {
    if (this.#multipart === undefined) {
      if (this.#empty) return undefined;
      return {
        bytes: concat([...this.#pieces, ...this.#tail]),
        sealed: false,
        indented: false,
        charset: charsetOf(this.#type),
      };
    }
    if (this.#empty) return undefined;
    this.#multipart.end();
    const [part] = this.#parts;
    if (part === undefined) throw new ProtocolError("MultipartMalformed", "read body: it holds no message");
    if (context === undefined || this.#parts.some((one) => !isOf(one, scheme))) {
      throw new ProtocolError("SealUnexpected", "open body: it is sealed for another authentication");
    }
    const messages = new SealedMessages(context, isPieces(this.#type!), this.#maxBytes);
    const [message] = this.#parts.map((one) => messages.take(one));
    const bytes = message ?? messages.end()!;
    const charset = charsetOf(parseContentType(part.originalContentType));
    return { bytes, sealed: true, indented: this.#multipart.indented, charset };
  }
}

/**
 * Reads the envelope of a request.
 *
 * @throws WsmanFaultError the fault to answer
 */
export function readRequest(body: OpenedBody, maxBytes: number): Envelope {
  if (body.bytes.length > maxBytes) throw WsmanFaultError.of("MAX_ENVELOPE_SIZE_EXCEEDED");
  const charset = body.charset ?? "utf-8";
  if (!["utf-8", "utf8", "us-ascii", "utf-16", "utf-16le", "utf-16be"].includes(charset)) {
    throw WsmanFaultError.of("UNSUPPORTED_ENCODING");
  }
  try {
    return readEnvelope(withMark(body.bytes, charset), { maxBytes: 2 * maxBytes });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code === "XmlEncoding") throw WsmanFaultError.of("UNSUPPORTED_ENCODING", { cause: error });
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: error.message, cause: error });
  }
}

/** UTF-16 that is announced but has no byte order mark gets one: the XML reader goes by it (RFC 2781: big-endian then). */
function withMark(bytes: Uint8Array, charset: string): Uint8Array {
  if (!charset.startsWith("utf-16") || bytes.length < 2) return bytes;
  const first = bytes[0]! << 8 | bytes[1]!;
  if (first === 0xfeff || first === 0xfffe) return bytes;
  // Windows writes little-endian whatever the name says: the first character `<` shows what it is.
  const little = bytes[0] !== 0;
  return concat([new Uint8Array(little ? [0xff, 0xfe] : [0xfe, 0xff]), bytes]);
}

function charsetOf(type: ContentType | undefined): string | undefined {
  return type?.parameters.get("charset")?.trim().toLowerCase();
}

function isOf(part: EncryptedPart, scheme: SealingScheme): boolean {
  return part.protocol.toLowerCase() === sealedProtocol(scheme).toLowerCase();
}

function severalParts(): ProtocolError {
  return new ProtocolError(
    "MultipartMalformed",
    "read body: it holds several messages where one is expected",
  );
}
