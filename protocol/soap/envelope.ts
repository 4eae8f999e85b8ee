/** SOAP 1.2 envelopes as WS-Management uses them: structure and the addressing headers that every message has. @module */
import { utf8 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { DocumentParser, type XmlElement, type XmlLimits } from "../xml/mod.ts";
import { ns } from "./namespaces.ts";

/** A read envelope. Header values are trimmed: specification samples and some servers break lines inside of them. */
export interface Envelope {
  /** Header blocks in order. */
  readonly headers: readonly XmlElement[];
  /** `s:Body`. */
  readonly body: XmlElement;
  /** The only (or first) child of the body, where there is one. */
  readonly content: XmlElement | undefined;
  /** `a:Action`. */
  readonly action: string | undefined;
  /** `a:MessageID`, byte for byte but for surrounding white space. */
  readonly messageId: string | undefined;
  /** `a:RelatesTo`. */
  readonly relatesTo: string | undefined;
}

/** Reads one envelope from chunks split anywhere. */
export class EnvelopeReader {
  readonly #document: DocumentParser;

  /** Begins an envelope. The streams of shells are decoded from base64 while they are read. */
  constructor(limits?: Partial<XmlLimits>) {
    this.#document = new DocumentParser(
      limits === undefined ? { binary: isShellStream } : { binary: isShellStream, limits },
    );
  }

  /**
   * Takes the next bytes.
   *
   * @throws ProtocolError on malformed XML
   */
  write(chunk: Uint8Array): void {
    this.#document.write(chunk);
  }

  /**
   * The envelope.
   *
   * @throws ProtocolError `XmlIncomplete`, or `SoapMalformed` when the document is no SOAP 1.2 envelope
   */
  end(): Envelope {
    return envelopeOf(this.#document.end());
  }
}

/**
 * Reads an envelope that is whole in memory.
 *
 * @throws ProtocolError as {@linkcode EnvelopeReader} does
 */
export function readEnvelope(bytes: Uint8Array, limits?: Partial<XmlLimits>): Envelope {
  const reader = new EnvelopeReader(limits);
  const declaration = overruledDeclaration(bytes);
  if (declaration !== "") reader.write(utf8(declaration));
  reader.write(bytes.subarray(declaration.length));
  return reader.end();
}

const falseDeclaration = /^<\?xml\s+version\s*=\s*["']1\.0["']\s+encoding\s*=\s*["']utf-16["']\s*\?>/i;

/**
 * The declaration to read instead of one that says UTF-16 in a document that is not UTF-16, equally long; empty where
 * there is none such. The charset of the media type overrules the declaration (RFC 7303 section 3.2), and .NET clients
 * that serialise to a string first (WinRMSharp) send such ones.
 */
function overruledDeclaration(bytes: Uint8Array): string {
  if (bytes[0] !== 0x3c || bytes[1] !== 0x3f) return "";
  let head = "";
  for (const byte of bytes.subarray(0, 128)) head += String.fromCharCode(byte);
  const length = falseDeclaration.exec(head)?.[0].length;
  return length === undefined ? "" : '<?xml version="1.0"'.padEnd(length - 2) + "?>";
}

/** Whether an element's text is base64 that is wanted as bytes: `rsp:Stream` of Send and Receive. */
function isShellStream(namespace: string, local: string): boolean {
  return local === "Stream" && namespace === ns.rsp;
}

function envelopeOf(root: XmlElement): Envelope {
  if (root.local !== "Envelope" || root.namespace !== ns.s) {
    const found = root.local === "Envelope"
      ? `the envelope namespace ${root.namespace || "(none)"}`
      : `<${root.local}>`;
    throw new ProtocolError("SoapMalformed", `read envelope: expected a SOAP 1.2 Envelope, found ${found}`);
  }
  let header: XmlElement | undefined;
  let body: XmlElement | undefined;
  for (let child = root.firstChild; child !== undefined; child = child.nextSibling) {
    if (child.namespace !== ns.s) {
      throw new ProtocolError("SoapMalformed", `read envelope: <${child.local}> is neither Header nor Body`);
    }
    if (child.local === "Header" && header === undefined && body === undefined) header = child;
    else if (child.local === "Body" && body === undefined) body = child;
    else {
      throw new ProtocolError(
        "SoapMalformed",
        `read envelope: <${child.local}> is unknown, doubled or out of order`,
      );
    }
  }
  if (body === undefined) throw new ProtocolError("SoapMalformed", "read envelope: the Body is missing");
  const headers = header?.children ?? [];
  let action: string | undefined;
  let messageId: string | undefined;
  let relatesTo: string | undefined;
  for (const block of headers) {
    if (block.namespace !== ns.a) continue;
    if (block.local === "Action") action ??= block.text.trim();
    else if (block.local === "MessageID") messageId ??= block.text.trim();
    else if (block.local === "RelatesTo") relatesTo ??= block.text.trim();
  }
  return { headers, body, content: body.firstChild, action, messageId, relatesTo };
}

/** Opening tag with the prefixes that are named, e.g. `openEnvelope("s a w")`; a constant for the writers of messages. */
export function openEnvelope(prefixes: string): string {
  let tag = `<s:Envelope xml:lang="en-US"`;
  for (const prefix of prefixes.split(" ")) tag += ` xmlns:${prefix}="${ns[prefix as keyof typeof ns]}"`;
  return tag + ">";
}
