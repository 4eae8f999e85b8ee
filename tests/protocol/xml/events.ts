/** Runs the parser over chunks and writes its events down, pieces of one text joined. */
import { type TextMode, type XmlLimits, XmlParser } from "../../../protocol/xml/mod.ts";

export type Event =
  | { readonly start: string; readonly attributes: readonly string[] }
  | { readonly text: string }
  | { readonly bytes: string }
  | { readonly end: string };

export type Modes = (namespace: string, local: string) => TextMode;

/** `{namespace}local` */
export function expanded(namespace: string, local: string): string {
  return namespace === "" ? local : `{${namespace}}${local}`;
}

export function eventsOf(
  chunks: Iterable<Uint8Array>,
  modes: Modes = () => "text",
  limits?: Partial<XmlLimits>,
): Event[] {
  const events: Event[] = [];
  const parser = new XmlParser({
    startElement(namespace, local, attributes) {
      events.push({
        start: expanded(namespace, local),
        attributes: attributes.map((a) => `${expanded(a.namespace, a.local)}=${a.value}`),
      });
      return modes(namespace, local);
    },
    text(value) {
      const last = events.at(-1);
      if (last !== undefined && "text" in last) events[events.length - 1] = { text: last.text + value };
      else events.push({ text: value });
    },
    base64(bytes) {
      const last = events.at(-1);
      if (last !== undefined && "bytes" in last) {
        events[events.length - 1] = { bytes: last.bytes + bytes.toHex() };
      } else events.push({ bytes: bytes.toHex() });
    },
    endElement(namespace, local) {
      events.push({ end: expanded(namespace, local) });
    },
  }, limits);
  for (const chunk of chunks) parser.write(chunk);
  parser.end();
  return events;
}

/** UTF-8 bytes of a text; one byte for each unit where `raw`. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The code of the ProtocolError that reading the document ends in, or "accepted". */
export function refusal(document: string | Uint8Array, limits?: Partial<XmlLimits>, modes?: Modes): string {
  const bytes = typeof document === "string" ? bytesOf(document) : document;
  try {
    eventsOf([bytes], modes, limits);
  } catch (error) {
    if (error instanceof Error && error.name === "ProtocolError" && "code" in error) {
      return String(error.code);
    }
    throw error;
  }
  return "accepted";
}

/** The text of the root element of a document without children. */
export function textOf(document: string | Uint8Array): string {
  const bytes = typeof document === "string" ? bytesOf(document) : document;
  return eventsOf([bytes]).map((event) => "text" in event ? event.text : "").join("");
}
