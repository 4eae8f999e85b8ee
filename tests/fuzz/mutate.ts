/** Mutations of bytes that any format can have: flips, odd numbers, lies about lengths, cuts, splices, repetitions. @module */
import { concat } from "../../protocol/bytes.ts";
import type { Random } from "./random.ts";

const oddBytes = [0, 1, 0x0a, 0x0d, 0x20, 0x7f, 0x80, 0x81, 0x84, 0xc0, 0xfe, 0xff];
/** Decimal numbers at the edges of what readers take. */
export const oddNumbers: readonly string[] = [
  "0",
  "-0",
  "-1",
  "-2147483649",
  "+1",
  "00",
  "1e3",
  "0x10",
  "255",
  "256",
  "65535",
  "65536",
  "2147483648",
  "4294967296",
  "9999999999",
  "9007199254740993",
  "99999999999999999999",
];

/** `bytes` with one to four mutations; `other` gives another input to splice with. */
export function mutateBytes(
  random: Random,
  bytes: Uint8Array,
  tokens: readonly Uint8Array[],
  other: () => Uint8Array,
): Uint8Array {
  let mutated = bytes;
  for (let count = random.below(4); count >= 0; count--) mutated = mutateOnce(random, mutated, tokens, other);
  return mutated;
}

function mutateOnce(
  random: Random,
  bytes: Uint8Array,
  tokens: readonly Uint8Array[],
  other: () => Uint8Array,
): Uint8Array {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(random.below(8) === 0 ? 64 : 8));
  const before = bytes.subarray(0, at);
  const behind = bytes.subarray(end);
  switch (random.below(12)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return changed(bytes, at, () => random.pick(oddBytes));
    case 2:
      return changed(bytes, at, () => random.below(256));
    case 3:
      return concat([before, random.pick(tokens), bytes.subarray(at)]);
    case 4:
      return concat([before, random.pick(tokens), behind]);
    case 5:
      return concat([before, behind]);
    case 6:
      // The same again, here or elsewhere: doubled elements.
      return concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 7:
      return random.below(3) === 0 ? before : concat([bytes.subarray(at, end), before, behind]);
    case 8: {
      const spliced = other();
      return concat([before, spliced.subarray(random.below(spliced.length + 1))]);
    }
    case 9:
      return changeNumber(random, bytes, at);
    case 10:
      return lie(random, bytes, at);
    default: {
      // Many times the same: nesting, floods.
      const piece = random.below(2) === 0 ? random.pick(tokens) : bytes.subarray(at, end);
      return concat([before, ...Array.from({ length: 1 + random.below(40) }, () => piece), behind]);
    }
  }
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  if (at >= bytes.length) return bytes;
  const copy = bytes.slice();
  copy[at] = change(copy[at]!);
  return copy;
}

/** The decimal or hexadecimal number at or behind `at` becomes another: one more, one less, or an odd one. */
function changeNumber(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  const digit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  let from = at;
  while (from < bytes.length && !digit(bytes[from])) from++;
  let to = from;
  let text = "";
  while (digit(bytes[to]) && to < from + 9) text += String.fromCharCode(bytes[to++]!);
  if (text === "") return bytes;
  const near = String(Math.max(0, Number(text) + random.below(9) - 4));
  const replacement = random.below(2) === 0 ? near : random.pick(oddNumbers);
  return concat([bytes.subarray(0, from), new TextEncoder().encode(replacement), bytes.subarray(to)]);
}

/** A binary number of 1, 2 or 4 bytes, in either order, that may be a length or an offset. */
function lie(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  const width = random.pick([1, 2, 4]);
  if (at + width > bytes.length) return bytes;
  const copy = bytes.slice();
  const value = random.below(2) === 0 ? random.below(bytes.length + 2) : random.pick([
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0xffff_fff0,
    0xffff_ffff,
  ]);
  const little = random.below(4) > 0;
  for (let i = 0; i < width; i++) {
    copy[at + (little ? i : width - 1 - i)] = Math.floor(value / 256 ** i) & 255;
  }
  return copy;
}
