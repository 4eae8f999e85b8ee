/** XML: a streaming parser, small trees, and a writer. @module */
export { defaultXmlLimits, type XmlLimits } from "./limits.ts";
export {
  type NamespaceScope,
  type TextMode,
  type XmlAttribute,
  type XmlHandler,
  XmlParser,
} from "./parser.ts";
export { type DocumentOptions, DocumentParser, parseDocument, XmlElement } from "./tree.ts";
export { escapeAttribute, escapeText, XmlWriter } from "./writer.ts";
