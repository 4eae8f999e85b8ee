/** Requests as our client writes them: the headers of [MS-WSMV] 2.2.3 in the order of the native client. @module */
import { formatDuration } from "../duration.ts";
import { ByteWriter } from "../byte_writer.ts";
import { utf8 } from "../bytes.ts";
import { anonymousAddress, ns, openEnvelope } from "../soap/mod.ts";
import { escapeAttribute, escapeText } from "../xml/mod.ts";

/** What stays the same for all requests to one endpoint. */
export interface EndpointHeaders {
  /** `a:To`, e.g. `http://web01:5985/wsman`. */
  readonly to: string;
  /** Largest answer that we take, in bytes; default 512,000 as PowerShell's client. */
  readonly maxEnvelopeSize: number;
  /** `w:Locale` and `p:DataLocale`, e.g. `en-US`. */
  readonly locale: string;
  /** GUID of this client's session, without `uuid:`. */
  readonly sessionId: string;
}

/** What differs from request to request. */
export interface RequestParts {
  /** Action URI. */
  readonly action: string;
  /** Resource URI. */
  readonly resourceUri: string;
  /** GUID of this message, without `uuid:`. */
  readonly messageId: string;
  /** Milliseconds after which the service answers TimedOut. */
  readonly operationTimeoutMs: number;
  /** Selectors, e.g. ShellId. */
  readonly selectors?: Readonly<Record<string, string>>;
  /** Options by name. */
  readonly options?: Readonly<Record<string, string>>;
  /** XML of the body's content, already escaped. */
  readonly body: string;
}

const opening = utf8(`${openEnvelope("s a w p rsp n")}<s:Header><a:To>`);
const writer = new ByteWriter();

/**
 * The headers between the address and MaxEnvelopeSize, which depend on resource and action only, in bytes. Two thirds of a
 * request are such constants, and copying bytes is much cheaper than joining and encoding texts.
 */
const middles = new Map<string, Map<string, Uint8Array>>();
/** Actions and resources of shells are few; a client that walks through very many resources starts anew. */
const maxMiddles = 64;

function middleOf(resourceUri: string, action: string): Uint8Array {
  let ofResource = middles.get(resourceUri);
  if (ofResource === undefined) {
    if (middles.size === maxMiddles) middles.clear();
    middles.set(resourceUri, ofResource = new Map());
  }
  let middle = ofResource.get(action);
  if (middle === undefined) {
    middle = utf8(
      `</a:To><w:ResourceURI s:mustUnderstand="true">${
        escapeText(resourceUri)
      }</w:ResourceURI><a:ReplyTo><a:Address s:mustUnderstand="true">${anonymousAddress}` +
        `</a:Address></a:ReplyTo><a:Action s:mustUnderstand="true">${action}`,
    );
    if (ofResource.size === maxMiddles) ofResource.clear();
    ofResource.set(action, middle);
  }
  return middle;
}

/** The headers from MaxEnvelopeSize to the session's id: the same for all endpoints of most fleets. */
const settings = new Map<string, Uint8Array>();
const maxSettings = 64;

function settingsOf(maxEnvelopeSize: number, locale: string): Uint8Array {
  const key = `${maxEnvelopeSize} ${locale}`;
  let bytes = settings.get(key);
  if (bytes === undefined) {
    const escaped = escapeAttribute(locale);
    bytes = utf8(
      `</a:Action><w:MaxEnvelopeSize s:mustUnderstand="true">${maxEnvelopeSize}` +
        `</w:MaxEnvelopeSize><w:Locale xml:lang="${escaped}" s:mustUnderstand="false"></w:Locale>` +
        `<p:DataLocale xml:lang="${escaped}" s:mustUnderstand="false"></p:DataLocale>` +
        `<p:SessionId s:mustUnderstand="false">uuid:`,
    );
    if (settings.size === maxSettings) settings.clear();
    settings.set(key, bytes);
  }
  return bytes;
}

/** Writes requests to one endpoint. What its requests share with those of other endpoints is kept once for all of them. */
export class RequestWriter {
  readonly #to: string;
  readonly #settings: Uint8Array;
  readonly #sessionId: string;

  /** Prepares the constant parts. */
  constructor(endpoint: EndpointHeaders) {
    this.#to = escapeText(endpoint.to);
    this.#settings = settingsOf(endpoint.maxEnvelopeSize, endpoint.locale);
    this.#sessionId = endpoint.sessionId;
  }

  /** The bytes of one request. */
  write(parts: RequestParts): Uint8Array {
    let text = `${this.#sessionId}</p:SessionId><a:MessageID>uuid:${parts.messageId}</a:MessageID>`;
    if (parts.selectors !== undefined) {
      text += "<w:SelectorSet>";
      for (const name in parts.selectors) {
        text += `<w:Selector Name="${escapeAttribute(name)}">${
          escapeText(parts.selectors[name]!)
        }</w:Selector>`;
      }
      text += "</w:SelectorSet>";
    }
    if (parts.options !== undefined) {
      text += `<w:OptionSet xmlns:xsi="${ns.xsi}">`;
      for (const name in parts.options) {
        text += `<w:Option Name="${escapeAttribute(name)}">${escapeText(parts.options[name]!)}</w:Option>`;
      }
      text += "</w:OptionSet>";
    }
    text +=
      `<w:OperationTimeout>${formatDuration(parts.operationTimeoutMs)}</w:OperationTimeout></s:Header>` +
      `<s:Body>${parts.body}</s:Body></s:Envelope>`;
    return writer.join(opening, this.#to, middleOf(parts.resourceUri, parts.action), this.#settings, text);
  }
}
