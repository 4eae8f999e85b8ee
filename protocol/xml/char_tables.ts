/** Classes of characters: XML 1.0 fifth edition, sections 2.2 (Char) and 2.3 (NameStartChar, NameChar). @module */

/** Plain: goes into the text as it is. */
export const PLAIN = 0;
/** `<` */
export const LESS = 1;
/** `&` */
export const AMPERSAND = 2;
/** `]`, which may begin `]]>` */
export const BRACKET = 3;
/** Carriage return, subject to line-end normalisation (section 2.11) */
export const RETURN = 4;
/** A byte of a character outside of ASCII */
export const WIDE = 5;
/** A control character that no document may hold */
export const FORBIDDEN = 6;
/** In attribute values: tab and line feed, which become spaces (section 3.3.3) */
export const BLANK = 7;
/** In attribute values: either quotation mark */
export const QUOTE = 8;

/** Class of each byte in character data. */
export const textClass: Uint8Array = new Uint8Array(256);
/** Class of each byte in an attribute value. */
export const valueClass: Uint8Array = new Uint8Array(256);
/** 1 for bytes that go on with a name: ASCII name characters, the colon, and every byte outside of ASCII. */
export const nameByte: Uint8Array = new Uint8Array(256);

for (let code = 0; code < 256; code++) {
  const common = code === 0x0d
    ? RETURN
    : code < 0x20 && code !== 0x09 && code !== 0x0a
    ? FORBIDDEN
    : code >= 0x80
    ? WIDE
    : code === 0x3c
    ? LESS
    : code === 0x26
    ? AMPERSAND
    : PLAIN;
  textClass[code] = code === 0x5d ? BRACKET : common;
  valueClass[code] = code === 0x09 || code === 0x0a ? BLANK : code === 0x22 || code === 0x27 ? QUOTE : common;
  nameByte[code] = code >= 0x80 || /[A-Za-z0-9_:.-]/.test(String.fromCharCode(code)) ? 1 : 0;
}

const start =
  "A-Z_a-z\\xC0-\\xD6\\xD8-\\xF6\\xF8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F" +
  "\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}";
const ncName = new RegExp(`^[${start}][${start}\\-.0-9\\xB7\\u0300-\\u036F\\u203F\\u2040]*$`, "u");
const forbidden = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** Whether `name` is a name without a colon (Namespaces in XML 1.0, section 3). */
export function isNcName(name: string): boolean {
  return ncName.test(name);
}

/** Whether `name` is `local` or `prefix:local`. */
export function isQName(name: string): boolean {
  const colon = name.indexOf(":");
  return colon < 0 ? isNcName(name) : isNcName(name.slice(0, colon)) && isNcName(name.slice(colon + 1));
}

/** Where the first character stands that XML 1.0 does not allow (lone surrogates included), or -1. */
export function forbiddenAt(text: string): number {
  return text.search(forbidden);
}

/** Whether XML 1.0 allows the code point in a document. */
export function isXmlChar(code: number): boolean {
  return code < 0x20
    ? code === 0x09 || code === 0x0a || code === 0x0d
    : code < 0xd800 || (code >= 0xe000 && code < 0xfffe) || (code >= 0x10000 && code <= 0x10ffff);
}
