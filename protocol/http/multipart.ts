/** Sealed messages as `multipart/encrypted`, as WinRM writes them ([MS-WSMV] 2.2.9.1). @module */
import { concat, utf8 } from "../bytes.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import type { ContentType } from "./content_type.ts";
import { SealedEndFinder } from "./sealed_end.ts";

const boundary = "Encrypted Boundary";
const messageType = "multipart/encrypted";
const piecesType = "multipart/x-multi-encrypted";
const delimiter = `--${boundary}\r\n`;
const LF = 0x0a;
const TAB = 0x09;
/** Longest header line in a part, and most header lines of a part. */
const maxLineBytes = 4096;
const maxLines = 16;
const headerDecoder = new TextDecoder();

/** One sealed message. */
export interface EncryptedPart {
  /** Media type that names the mechanism, e.g. `application/HTTP-SPNEGO-session-encrypted`. */
  readonly protocol: string;
  /** Media type of the plaintext, e.g. `application/soap+xml;charset=UTF-8`. */
  readonly originalContentType: string;
  /** Length of the plaintext in bytes. */
  readonly originalLength: number;
  /** Length of the token (4 bytes, little-endian), token, ciphertext. May share memory with pushed bytes. */
  readonly sealed: Uint8Array;
}

/**
 * The body for the parts of one sealed message, byte for byte as Windows writes it: no empty lines, no CRLF before the closing
 * boundary. For several messages concatenate several. `indented` puts a tab before the part headers, which most clients
 * off Windows write themselves and cannot read an answer without. Throws `UsageError` when a media type has a control
 * character.
 */
export function encodeEncrypted(
  parts: readonly EncryptedPart[],
  options: { readonly indented?: boolean } = {},
): Uint8Array {
  return concat(encryptedParts(parts, options));
}

/** What {@link encodeEncrypted} joins, for a caller that writes it without a copy. */
export function encryptedParts(
  parts: readonly EncryptedPart[],
  options: { readonly indented?: boolean } = {},
): readonly Uint8Array[] {
  const tab = options.indented === true ? "\t" : "";
  const bytes: Uint8Array[] = [];
  for (const part of parts) {
    for (const text of [part.protocol, part.originalContentType]) {
      if (!/^[\x20-\x7e]+$/.test(text)) {
        throw new UsageError(
          "MultipartPartInvalid",
          "encode sealed part: a media type is empty or has odd characters",
        );
      }
    }
    const head = `${delimiter}${tab}Content-Type: ${part.protocol}\r\n` +
      `${tab}OriginalContent: type=${part.originalContentType};Length=${part.originalLength}\r\n` +
      `${delimiter}${tab}Content-Type: application/octet-stream\r\n`;
    bytes.push(utf8(head), part.sealed);
  }
  bytes.push(utf8(`--${boundary}--\r\n`));
  return bytes;
}

/** The Content-Type field that goes with {@link encodeEncrypted}: another one where the message is in several parts. */
export function encryptedContentType(protocol: string, parts: number): string {
  return `${parts > 1 ? piecesType : messageType};protocol="${protocol}";boundary="${boundary}"`;
}

/** Whether a media type is one of those that carry sealed messages. */
export function isEncrypted({ type }: ContentType): boolean {
  return type === messageType || type === piecesType;
}

/** Whether the parts of a sealed body are pieces of one message, not messages of their own. */
export function isPieces({ type }: ContentType): boolean {
  return type === piecesType;
}

type State =
  /** Before the first delimiter of a message, or at the end of all. */
  | { readonly kind: "start"; readonly closed: boolean }
  /** In the headers that describe the plaintext. */
  | {
    readonly kind: "description";
    readonly protocol?: string;
    readonly original?: Original;
    readonly lines: number;
  }
  /** At the one header line of the data. */
  | { readonly kind: "data-type"; readonly protocol: string; readonly original: Original }
  | {
    readonly kind: "sealed";
    readonly protocol: string;
    readonly original: Original;
    readonly finder: SealedEndFinder;
  };

interface Original {
  readonly type: string;
  readonly length: number;
}

/**
 * Parses a stream of sealed messages: several parts in one multipart, several complete multiparts back to back,
 * split anywhere. Part headers may be indented. After an error every call throws that error. Errors are
 * `ProtocolError` with the codes `MultipartMalformed`, `MultipartTooLarge` and `MultipartIncomplete`.
 */
export class EncryptedParser {
  readonly #delimiter: Uint8Array;
  readonly #maxPartBytes: number;
  #state: State = { kind: "start", closed: false };
  #held = new Uint8Array(0) as Uint8Array;
  #start = 0;
  #end = 0;
  /** Whether `#held` is this parser's own buffer and may be appended to. */
  #owned = false;
  /** Length of what is held that was searched for a line's end in vain. */
  #searched = 0;
  #failure: ProtocolError | undefined;
  #indented = false;

  /**
   * `contentType` is that of the HTTP message; its boundary counts. `maxPartBytes` limits the sealed bytes of one
   * part and its announced length; default 64 MiB.
   */
  constructor(contentType: ContentType, limits?: { readonly maxPartBytes: number }) {
    if (!isEncrypted(contentType)) {
      throw multipartError("MultipartMalformed", "the content type is not multipart/encrypted");
    }
    const name = contentType.parameters.get("boundary");
    // RFC 2046 5.1.1: 1 to 70 characters.
    if (name === undefined || !/^[\x20-\x7e]{1,70}$/.test(name)) {
      throw multipartError("MultipartMalformed", "the content type has no usable boundary");
    }
    this.#delimiter = utf8(`--${name}`);
    this.#maxPartBytes = limits?.maxPartBytes ?? 64 * 1024 * 1024;
  }

  /** Whether the header line of the data that was read last was indented by a tab. */
  get indented(): boolean {
    return this.#indented;
  }

  /** Takes the next bytes of the body and gives the parts that they complete. */
  push(bytes: Uint8Array): EncryptedPart[] {
    if (this.#failure !== undefined) throw this.#failure;
    this.#append(bytes);
    const parts: EncryptedPart[] = [];
    try {
      while (this.#advance(parts));
    } catch (error) {
      if (error instanceof ProtocolError) this.#failure = error;
      throw error;
    }
    return parts;
  }

  /** The body is complete. Throws `MultipartIncomplete` when a part is not. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state.kind === "start" && this.#state.closed && this.#start === this.#end) return;
    this.#failure = multipartError("MultipartIncomplete", "the body ended inside a part");
    throw this.#failure;
  }

  /** Keeps the bytes: as a view when nothing else is held, else in a buffer that grows by doubling. */
  #append(bytes: Uint8Array): void {
    const rest = this.#end - this.#start;
    if (rest === 0) {
      this.#held = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#end + bytes.length > this.#held.length) {
      const larger = new Uint8Array(Math.max(2 * rest, rest + bytes.length, 1024));
      larger.set(this.#held.subarray(this.#start, this.#end));
      this.#held = larger;
      this.#start = 0;
      this.#end = rest;
      this.#owned = true;
    }
    this.#held.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** One step; false when more bytes are needed. */
  #advance(parts: EncryptedPart[]): boolean {
    const state = this.#state;
    if (state.kind === "sealed") return this.#sealed(state, parts);
    if (state.kind === "start" && this.#start === this.#end) return false;
    const line = this.#line();
    if (line === undefined) return false;
    switch (state.kind) {
      case "start":
        if (this.#isDelimiter(line)) this.#state = { kind: "description", lines: 0 };
        else if (line.length > 0) {
          throw multipartError("MultipartMalformed", "it does not begin with the boundary");
        }
        return true;
      case "description":
        this.#state = this.#describe(state, line);
        return true;
      case "data-type":
        if (!/^content-type:[ \t]*application\/octet-stream$/i.test(text(line))) {
          throw multipartError("MultipartMalformed", "the sealed data are not an octet stream");
        }
        this.#indented = line[0] === TAB;
        this.#state = {
          ...state,
          kind: "sealed",
          finder: new SealedEndFinder(state.original.length, this.#delimiter),
        };
        return true;
    }
  }

  /** The next line without its CRLF, or `undefined` when it is not complete. */
  #line(): Uint8Array | undefined {
    const held = this.#held.subarray(this.#start, this.#end);
    const lf = held.indexOf(LF, this.#searched);
    if ((lf < 0 ? held.length : lf) > maxLineBytes) {
      throw multipartError("MultipartTooLarge", `a header line is longer than ${maxLineBytes} bytes`);
    }
    if (lf < 0) {
      this.#searched = held.length;
      return undefined;
    }
    this.#searched = 0;
    this.#start += lf + 1;
    if (lf === 0 || held[lf - 1] !== 0x0d) {
      throw multipartError("MultipartMalformed", "a line ends in a bare LF");
    }
    return held.subarray(0, lf - 1);
  }

  #isDelimiter(line: Uint8Array): boolean {
    return line.length === this.#delimiter.length && this.#delimiter.every((byte, i) => byte === line[i]);
  }

  #describe(state: State & { kind: "description" }, line: Uint8Array): State {
    const { protocol, original } = state;
    if (this.#isDelimiter(line)) {
      if (protocol === undefined || original === undefined) {
        throw multipartError("MultipartMalformed", "a part does not say its protocol and original content");
      }
      return { kind: "data-type", protocol, original };
    }
    if (state.lines === maxLines) {
      throw multipartError("MultipartTooLarge", `a part has more than ${maxLines} header lines`);
    }
    const lines = state.lines + 1;
    const header = text(line);
    const colon = header.indexOf(":");
    if (colon < 1 && header !== "") throw multipartError("MultipartMalformed", "a header line has no colon");
    const value = header.slice(colon + 1).trim();
    switch (header.slice(0, Math.max(colon, 0)).toLowerCase()) {
      case "content-type":
        if (protocol !== undefined) {
          throw multipartError("MultipartMalformed", "a part has two content types");
        }
        return { ...state, protocol: value, lines };
      case "originalcontent":
        if (original !== undefined) {
          throw multipartError("MultipartMalformed", "a part has two original contents");
        }
        return { ...state, original: this.#parseOriginal(value), lines };
      default:
        return { ...state, lines };
    }
  }

  #parseOriginal(value: string): Original {
    const match = /^type=(.+);[ \t]*length=(\d{1,15})$/i.exec(value);
    if (match === null) throw multipartError("MultipartMalformed", "OriginalContent has no type and length");
    const length = Number(match[2]);
    if (length > this.#maxPartBytes) throw this.#tooLarge();
    return { type: match[1]!.trim(), length };
  }

  #sealed(state: State & { kind: "sealed" }, parts: EncryptedPart[]): boolean {
    const held = this.#held.subarray(this.#start, this.#end);
    const found = state.finder.find(held);
    if (found === undefined) {
      if (held.length > this.#maxPartBytes + maxLineBytes) throw this.#tooLarge();
      return false;
    }
    if (found.length > this.#maxPartBytes) throw this.#tooLarge();
    parts.push({
      protocol: state.protocol,
      originalContentType: state.original.type,
      originalLength: state.original.length,
      sealed: held.subarray(0, found.length),
    });
    this.#start += found.next;
    this.#state = found.closed ? { kind: "start", closed: true } : { kind: "description", lines: 0 };
    return true;
  }

  #tooLarge(): ProtocolError {
    return multipartError(
      "MultipartTooLarge",
      `a part is longer than the limit of ${this.#maxPartBytes} bytes`,
    );
  }
}

function text(line: Uint8Array): string {
  return headerDecoder.decode(line).trim();
}

function multipartError(
  code: "MultipartMalformed" | "MultipartTooLarge" | "MultipartIncomplete",
  state: string,
): ProtocolError {
  return new ProtocolError(code, `read sealed parts: ${state}`);
}
