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

const opening = openEnvelope("s a w p rsp n");
const writer = new ByteWriter();

/**
 * The headers between `a:To` and MaxEnvelopeSize, which depend on resource and action only, in bytes. Two thirds of a request
 * are such constants, and copying bytes is much cheaper than joining and encoding texts.
 */
const middles = new Map<string, Uint8Array>();
/** Actions and resources of shells are few; a client that walks through very many resources starts anew. */
const maxMiddles = 256;

function middleOf(resourceUri: string, action: string): Uint8Array {
  const key = `${action} ${resourceUri}`;
  let middle = middles.get(key);
  if (middle === undefined) {
    middle = utf8(
      `${
        escapeText(resourceUri)
      }</w:ResourceURI><a:ReplyTo><a:Address s:mustUnderstand="true">${anonymousAddress}` +
        `</a:Address></a:ReplyTo><a:Action s:mustUnderstand="true">${action}`,
    );
    if (middles.size === maxMiddles) middles.clear();
    middles.set(key, middle);
  }
  return middle;
}

/** Writes requests to one endpoint; what does not change is prepared once. */
export class RequestWriter {
  readonly #start: Uint8Array;
  readonly #session: Uint8Array;

  /** Prepares the constant parts. */
  constructor(endpoint: EndpointHeaders) {
    const locale = escapeAttribute(endpoint.locale);
    this.#start = utf8(
      `${opening}<s:Header><a:To>${escapeText(endpoint.to)}</a:To><w:ResourceURI s:mustUnderstand="true">`,
    );
    this.#session = utf8(
      `</a:Action><w:MaxEnvelopeSize s:mustUnderstand="true">${endpoint.maxEnvelopeSize}` +
        `</w:MaxEnvelopeSize><w:Locale xml:lang="${locale}" s:mustUnderstand="false"></w:Locale>` +
        `<p:DataLocale xml:lang="${locale}" s:mustUnderstand="false"></p:DataLocale>` +
        `<p:SessionId s:mustUnderstand="false">uuid:${endpoint.sessionId}</p:SessionId><a:MessageID>uuid:`,
    );
  }

  /** The bytes of one request. */
  write(parts: RequestParts): Uint8Array {
    let text = `${parts.messageId}</a:MessageID>`;
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
    return writer.join(this.#start, middleOf(parts.resourceUri, parts.action), this.#session, text);
  }
}
