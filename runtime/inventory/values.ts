/** Values of inventory variables: Ansible's own kinds that JavaScript has no type for, and scalars by PyYAML's rules. @module */

import { VaultText } from "./types.ts";

/** Text marked `!unsafe`: never evaluated. */
export class UnsafeText {
  constructor(readonly text: string) {}
}

/** A floating-point number with its source: `1.0` and `1` differ as passwords. */
export class FloatNumber {
  constructor(readonly value: number, readonly source: string) {}
}

/** A variable with the place where it was set. */
export interface Variable {
  readonly value: unknown;
  readonly file: string;
  readonly line: number;
}

/** Variables by name. */
export type Variables = Map<string, Variable>;

const yes = new Set(["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const no = new Set(["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);
const nothing = new Set(["", "~", "null", "Null", "NULL"]);
const decimal = /^[-+]?(?:0|[1-9][0-9_]*)$/;
const prefixed = /^([-+]?)0(b[01_]+|x[0-9a-fA-F_]+|[0-7_]+)$/;
const sexagesimal = /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/;
const float = /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$/;
const special = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** An integer as a number where that is exact, else as a bigint. */
export function exactInteger(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** What a plain YAML scalar means to Ansible, which reads YAML 1.1 with PyYAML's resolver. */
export function resolvePlainScalar(source: string): unknown {
  if (nothing.has(source)) return null;
  if (yes.has(source)) return true;
  if (no.has(source)) return false;
  if (source.length > 4096) return source;
  const digits = source.replaceAll("_", "");
  if (decimal.test(source)) return exactInteger(BigInt(digits.replace(/^\+/, "")));
  const base = prefixed.exec(source);
  if (base !== null) {
    const body = (base[2] ?? "").replaceAll("_", "");
    if (/^[bx]?$/.test(body)) return source;
    const literal = /^[bx]/.test(body) ? `0${body}` : `0o${body}`;
    const value = BigInt(literal);
    return exactInteger(base[1] === "-" ? -value : value);
  }
  if (sexagesimal.test(source)) {
    const negative = digits.startsWith("-");
    let value = 0n;
    for (const part of digits.replace(/^[-+]/, "").split(":")) value = value * 60n + BigInt(part);
    return exactInteger(negative ? -value : value);
  }
  if (float.test(source)) return new FloatNumber(Number(digits), source);
  if (special.test(source)) {
    const value = /nan/i.test(source) ? NaN : source.startsWith("-") ? -Infinity : Infinity;
    return new FloatNumber(value, source);
  }
  return source;
}

/** The value as ordinary JavaScript: maps as objects, marks taken off; vaulted text stays a {@link VaultText}. */
export function plainValue(value: unknown): unknown {
  if (value instanceof UnsafeText) return value.text;
  if (value instanceof FloatNumber) return value.value;
  if (value instanceof VaultText) return value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Map) {
    // A null prototype: a key named __proto__ is a key like any other.
    const result: Record<string, unknown> = Object.create(null);
    for (const [key, item] of value) result[String(key)] = plainValue(item);
    return result;
  }
  return value;
}
