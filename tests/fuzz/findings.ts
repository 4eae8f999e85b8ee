/** Inputs that broke something once, as the fuzzers found them, cut down to what matters. @module */
import { utf8 } from "../../protocol/bytes.ts";
import { ns } from "../../protocol/soap/mod.ts";

/** Thirteen fields in 614 bytes: with limits of 12 and 600 each of two errors was told, depending on the split. */
export const twoLimitsAtOnce: Uint8Array = utf8(
  `GET / HTTP/1.1\r\n${`A: ${"x".repeat(44)}\r\n`.repeat(12)}B: ${"x".repeat(60)}\r\n\r\n`,
);

/** An exit code of minus zero, which became another number than 0. */
export const minusZero: Uint8Array = utf8(
  `<s:Envelope xmlns:s="${ns.s}" xmlns:r="${ns.rsp}"><s:Body><r:ReceiveResponse><r:CommandState CommandId="1" ` +
    `State="${ns.rsp}/CommandState/Done"><r:ExitCode>-0</r:ExitCode></r:CommandState></r:ReceiveResponse></s:Body></s:Envelope>`,
);

/** A pattern that an error's text repeated whole. */
export const endlessPattern: string = `~(${"x".repeat(60_000)}`;

/** A comment, CDATA section and instruction that arrive byte by byte: each byte searched all that had come before. */
export const slowConstructs: readonly Uint8Array[] = [
  ["<a><!--", "x", "--></a>"],
  ["<a><!--", "-x>", "--></a>"],
  ["<a><![CDATA[", "]x]>", "]]></a>"],
  ["<?p ", "x>", "?><a/>"],
].map(([begin, middle, end]) => utf8(begin! + middle!.repeat(1_500_000 / middle!.length) + end!));

/** Base64 with a million references: each of them searched for the next tag to the end of the chunk. */
export const references: Uint8Array = utf8(`<a>${"A&#10;".repeat(1_000_000)}</a>`);
