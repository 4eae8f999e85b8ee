/** Python literals, which give the values of INI inventories their types. @module */

import { exactInteger, FloatNumber } from "./values.ts";

const maxDepth = 50;
const maxLength = 1_000_000;

/** The text is no literal: Ansible takes it as it stands. */
class NotLiteral extends Error {}

/**
 * The value of an INI variable: a Python literal (number, text, True, False, None, list, tuple, set, dict) gives its
 * value, anything else is the text itself. `yes` and `true` stay text, as in Ansible.
 */
export function parseIniValue(text: string): unknown {
  if (text.length > maxLength || !/^[-+\d.'"\[({TFNrRuUbB]/.test(text)) return text;
  const reader = new LiteralReader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NotLiteral) return text;
    throw error;
  }
}

const number =
  /(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.\d(?:_?\d)*(?:[eE][-+]?\d(?:_?\d)*)?|\d(?:_?\d)*\.?(?:[eE][-+]?\d(?:_?\d)*)?)/y;
const simpleEscapes = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

class LiteralReader {
  #at = 0;
  constructor(readonly text: string) {}

  whole(): unknown {
    let value = this.#value(0);
    if (this.#peek() === ",") value = this.#rest([value], "", 0);
    this.#skip();
    // A comment after the literal is Python's to ignore.
    if (this.#at < this.text.length && this.text.charAt(this.#at) !== "#") throw new NotLiteral();
    return value;
  }

  #skip(): void {
    while (" \t\r\n".includes(this.text.charAt(this.#at)) && this.#at < this.text.length) this.#at++;
  }

  #peek(): string {
    this.#skip();
    return this.text.charAt(this.#at);
  }

  #expect(char: string): void {
    if (this.#peek() !== char) throw new NotLiteral();
    this.#at++;
  }

  #value(depth: number): unknown {
    if (depth > maxDepth) throw new NotLiteral();
    const char = this.#peek();
    if (char === "[") return this.#sequence("]", depth);
    if (char === "(") return this.#tuple(depth);
    if (char === "{") return this.#braces(depth);
    if (char === "-" || char === "+") return this.#signed(depth);
    if (/[0-9.]/.test(char)) return this.#number();
    const name = /[A-Za-z]+/y;
    name.lastIndex = this.#at;
    const word = name.exec(this.text)?.[0] ?? "";
    const after = this.text.charAt(this.#at + word.length);
    if (
      char === "'" || char === '"' ||
      (/^(?:[rR]|[uU]|[bB]|[rR][bB]|[bB][rR])$/.test(word) && /['"]/.test(after))
    ) {
      return this.#strings();
    }
    if (/\w/.test(after)) throw new NotLiteral();
    this.#at += word.length;
    if (word === "True") return true;
    if (word === "False") return false;
    if (word === "None") return null;
    throw new NotLiteral();
  }

  #signed(depth: number): unknown {
    const negative = this.text.charAt(this.#at++) === "-";
    const value = this.#value(depth + 1);
    if (typeof value === "number" || typeof value === "bigint") {
      return negative ? exactInteger(-BigInt(value)) : value;
    }
    if (value instanceof FloatNumber) {
      return negative ? new FloatNumber(-value.value, `-${value.source}`) : value;
    }
    throw new NotLiteral();
  }

  #number(): unknown {
    number.lastIndex = this.#at;
    const source = number.exec(this.text)?.[0];
    if (source === undefined) throw new NotLiteral();
    this.#at += source.length;
    if (/[\w.]/.test(this.text.charAt(this.#at))) throw new NotLiteral();
    const digits = source.replaceAll("_", "");
    if (/^\d+$/.test(digits)) {
      // Python refuses 0123 (but not 000), and integers beyond 4,300 digits.
      if (/^0+[1-9]/.test(digits) || digits.length > 4300) throw new NotLiteral();
      return exactInteger(BigInt(digits));
    }
    if (/^0[xob]/i.test(digits)) return exactInteger(BigInt(digits.toLowerCase()));
    return new FloatNumber(Number(digits), source);
  }

  #sequence(close: string, depth: number): unknown[] {
    this.#at++;
    if (this.#peek() === close) {
      this.#at++;
      return [];
    }
    const first = this.#value(depth + 1);
    return this.#rest([first], close, depth);
  }

  /** Further items up to `close` (or to the end of the text where it is empty), a trailing comma allowed. */
  #rest(items: unknown[], close: string, depth: number): unknown[] {
    while (true) {
      const char = this.#peek();
      if (char === close && close !== "") {
        this.#at++;
        return items;
      }
      if (close === "" && (char === "" || char === "#")) return items;
      this.#expect(",");
      const next = this.#peek();
      if (next === close || (close === "" && next === "#")) continue;
      items.push(this.#value(depth + 1));
    }
  }

  #tuple(depth: number): unknown {
    this.#at++;
    if (this.#peek() === ")") {
      this.#at++;
      return [];
    }
    const first = this.#value(depth + 1);
    if (this.#peek() === ")") {
      this.#at++;
      return first;
    }
    return this.#rest([first], ")", depth);
  }

  #braces(depth: number): unknown {
    this.#at++;
    const result = new Map<string, unknown>();
    if (this.#peek() === "}") {
      this.#at++;
      return result;
    }
    const first = this.#value(depth + 1);
    if (this.#peek() !== ":") return this.#rest([first], "}", depth);
    let key = first;
    while (true) {
      this.#expect(":");
      if (key !== null && typeof key === "object" && !(key instanceof FloatNumber)) throw new NotLiteral();
      result.set(key instanceof FloatNumber ? key.source : String(key), this.#value(depth + 1));
      if (this.#peek() === ",") this.#at++;
      else if (this.#peek() !== "}") throw new NotLiteral();
      if (this.#peek() === "}") {
        this.#at++;
        return result;
      }
      key = this.#value(depth + 1);
    }
  }

  /** One or more adjacent texts, which Python joins. */
  #strings(): string {
    let result = "";
    while (true) {
      this.#skip();
      const opening = /(?:[rR]|[uU]|[bB]|[rR][bB]|[bB][rR])?("""|'''|"|')/y;
      opening.lastIndex = this.#at;
      const match = opening.exec(this.text);
      if (match === null) return result;
      this.#at += match[0].length;
      result += this.#string(match[1] ?? "'", /^[^'"]*[rR]/.test(match[0]));
    }
  }

  #string(quote: string, raw: boolean): string {
    let result = "";
    while (!this.text.startsWith(quote, this.#at)) {
      const char = this.text.charAt(this.#at++);
      if (char === "" || (char === "\n" && quote.length === 1)) throw new NotLiteral();
      if (char !== "\\") result += char;
      else if (raw) result += char + this.text.charAt(this.#at++);
      else result += this.#escape();
    }
    this.#at += quote.length;
    return result;
  }

  #escape(): string {
    const rest = this.text.slice(this.#at, this.#at + 9);
    const coded = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
    if (coded !== null) {
      this.#at += coded[0].length;
      const code = parseInt(coded[1] ?? coded[2] ?? coded[3] ?? "0", 16);
      if (code > 0x10ffff) throw new NotLiteral();
      return String.fromCodePoint(code);
    }
    const octal = /^[0-7]{1,3}/.exec(rest);
    if (octal !== null) {
      this.#at += octal[0].length;
      return String.fromCodePoint(parseInt(octal[0], 8));
    }
    const char = rest.charAt(0);
    if (/[xuUN]/.test(char) || char === "") throw new NotLiteral();
    this.#at++;
    if (char === "\n") return "";
    return simpleEscapes.get(char) ?? `\\${char}`;
  }
}
