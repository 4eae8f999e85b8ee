/** Answers as our service writes them, shaped like Windows' own: header order, prefixes, no white space. @module */
import { utf8 } from "../bytes.ts";
import { anonymousAddress, openEnvelope } from "../soap/mod.ts";
import { escapeText } from "../xml/mod.ts";

/** What an answer's headers need. */
export interface ResponseContext {
  /** `a:MessageID` of the answer, with its `uuid:`. */
  readonly messageId: string;
  /** `a:MessageID` of the request, echoed byte for byte. */
  readonly relatesTo: string;
}

const openings = {
  shell: openEnvelope("s a x w rsp p"),
  receive: openEnvelope("s a w rsp p"),
  empty: openEnvelope("s a w p"),
  transfer: openEnvelope("s a x w p"),
  enumeration: openEnvelope("s a n w p"),
};

/** Which prefixes Windows declares for which kind of answer. */
export type ResponseShape = keyof typeof openings;

/** What comes before the body's content. */
export function openResponse(shape: ResponseShape, action: string, context: ResponseContext): string {
  return `${
    openings[shape]
  }<s:Header><a:Action>${action}</a:Action><a:MessageID>${context.messageId}</a:MessageID>` +
    `<a:To>${anonymousAddress}</a:To><a:RelatesTo>${
      escapeText(context.relatesTo)
    }</a:RelatesTo></s:Header><s:Body>`;
}

/** What comes after the body's content. */
export const closeResponse = "</s:Body></s:Envelope>";

/** A whole answer; `body` is XML, already escaped. */
export function writeResponse(
  shape: ResponseShape,
  action: string,
  context: ResponseContext,
  body: string,
): Uint8Array {
  return utf8(openResponse(shape, action, context) + body + closeResponse);
}
