/** Windows code pages by iconv-lite, for shells that ask for one (WINRS_CODEPAGE). @module */
import { Buffer } from "node:buffer";
import iconv from "iconv-lite";
import type { CodePages, TextConverter } from "../../actors/ports.ts";

/** Names of code pages that the library does not know by their number, and of those whose number means something else to it. */
const names: ReadonlyMap<number, string> = new Map([
  [1200, "utf-16le"],
  [1201, "utf-16be"],
  [12000, "utf-32le"],
  [12001, "utf-32be"],
  [20127, "ascii"],
  [20866, "koi8-r"],
  [20932, "euc-jp"],
  [21866, "koi8-u"],
  [51932, "euc-jp"],
  [51936, "gb2312"],
  [51949, "euc-kr"],
  [54936, "gb18030"],
  [65000, "utf-7"],
  [65001, "utf-8"],
  [10000, "macroman"],
]);

/** The library's name of a code page; `undefined` when it has no such encoding. */
function encodingOf(codepage: number): string | undefined {
  const name = names.get(codepage) ??
    (codepage >= 28591 && codepage <= 28606 ? `iso-8859-${codepage - 28590}` : `cp${codepage}`);
  return iconv.encodingExists(name) ? name : undefined;
}

function converter(from: string, to: string): TextConverter {
  const decoder = iconv.getDecoder(from, { stripBOM: false });
  const encoder = iconv.getEncoder(to, { addBOM: false });
  return {
    convert: (bytes) =>
      encoder.write(decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))),
    finish: () => {
      const head = encoder.write(decoder.end() ?? "");
      const tail = encoder.end();
      return tail === undefined ? head : Buffer.concat([head, tail]);
    },
  };
}

/** All code pages that the library knows. */
export const codePages: CodePages = {
  fromUtf8: (codepage) => {
    const name = encodingOf(codepage);
    return name === undefined ? undefined : converter("utf-8", name);
  },
  toUtf8: (codepage) => {
    const name = encodingOf(codepage);
    return name === undefined ? undefined : converter(name, "utf-8");
  },
};
