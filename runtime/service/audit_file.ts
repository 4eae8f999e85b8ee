/** The record of who came in and who did not: one line of JSON an event, in a file for its owner only. @module */
import type { ServiceEvent } from "../../actors/service/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { assertPrivate } from "../os/private_file.ts";

/** What a line says. */
export interface AuditRecord {
  /** ISO 8601. */
  readonly time: string;
  readonly event: "logon" | "request" | "access" | "shellOpened" | "shellClosed";
  readonly outcome: "granted" | "refused" | "ended";
  /** As the client named itself, proven or not; absent where it did not. */
  readonly who?: string;
  /** Scheme, and what was chosen under it. */
  readonly how?: string;
  /** Address and port. */
  readonly from?: string;
  readonly reason?: string;
  readonly shell?: string;
}

/** The record of an event; `undefined` for what concerns nobody. */
export function auditRecord(event: ServiceEvent, time: string): AuditRecord | undefined {
  switch (event.kind) {
    case "logon": {
      const { scheme, mechanism, user: who, from } = event;
      const how = mechanism === undefined || mechanism.toLowerCase() === scheme
        ? scheme
        : `${scheme}/${mechanism}`;
      return { time, event: "logon", outcome: "granted", who, how, from };
    }
    case "logonFailed": {
      const { scheme: how, user, from, reason } = event;
      return {
        time,
        event: "logon",
        outcome: "refused",
        ...(user === undefined ? {} : { who: user }),
        how,
        from,
        reason,
      };
    }
    case "refused":
      return {
        time,
        event: "request",
        outcome: "refused",
        from: event.from,
        reason: `${event.status}: ${event.reason}`,
      };
    case "accessDenied":
      return {
        time,
        event: "access",
        outcome: "refused",
        who: event.user,
        from: event.from,
        reason: `RootSDDL does not give ${event.right} for ${event.operation}`,
      };
    case "shellOpened":
      return {
        time,
        event: "shellOpened",
        outcome: "granted",
        who: event.user,
        from: event.from,
        shell: event.shellId,
      };
    case "shellClosed":
      return {
        time,
        event: "shellClosed",
        outcome: "ended",
        who: event.user,
        reason: event.reason,
        shell: event.shellId,
      };
    case "listening":
    case "listenerClosed":
      return undefined;
  }
}

/** Told when lines could not be written, and when they can be again. */
export type AuditTrouble = (text: string) => void;

/** Appends records as they come. A line is with the system before the next one is made: a killed service has lost none. */
export class AuditFile implements Disposable {
  readonly #path: string;
  readonly #trouble: AuditTrouble;
  #file: Deno.FsFile;
  #lost = 0;

  /**
   * Opens the file, or makes it (0600).
   *
   * @throws UsageError `AuditFile`, and `FileNotPrivate` when others may read it
   */
  constructor(path: string, trouble: AuditTrouble) {
    this.#path = path;
    this.#trouble = trouble;
    this.#file = open(path);
  }

  /** Takes an event. Never throws: a full disk is told once, and how much it has cost. */
  take(event: ServiceEvent): void {
    const record = auditRecord(event, new Date().toISOString());
    if (record === undefined) return;
    try {
      const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      if (this.#lost++ === 0) {
        this.#trouble(`the audit cannot be written: ${error instanceof Error ? error.message : error}`);
      }
      return;
    }
    if (this.#lost > 0) this.#trouble(`the audit is written again; ${this.#lost} records are missing`);
    this.#lost = 0;
  }

  /** Begins a new file when the old one was moved away. Keeps to the old one when it cannot. */
  reopen(): void {
    let fresh: Deno.FsFile;
    try {
      fresh = open(this.#path);
    } catch (error) {
      this.#trouble(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#file.close();
    this.#file = fresh;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function open(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError("AuditFile", `open audit: ${path}: ${why}`, { cause });
  }
  try {
    assertPrivate("open audit", path, file.statSync());
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
