/**
 * What is spoken over an inspection socket: the client sends a line of JSON ({@link InspectionRequest}) and gets a line back, a
 * {@link ProcessSnapshot} or an {@link InspectionFault}; then the next. Nothing can be changed through it.
 * @module
 */
import type { ActorLine, SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";

/** Asks for one picture. */
export type InspectionRequest = SnapshotOptions;

/** A process of Drover at one moment. */
export interface ProcessSnapshot {
  /** Version of this format. */
  readonly format: 1;
  /** Version of Drover. */
  readonly version: string;
  /** Process id. */
  readonly pid: number;
  /** What it is: `service`, `exec`, … */
  readonly program: string;
  /** What it is there for, in short. */
  readonly about: string;
  /** Milliseconds since it was opened to inspection. */
  readonly uptimeMs: number;
  /** Bytes of memory in use (RSS). */
  readonly memory: number;
  /** Actors that are of interest whatever else is asked for, e.g. the scheduler. */
  readonly notable: readonly ActorLine[];
  /** The picture that was asked for. */
  readonly system: SystemSnapshot;
}

/** The answer to a request that cannot be served. */
export interface InspectionFault {
  /** Why, in one line. */
  readonly error: string;
}

/** Longest request, bytes. */
export const maxRequestBytes = 4_096;

/** Reads a request; a text says what is wrong with it. */
export function readRequest(line: string): InspectionRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "the request is not JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "the request is no object";
  const { path, limit } = value as { path?: unknown; limit?: unknown };
  if (path !== undefined && typeof path !== "string") return "path is no text";
  if (limit !== undefined && (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1)) {
    return "limit is no whole number from 1";
  }
  return { ...(path === undefined ? {} : { path }), ...(limit === undefined ? {} : { limit }) };
}

/** Reads an answer; `undefined` when it is none: whatever sits at a socket may send anything. */
export function readAnswer(line: string): ProcessSnapshot | InspectionFault | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (typeof value.error === "string") return { error: value.error };
  return isProcess(value) ? value as unknown as ProcessSnapshot : undefined;
}

function isProcess(value: Record<string, unknown>): boolean {
  const { system } = value;
  return value.format === 1 && areNumbers(value, ["pid", "uptimeMs", "memory"]) &&
    areTexts(value, ["version", "program", "about"]) && areLines(value.notable) &&
    isObject(system) && areTexts(system, ["path"]) && areLines(system.actors) && isObject(system.totals) &&
    areNumbers(system.totals, [
      "actors",
      "messages",
      "waiters",
      "shed",
      "restarts",
      "deepestMailbox",
      "oldestMs",
    ]);
}

function areLines(value: unknown): boolean {
  return Array.isArray(value) && value.every((line) =>
    isObject(line) && areTexts(line, ["path", "state"]) &&
    areNumbers(line, ["mailbox", "capacity", "waiters", "oldestMs", "restarts", "children", "hidden"]) &&
    (line.doing === undefined || typeof line.doing === "string") &&
    (line.figures === undefined ||
      (isObject(line.figures) && Object.values(line.figures).every((figure) => typeof figure === "number")))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areNumbers(value: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === "number");
}

function areTexts(value: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === "string");
}
