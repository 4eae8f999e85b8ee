/**
 * Keeps what is secret out of crash reports: values of {@link Secret}s and of fields that are called like secrets, in the
 * message that was being handled, and whatever the program itself knows to be secret.
 * @module
 */
import { DroverError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";

/** Replaces secret parts of a text. */
export type Redact = (text: string) => string;

const redacted = "[redacted]";
const secretName = /pass(word|phrase|wd)?$|secret|credential|token|private_?key/i;

/** Shorter values are not looked for: they stand in every text, and to blacken them there would tell them. */
const SHORTEST = 3;
const MAX_DEPTH = 6;
const MAX_VALUES = 1_000;
/** Causes of causes. */
const MAX_CAUSES = 4;

/** Replaces every one of `secrets` in texts, longer ones first: one may be part of another. */
export function redactorOf(secrets: Iterable<string>): Redact {
  const sorted = [...new Set(secrets)].filter((secret) => secret.length >= SHORTEST)
    .sort((a, b) => b.length - a.length);
  return (text) => sorted.reduce((left, secret) => left.replaceAll(secret, redacted), text);
}

/** The secret values inside a message, as far as it is looked through (depth and number are bounded). */
export function secretsIn(message: unknown): string[] {
  const found: string[] = [];
  const seen = new Set<object>();
  let open: readonly (readonly [unknown, secret: boolean])[] = [[message, false]];
  for (let depth = 0; depth < MAX_DEPTH && open.length > 0; depth++) {
    const below: (readonly [unknown, boolean])[] = [];
    for (const [value, secret] of open) {
      if (value instanceof Secret) found.push(value.reveal());
      else if (secret && typeof value === "string") found.push(value);
      else if (typeof value === "object" && value !== null && !seen.has(value)) {
        seen.add(value);
        if (seen.size > MAX_VALUES) return found;
        below.push(...fieldsOf(value, secret));
      }
    }
    open = below.slice(0, MAX_VALUES);
  }
  return found;
}

function fieldsOf(value: object, secret: boolean): (readonly [unknown, boolean])[] {
  if (ArrayBuffer.isView(value)) return [];
  const names = value instanceof Map ? [...value.keys()] : Object.keys(value);
  return names.slice(0, MAX_VALUES).map((name) => [
    value instanceof Map ? value.get(name) : fieldOf(value, name as string),
    secret || (typeof name === "string" && secretName.test(name)),
  ]);
}

/** A getter may throw. */
function fieldOf(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/**
 * What was thrown, fit for a report: itself when nothing in it is secret, else a copy with the same names, codes and causes. A
 * value that is no error is told by its text (strings), or only by its type.
 */
export function redactError(error: unknown, redact: Redact, depth = 0): unknown {
  if (typeof error === "string") return redact(error);
  if (!(error instanceof Error)) {
    return typeof error === "object" && error !== null ? new Error("(an object was thrown)") : error;
  }
  const cause = error.cause === undefined || depth >= MAX_CAUSES
    ? undefined
    : redactError(error.cause, redact, depth + 1);
  const message = redact(error.message);
  const stack = redact(error.stack ?? "");
  const clean = message === error.message && stack === (error.stack ?? "") && cause === error.cause &&
    Object.values(error).every((value) => typeof value !== "string" || redact(value) === value);
  if (clean) return error;
  const options = cause === undefined ? {} : { cause };
  const copy = error instanceof DroverError
    ? new DroverError(error.blame, error.code, message, options)
    : new Error(message, options);
  copy.name = error.name;
  copy.stack = stack;
  return copy;
}
