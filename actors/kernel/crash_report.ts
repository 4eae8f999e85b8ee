/** What is told about a crash: where, why, and in the middle of what, without the content of any message. @module */
import { type Redact, redactError, redactorOf, secretsIn } from "./redaction.ts";

/** One crash of one actor. */
export interface CrashReport {
  /** The actor's place in the tree. */
  readonly path: string;
  /** What was thrown, without secrets: a copy of it where its text had some. */
  readonly error: unknown;
  /** The message that was being handled: its kind and the names of its fields, never their values. */
  readonly lastMessage: string;
  /** How often this actor has been restarted before. */
  readonly restarts: number;
}

/** Reports that a handler threw `error`. `message`: what it was handling; `doing`: that it was not a message. */
export function crashReport(
  actor: { readonly path: string; readonly restarts: number },
  error: unknown,
  message: unknown,
  doing: string | undefined,
  redact: Redact = (text) => text,
): CrashReport {
  const own = redactorOf(doing === undefined ? secretsIn(message) : []);
  const both = (text: string) => redact(own(text));
  return {
    path: both(actor.path),
    error: redactError(error, both),
    lastMessage: both(doing ?? describeMessage(message)),
    restarts: actor.restarts,
  };
}

const MAX_KEYS = 16;
const MAX_NAME = 64;

/** The shape of a message for people: its `kind` or `type` and its keys. Values may be secrets and are not shown. */
export function describeMessage(message: unknown): string {
  if (message === null || (typeof message !== "object" && typeof message !== "function")) {
    return typeof message;
  }
  try {
    const name = tag(message) ?? Object.getPrototypeOf(message)?.constructor?.name ?? "object";
    const keys = Object.keys(message).filter((key) => key !== "kind" && key !== "type");
    const shown = keys.slice(0, MAX_KEYS).map((key) => key.slice(0, MAX_NAME)).join(", ");
    const more = keys.length > MAX_KEYS ? `, ${keys.length - MAX_KEYS} more` : "";
    return `${String(name).slice(0, MAX_NAME)} {${shown}${more}}`;
  } catch {
    return "object";
  }
}

function tag(message: object): string | undefined {
  if ("kind" in message && typeof message.kind === "string") return message.kind;
  if ("type" in message && typeof message.type === "string") return message.type;
  return undefined;
}
