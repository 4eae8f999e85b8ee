/**
 * The few Jinja expressions that inventories use for connections: `{{ variable }}`, `{{ inventory_hostname }}`,
 * `{{ lookup('env', 'NAME') }}`, and the filter `default('text')`. Everything else is refused by name of the variable
 * and place, never guessed.
 * @module
 */

import { inventoryError } from "./errors.ts";
import { VaultText } from "./types.ts";
import { FloatNumber, UnsafeText, type Variable, type Variables } from "./values.ts";

/** What expressions of one host can see. */
export interface Scope {
  readonly host: string;
  readonly variables: Variables;
  readonly env: (name: string) => string | undefined;
  /** Vault-encrypted files whose variables are missing here. */
  readonly vaultFiles: readonly string[];
}

const maxDepth = 20;
const maxText = 65_536;
/** Expressions evaluated for one variable: a few that each name another twenty times would else never end. */
const maxExpressions = 10_000;
const absent = Symbol("undefined variable");

/** A value that may still be missing, until a `default` filter fills it. */
type Value = unknown | typeof absent;

/**
 * The value of a variable with its expressions evaluated; a text that is one expression as a whole keeps the type.
 * @throws UsageError InventoryExpression, InventoryVault
 */
export function evaluate(name: string, variable: Variable, scope: Scope): unknown {
  return new Evaluation(name, scope).variable(variable, 0);
}

class Evaluation {
  #expressions = 0;

  constructor(readonly name: string, readonly scope: Scope) {}

  variable(variable: Variable, depth: number): unknown {
    const { value } = variable;
    if (value instanceof UnsafeText) return value.text;
    if (value instanceof VaultText) {
      throw inventoryError(
        "InventoryVault",
        this.#action(),
        variable,
        "Ansible Vault is not supported, give the value another way",
      );
    }
    if (Array.isArray(value)) return value.map((item) => this.variable({ ...variable, value: item }, depth));
    if (typeof value !== "string") return value;
    return this.#text(value, variable, depth);
  }

  #action(): string {
    return `evaluate ${this.name} of ${this.scope.host}`;
  }

  #fail(variable: Variable, state: string): never {
    throw inventoryError("InventoryExpression", this.#action(), variable, state);
  }

  #text(text: string, variable: Variable, depth: number): unknown {
    if (!/\{[{%#]/.test(text)) return text;
    if (/\{[%#]/.test(text)) {
      this.#fail(variable, "only {{ … }} expressions are supported, no blocks or comments");
    }
    if (depth >= maxDepth) {
      this.#fail(variable, `expressions refer to each other more than ${maxDepth} times deep`);
    }
    let result = "";
    let at = 0;
    while (true) {
      const open = text.indexOf("{{", at);
      if (open < 0) return result + text.slice(at);
      const parser = new ExpressionParser(text, open + 2);
      const parsed = parser.read();
      if (++this.#expressions > maxExpressions) {
        this.#fail(variable, `more than ${maxExpressions} expressions`);
      }
      if (parsed === undefined) {
        this.#fail(variable, "only a variable, lookup('env', …) and the filter default('…') are supported");
      }
      const value = this.#value(parsed, variable, depth);
      if (open === 0 && parser.at === text.length) return value;
      result += text.slice(at, open) + showValue(value);
      if (result.length > maxText) this.#fail(variable, `the value is longer than ${maxText} characters`);
      at = parser.at;
    }
  }

  #value(expression: Expression, variable: Variable, depth: number): unknown {
    let value = this.#operand(expression.operand, variable, depth);
    for (const { fallback, alsoEmpty } of expression.defaults) {
      const empty = value === absent || (alsoEmpty && isEmpty(value));
      if (empty) value = fallback === undefined ? "" : this.#operand(fallback, variable, depth);
    }
    if (value !== absent) return value;
    const name = expression.operand.text;
    const vault = this.scope.vaultFiles[0];
    if (vault !== undefined) {
      const state = `${name} is not defined; it may be in ${vault}, but Ansible Vault is not supported`;
      throw inventoryError("InventoryVault", this.#action(), variable, state);
    }
    this.#fail(variable, `${name} is not defined`);
  }

  #operand(operand: Operand, variable: Variable, depth: number): Value {
    if (operand.kind === "text") return operand.text;
    if (operand.kind === "env") return this.scope.env(operand.text) ?? "";
    const found = this.scope.variables.get(operand.text);
    if (found !== undefined) return this.variable({ ...found }, depth + 1);
    if (operand.text === "inventory_hostname") return this.scope.host;
    if (operand.text === "inventory_hostname_short") return this.scope.host.split(".", 1)[0];
    return knownWords.has(operand.text)
      ? this.#fail(variable, `${operand.text} is not a variable of an inventory`)
      : absent;
  }
}

/** Jinja's constants and Ansible's magic variables: calling them undefined would mislead. */
const knownWords = new Set([
  "true",
  "false",
  "none",
  "True",
  "False",
  "None",
  "hostvars",
  "groups",
  "group_names",
  "omit",
]);

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || value === false || value === 0 ||
    (Array.isArray(value) && value.length === 0);
}

/** A value inside other text, as Python writes it. */
function showValue(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (value instanceof FloatNumber) return value.source;
  return String(value);
}

interface Operand {
  readonly kind: "text" | "name" | "env";
  readonly text: string;
}

interface Expression {
  readonly operand: Operand;
  readonly defaults: readonly { fallback: Operand | undefined; alsoEmpty: boolean }[];
}

/** Reads one expression up to its closing braces. */
class ExpressionParser {
  constructor(readonly text: string, public at: number) {}

  read(): Expression | undefined {
    this.#take(/-/y);
    const operand = this.#operand(true);
    if (operand === undefined) return undefined;
    const defaults: { fallback: Operand | undefined; alsoEmpty: boolean }[] = [];
    while (this.#take(/\|/y) !== undefined) {
      if (this.#take(/(?:default|d)\b/y) === undefined) return undefined;
      let fallback: Operand | undefined;
      let alsoEmpty = false;
      if (this.#take(/\(/y) !== undefined && this.#take(/\)/y) === undefined) {
        fallback = this.#operand(true);
        if (fallback === undefined) return undefined;
        const flag = this.#take(/,\s*(?:boolean\s*=\s*)?(true|false|True|False)\b/y);
        alsoEmpty = /true$/i.test(flag ?? "");
        if (this.#take(/\)/y) === undefined) return undefined;
      }
      defaults.push({ fallback, alsoEmpty });
    }
    return this.#take(/-?\}\}/y) === undefined ? undefined : { operand, defaults };
  }

  #operand(lookups: boolean): Operand | undefined {
    const quoted = this.#take(/'[^'\\]*'|"[^"\\]*"/y);
    if (quoted !== undefined) return { kind: "text", text: quoted.slice(1, -1) };
    const number = this.#take(/\d+\b(?!\.)/y);
    if (number !== undefined) return { kind: "text", text: number };
    if (lookups && this.#take(/(?:lookup|query|q)(?=\s*\()/y) === "lookup") {
      if (this.#take(/\(/y) === undefined) return undefined;
      const plugin = this.#operand(false);
      if (plugin?.kind !== "text" || !/^(?:ansible\.builtin\.)?env$/.test(plugin.text)) return undefined;
      if (this.#take(/,/y) === undefined) return undefined;
      const variable = this.#operand(false);
      if (variable?.kind !== "text" || this.#take(/\)/y) === undefined) return undefined;
      return { kind: "env", text: variable.text };
    }
    const name = this.#take(/[A-Za-z_]\w*(?!\s*[.\[(\w])/y);
    return name === undefined ? undefined : { kind: "name", text: name };
  }

  #take(pattern: RegExp): string | undefined {
    while (/\s/.test(this.text.charAt(this.at))) this.at++;
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text)?.[0];
    if (match !== undefined) this.at += match.length;
    return match;
  }
}
