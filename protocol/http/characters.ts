/** Character classes of RFC 9110 5.6 as tables, and the decoding of heads. @module */

/** Carriage return. */
export const CR = 0x0d;
/** Line feed. */
export const LF = 0x0a;
/** Space. */
export const SP = 0x20;
/** Horizontal tab. */
export const HTAB = 0x09;

function table(characters: string): Uint8Array {
  const classes = new Uint8Array(256);
  for (let i = 0; i < characters.length; i++) classes[characters.charCodeAt(i)] = 1;
  return classes;
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 1 for the bytes of `token` (RFC 9110 5.6.2). */
export const tokenBytes: Uint8Array = table(alphanumeric + "!#$%&'*+-.^_`|~");

/** 1 for the bytes of a `token68` before its padding (RFC 9110 11.2). */
export const token68Bytes: Uint8Array = table(alphanumeric + "-._~+/");

/** 1 for the bytes of a field value or reason phrase: HTAB, SP, visible ASCII and obs-text (RFC 9110 5.5). */
export const valueBytes: Uint8Array = new Uint8Array(256).map((_, byte) =>
  byte === HTAB || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0
);

/** 1 for the bytes of a request target: visible ASCII without `#` (RFC 9112 3.2 knows no fragment). */
export const targetBytes: Uint8Array = new Uint8Array(256).map((_, byte) =>
  byte > 0x20 && byte < 0x7f && byte !== 0x23 ? 1 : 0
);

/** 1 for the bytes of a Host value: host, port, IP literal (RFC 9110 7.2, RFC 3986 3.2.2). */
export const hostBytes: Uint8Array = table(alphanumeric + "-._~!$&'()*+;=%:[]");

/** Whether every character of `text` is in `classes`. */
export function consistsOf(text: string, classes: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (classes[text.charCodeAt(i)] !== 1) return false;
  return true;
}

const asciiDecoder = new TextDecoder();

/** Decodes ISO-8859-1. (`TextDecoder("latin1")` is windows-1252, which differs from 0x80 to 0x9f.) */
export function decodeLatin1(bytes: Uint8Array, onlyAscii: boolean): string {
  if (onlyAscii) return asciiDecoder.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}
