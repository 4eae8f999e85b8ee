/** Mutations of markup that mostly leave it well-formed: elements moved, doubled and removed, names and values exchanged. @module */
import { utf8 } from "../../protocol/bytes.ts";
import { mutateBytes, oddNumbers } from "./mutate.ts";
import type { Random } from "./random.ts";

const decoder = new TextDecoder();

/** `input` with one to three mutations; `words` are texts that mean something to the reader. */
export function mutateMarkup(random: Random, input: Uint8Array, words: readonly string[]): Uint8Array {
  if (random.below(6) === 0) return mutateBytes(random, input, words.map(utf8), () => input);
  let text = decoder.decode(input);
  for (let count = 1 + random.below(3); count > 0; count--) text = mutateText(random, text, words);
  return utf8(text);
}

function mutateText(random: Random, text: string, words: readonly string[]): string {
  const pieces = text.split(/(<[^<>]*>)/).filter((piece) => piece !== "");
  if (pieces.length === 0) return random.pick(words);
  const at = random.below(pieces.length);
  const word = random.pick(words);
  switch (random.below(10)) {
    case 0:
      pieces[at] = word;
      break;
    case 1:
      pieces.splice(at, 0, word);
      break;
    case 2:
    case 3:
      pieces.splice(at, elementLength(pieces, at));
      break;
    case 4: {
      const element = pieces.slice(at, at + elementLength(pieces, at));
      pieces.splice(random.below(pieces.length), 0, ...element);
      break;
    }
    case 5: {
      // The element around itself, a few times: depth.
      const tag = /^<([^\s<>\/?!]+)[^<>\/]*>$/.exec(pieces[at]!);
      if (tag === null) break;
      const depth = 1 + random.below(30);
      const length = elementLength(pieces, at);
      const element = pieces.slice(at, at + length).join("");
      pieces.splice(at, length, tag[0].repeat(depth) + element + `</${tag[1]}>`.repeat(depth));
      break;
    }
    case 6: {
      const numbers = [...pieces.keys()].filter((index) => /^-?\d+$/.test(pieces[index]!));
      if (numbers.length > 0) pieces[random.pick(numbers)] = random.pick(oddNumbers);
      break;
    }
    default:
      pieces[at] = exchange(random, pieces, at, word);
  }
  return pieces.join("");
}

/** A name, a value or a text in a piece becomes `word`, or one of another piece. */
function exchange(random: Random, pieces: readonly string[], at: number, word: string): string {
  const parts = pieces[at]!.startsWith("<")
    ? pieces[at]!.split(/(?<=")([^"<>=]*)(?=")/)
    : ["", pieces[at]!, ""];
  const odd = 1 + 2 * random.below(Math.max(1, parts.length >> 1));
  if (parts[odd] !== undefined) {
    const other = pieces[random.below(pieces.length)]!;
    parts[odd] = random.below(2) === 0
      ? word.replace(/[<"&].*/, "")
      : other.replaceAll(/[<>"&]/g, "").slice(0, 60);
  }
  return parts.join("");
}

/** How many pieces the element that opens at `at` has, with its end; 1 where none opens there. */
function elementLength(pieces: readonly string[], at: number): number {
  let depth = 0;
  for (let end = at; end < pieces.length; end++) {
    const piece = pieces[end]!;
    if (piece.startsWith("</")) depth--;
    else if (piece.startsWith("<") && !piece.endsWith("/>")) depth++;
    if (depth <= 0) return end - at + 1;
  }
  return 1;
}
