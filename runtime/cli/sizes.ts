/** Sizes in bytes on the command line. @module */
import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes: a number, or one of KiB, MiB, GiB or TiB with K, M, G or T behind it. */
export function byteSize(text: string): number {
  const match = /^(\d{1,12})([KMGT]?)$/i.exec(text);
  const bytes = Number(match?.[1]) * units[match?.[2]?.toUpperCase() ?? ""]!;
  if (match === null || bytes < 1 || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError("expected a size like 500M or 20G");
  }
  return bytes;
}
