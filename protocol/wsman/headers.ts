/** Headers of WS-Management requests (DSP0226, [MS-WSMV] 2.2.3), read as leniently as Windows reads them. @module */
import { parseDuration } from "../duration.ts";
import { type Envelope, ns, type QualifiedName } from "../soap/mod.ts";
import type { XmlElement } from "../xml/mod.ts";
import { WsmanFaultError } from "./fault.ts";

/** One option of an `w:OptionSet`. */
export interface WsmanOption {
  /** Name, in the client's spelling. */
  readonly name: string;
  /** Value; empty for `xsi:nil`. */
  readonly value: string;
  /** Whether a service that does not know the option must refuse the request. */
  readonly mustComply: boolean;
}

/** What a request's headers ask for. */
export interface RequestHeaders {
  /** `a:Action`. */
  readonly action: string;
  /** `a:MessageID`, to be echoed byte for byte. */
  readonly messageId: string;
  /** `w:ResourceURI`; empty where the action needs none. */
  readonly resourceUri: string;
  /** Selectors by name, in order. */
  readonly selectors: ReadonlyMap<string, string>;
  /** Options in order. */
  readonly options: readonly WsmanOption[];
  /** `w:OperationTimeout` in milliseconds. */
  readonly operationTimeoutMs: number | undefined;
  /** `w:MaxEnvelopeSize` in bytes on the wire. */
  readonly maxEnvelopeSize: number | undefined;
  /** Address of `a:ReplyTo`. */
  readonly replyTo: string | undefined;
  /** `w:Locale`. */
  readonly locale: string | undefined;
  /** `p:DataLocale`. */
  readonly dataLocale: string | undefined;
}

/**
 * Headers that are understood, by namespace. The rest may be ignored unless it must be understood: w:FragmentTransfer and
 * w:RequestEPR among them, since answering as if they were not there would be wrong then.
 */
const understood: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [ns.a, new Set(["Action", "To", "From", "ReplyTo", "FaultTo", "MessageID", "RelatesTo"])],
  [
    ns.w,
    new Set([
      "ResourceURI",
      "SelectorSet",
      "OptionSet",
      "OperationTimeout",
      "MaxEnvelopeSize",
      "Locale",
    ]),
  ],
  [
    ns.p,
    new Set([
      "DataLocale",
      "SessionId",
      "OperationID",
      "SequenceId",
      "ActivityId",
    ]),
  ],
]);

/**
 * Reads the headers of a request.
 *
 * @throws WsmanFaultError with the fault that the service has to answer: MustUnderstand, a missing or bad header,
 *   MaxEnvelopeSize below 8,192, a MessageID longer than 1,024 characters
 */
export function readRequestHeaders(envelope: Envelope): RequestHeaders {
  let resourceUri = "";
  let selectors: ReadonlyMap<string, string> = new Map();
  let options: readonly WsmanOption[] = [];
  let operationTimeoutMs: number | undefined;
  let maxEnvelopeSize: number | undefined;
  let replyTo: string | undefined;
  let locale: string | undefined;
  let dataLocale: string | undefined;
  const notUnderstood: QualifiedName[] = [];
  for (const block of envelope.headers) {
    if (!(understood.get(block.namespace)?.has(block.local) ?? false)) {
      if (mustUnderstand(block) || isCompressionType(block)) {
        notUnderstood.push({ namespace: block.namespace, local: block.local });
      }
      continue;
    }
    if (block.namespace === ns.w) {
      if (block.local === "ResourceURI") resourceUri = block.text.trim();
      else if (block.local === "SelectorSet") selectors = readSelectors(block);
      else if (block.local === "OptionSet") options = readOptions(block);
      else if (block.local === "OperationTimeout") operationTimeoutMs = readTimeout(block);
      else if (block.local === "MaxEnvelopeSize") maxEnvelopeSize = readMaxEnvelopeSize(block);
      else if (block.local === "Locale") locale = block.attribute(ns.xml, "lang");
    } else if (block.namespace === ns.a) {
      if (block.local === "ReplyTo") replyTo = block.child(ns.a, "Address")?.text.trim();
    } else if (block.local === "DataLocale") dataLocale = block.attribute(ns.xml, "lang");
  }
  if (notUnderstood.length > 0) throw WsmanFaultError.mustUnderstand(notUnderstood);
  if (envelope.action === undefined) throw WsmanFaultError.of("MESSAGE_INFORMATION_HEADER_REQUIRED");
  if (envelope.messageId === undefined || envelope.messageId === "") {
    throw WsmanFaultError.of("MESSAGE_INFORMATION_HEADER_REQUIRED");
  }
  if (envelope.messageId.length > maxMessageIdLength) {
    throw WsmanFaultError.of("ENCODING_LIMIT", { detail: "MessageID is too long" });
  }
  return {
    action: envelope.action,
    messageId: envelope.messageId,
    resourceUri,
    selectors,
    options,
    operationTimeoutMs,
    maxEnvelopeSize,
    replyTo,
    locale,
    dataLocale,
  };
}

/** With this an echoed MessageID leaves room for output in an answer of the least MaxEnvelopeSize, however it is escaped. */
const maxMessageIdLength = 1024;

/** [MS-WSMV] 3.2.4.1.19: its client sends compressed streams from then on, whether it says mustUnderstand or not. */
function isCompressionType(block: XmlElement): boolean {
  return block.namespace === ns.rsp && block.local === "CompressionType";
}

/** Real clients write the attribute unqualified or in the WS-Addressing namespace; Windows takes only the SOAP one seriously. */
function mustUnderstand(block: XmlElement): boolean {
  const value = block.attribute(ns.s, "mustUnderstand")?.trim();
  return value === "true" || value === "1";
}

function readSelectors(set: XmlElement): ReadonlyMap<string, string> {
  const selectors = new Map<string, string>();
  for (const selector of set.childrenNamed(ns.w, "Selector")) {
    const name = selector.attribute("", "Name")?.trim() ?? "";
    if (name === "" || selectors.has(name)) throw WsmanFaultError.of("INVALID_SELECTORS");
    selectors.set(name, selector.text.trim());
  }
  return selectors;
}

function readOptions(set: XmlElement): readonly WsmanOption[] {
  return set.childrenNamed(ns.w, "Option").map((option) => {
    const mustComply = option.attribute("", "MustComply")?.trim();
    return {
      name: option.attribute("", "Name")?.trim() ?? "",
      value: option.text,
      mustComply: mustComply === "true" || mustComply === "1",
    };
  });
}

function readTimeout(block: XmlElement): number {
  try {
    return parseDuration(block.text.trim());
  } catch (error) {
    throw WsmanFaultError.of("INVALID_TIMEOUT_HEADER", { cause: error });
  }
}

/** WINRM_SETTINGS: below 8,192 is an EncodingLimit fault. */
function readMaxEnvelopeSize(block: XmlElement): number {
  const text = block.text.trim();
  if (!/^\d{1,15}$/.test(text)) throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR");
  const size = Number(text);
  if (size < 8192) throw WsmanFaultError.of("ENCODING_LIMIT");
  return size;
}
