/**
 * The service's half of the Windows shell protocol ([MS-WSMV] 3.1.4): readers of requests.
 * The writers of answers are in `answers.ts`.
 * @module
 */
import { parseDuration } from "../duration.ts";
import { actions, type Envelope, ns, resources } from "../soap/mod.ts";
import { type RequestHeaders, WsmanFaultError, type WsmanOption } from "../wsman/mod.ts";
import type { XmlElement } from "../xml/mod.ts";
import { type SignalKind, signalKind } from "./signals.ts";

/**
 * A request to a shell resource ([MS-WSMV] 3.1.4). Ids are GUIDs in upper case without `uuid:`, unless the client sent
 * something else; they are the caller's to check.
 */
export type ShellOperation =
  /** Makes a shell ([MS-WSMV] 3.1.4.5.2). */
  | {
    readonly kind: "Create";
    /** Id that the client chose, where it did. */
    readonly shellId: string | undefined;
    /** Name for people. */
    readonly name: string | undefined;
    /** Working directory of its commands. */
    readonly cwd: string | undefined;
    /** Environment variables in order; of several with one name the last holds. */
    readonly env: ReadonlyMap<string, string>;
    /** Milliseconds without activity after which the shell may be deleted. */
    readonly idleTimeoutMs: number | undefined;
    /** Milliseconds after which the shell is deleted in any case. */
    readonly lifetimeMs: number | undefined;
    /** Names of the input streams; `stdin` where the client names none. */
    readonly inputStreams: readonly string[];
    /** Names of the output streams; `stdout` and `stderr` where the client names none. */
    readonly outputStreams: readonly string[];
    /** WINRS_NOPROFILE; default false. */
    readonly noProfile: boolean;
    /** WINRS_CODEPAGE. */
    readonly codepage: number | undefined;
  }
  /** Starts a command ([MS-WSMV] 3.1.4.11). */
  | {
    readonly kind: "Command";
    readonly shellId: string;
    /** Id that the client chose, where it did. */
    readonly commandId: string | undefined;
    /** Command line or program. */
    readonly command: string;
    /** Arguments in order. */
    readonly args: readonly string[];
    /** WINRS_CONSOLEMODE_STDIN; default false. */
    readonly consoleModeStdin: boolean;
    /** WINRS_SKIP_CMD_SHELL; default false. */
    readonly skipCmdShell: boolean;
  }
  /** Takes input ([MS-WSMV] 3.1.4.13). */
  | {
    readonly kind: "Send";
    readonly shellId: string;
    /** At least one, in order. */
    readonly pieces: readonly {
      /** Empty for input of the shell itself, which only shells other than `cmd` have. */
      readonly commandId: string;
      /** Name of the stream. */
      readonly stream: string;
      /** Decoded bytes. */
      readonly bytes: Uint8Array;
      /** Whether the stream ends after them. */
      readonly end: boolean;
    }[];
  }
  /** Asks for output ([MS-WSMV] 3.1.4.14). */
  | {
    readonly kind: "Receive";
    readonly shellId: string;
    /** Absent for output of the shell itself. */
    readonly commandId: string | undefined;
    /** Names of the wanted streams; empty where the client names none. */
    readonly streams: readonly string[];
    /** WSMAN_CMDSHELL_OPTION_KEEPALIVE; default false. */
    readonly keepAlive: boolean;
  }
  /** Interrupts or ends ([MS-WSMV] 3.1.4.12). */
  | {
    readonly kind: "Signal";
    readonly shellId: string;
    /** Empty for the shell itself, which only shells other than `cmd` take signals for. */
    readonly commandId: string;
    /** What is asked for. */
    readonly signal: SignalKind;
  }
  | { readonly kind: "Delete"; readonly shellId: string }
  | { readonly kind: "Get"; readonly shellId: string }
  | { readonly kind: "EnumerateShells"; readonly optimized: boolean; readonly maxElements: number }
  | {
    readonly kind: "EnumerateCommands";
    readonly shellId: string;
    readonly optimized: boolean;
    readonly maxElements: number;
  }
  | { readonly kind: "Pull"; readonly context: string; readonly maxElements: number }
  | { readonly kind: "Release"; readonly context: string };

/** Whether `uri` is about shells: the commands of this file, or PowerShell, which gets a fault for now. */
export function isShellResource(uri: string): boolean {
  return uri === resources.shell || uri === resources.cmd || uri === resources.command;
}

/**
 * Reads a request to a shell resource.
 *
 * @throws WsmanFaultError the fault to answer
 */
export function readShellOperation(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  switch (headers.action) {
    case actions.create:
      return readCreate(headers, envelope);
    case actions.command:
      return readCommand(headers, envelope);
    case actions.send:
      return readSend(headers, envelope);
    case actions.receive:
      return readReceive(headers, envelope);
    case actions.signal:
      return readSignal(headers, envelope);
    case actions.delete:
      return { kind: "Delete", shellId: shellId(headers) };
    case actions.get:
      return { kind: "Get", shellId: shellId(headers) };
    case actions.enumerate:
      return readEnumerate(headers, envelope);
    case actions.pull: {
      const pull = content(envelope, ns.n, "Pull");
      return {
        kind: "Pull",
        context: pull.child(ns.n, "EnumerationContext")?.text.trim() ?? "",
        maxElements: count(pull.child(ns.n, "MaxElements")?.text, 1),
      };
    }
    case actions.release:
      return {
        kind: "Release",
        context: content(envelope, ns.n, "Release").child(ns.n, "EnumerationContext")?.text.trim() ?? "",
      };
    default:
      throw WsmanFaultError.of("ACTION_NOT_SUPPORTED");
  }
}

function content(envelope: Envelope, namespace: string, local: string): XmlElement {
  const element = envelope.body.child(namespace, local);
  if (element === undefined || envelope.body.children.length !== 1) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: `expected ${local} in the body` });
  }
  return element;
}

/** Selector names are compared without case, as Windows compares them. */
function shellId(headers: RequestHeaders): string {
  let found: string | undefined;
  for (const [name, value] of headers.selectors) if (name.toLowerCase() === "shellid") found = value;
  if (found === undefined || found === "") {
    throw WsmanFaultError.of("INVALID_SELECTORS", { detail: "ShellId" });
  }
  return found.replace(/^uuid:/i, "").toUpperCase();
}

/** Attributes have no namespace by the schema; one client (winrm4j) puts the shell's on them, and Windows takes it. */
function attribute(element: XmlElement, name: string): string | undefined {
  return element.attribute("", name) ?? element.attribute(ns.rsp, name);
}

/** GUIDs are compared in upper case without `uuid:`; what the client sent is echoed in its own spelling where it matters. */
function guidAttribute(element: XmlElement, name: string): string | undefined {
  const value = attribute(element, name)?.trim();
  return value === undefined || value === "" ? undefined : value.replace(/^uuid:/i, "").toUpperCase();
}

function readCreate(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const shell = content(envelope, ns.rsp, "Shell");
  const env = new Map<string, string>();
  for (const variable of shell.child(ns.rsp, "Environment")?.childrenNamed(ns.rsp, "Variable") ?? []) {
    const name = attribute(variable, "Name") ?? "";
    if (name === "" || name.includes("=") || name.includes("\0")) {
      throw WsmanFaultError.of("INVALID_PARAMETER", { detail: "an environment variable has no valid name" });
    }
    env.set(name, variable.text);
  }
  let noProfile = false;
  let codepage: number | undefined;
  for (const option of headers.options) {
    const name = option.name.toUpperCase();
    if (name === "WINRS_NOPROFILE") noProfile = flag(option);
    else if (name === "WINRS_CODEPAGE") codepage = codePage(option);
    else refuseUnknown(option, headers);
  }
  return {
    kind: "Create",
    shellId: guidAttribute(shell, "ShellId"),
    name: attribute(shell, "Name") ?? shell.child(ns.rsp, "Name")?.text.trim(),
    cwd: shell.child(ns.rsp, "WorkingDirectory")?.text.trim() || undefined,
    env,
    idleTimeoutMs: duration(shell.child(ns.rsp, "IdleTimeOut") ?? shell.child(ns.rsp, "IdleTimeout")),
    lifetimeMs: duration(shell.child(ns.rsp, "Lifetime")),
    inputStreams: words(shell.child(ns.rsp, "InputStreams")?.text ?? "stdin"),
    outputStreams: words(shell.child(ns.rsp, "OutputStreams")?.text ?? "stdout stderr"),
    noProfile,
    codepage,
  };
}

function readCommand(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const line = content(envelope, ns.rsp, "CommandLine");
  const command = line.child(ns.rsp, "Command")?.text;
  // `rsp:Argument` (without s) is a schema violation on Windows, and would run the command without its arguments here.
  const strange = line.children.find((child) => child.local !== "Command" && child.local !== "Arguments");
  if (command === undefined || strange !== undefined) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", {
      detail: strange === undefined ? "Command is missing" : `${strange.local} is not allowed in CommandLine`,
    });
  }
  let consoleModeStdin = false;
  let skipCmdShell = false;
  for (const option of headers.options) {
    const name = option.name.toUpperCase();
    if (name === "WINRS_CONSOLEMODE_STDIN") consoleModeStdin = flag(option);
    else if (name === "WINRS_SKIP_CMD_SHELL") skipCmdShell = flag(option);
    else refuseUnknown(option, headers);
  }
  return {
    kind: "Command",
    shellId: shellId(headers),
    commandId: guidAttribute(line, "CommandId"),
    command,
    args: line.childrenNamed(ns.rsp, "Arguments").map((argument) => argument.text),
    consoleModeStdin,
    skipCmdShell,
  };
}

function readSend(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const streams = content(envelope, ns.rsp, "Send").childrenNamed(ns.rsp, "Stream");
  const pieces = streams.map((stream) => {
    return {
      commandId: commandOrShell(stream, headers),
      stream: attribute(stream, "Name")?.trim() ?? "",
      bytes: stream.bytes ?? new Uint8Array(0),
      end: /^\s*(true|1)\s*$/i.test(attribute(stream, "End") ?? ""),
    };
  });
  if (pieces.length === 0) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: "Stream is missing" });
  }
  return { kind: "Send", shellId: shellId(headers), pieces };
}

function readReceive(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const desired = content(envelope, ns.rsp, "Receive").child(ns.rsp, "DesiredStream");
  if (desired === undefined) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: "DesiredStream is missing" });
  }
  const keepAlive = headers.options.some((option) =>
    option.name.toUpperCase() === "WSMAN_CMDSHELL_OPTION_KEEPALIVE" && flag(option)
  );
  return {
    kind: "Receive",
    shellId: shellId(headers),
    commandId: guidAttribute(desired, "CommandId"),
    streams: words(desired.text),
    keepAlive,
  };
}

function readSignal(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const element = content(envelope, ns.rsp, "Signal");
  const signal = signalKind(element.child(ns.rsp, "Code")?.text ?? "");
  if (signal === undefined) {
    throw WsmanFaultError.of("INVALID_PARAMETER", { detail: "the signal code is unknown" });
  }
  return { kind: "Signal", shellId: shellId(headers), commandId: commandOrShell(element, headers), signal };
}

/** [MS-WSMV] 3.1.4.13: CommandId must be there for text-based command shells, and must not for a custom shell itself. */
function commandOrShell(element: XmlElement, headers: RequestHeaders): string {
  const commandId = guidAttribute(element, "CommandId");
  if (commandId === undefined && headers.resourceUri === resources.cmd) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: "CommandId is missing" });
  }
  return commandId ?? "";
}

/** FACTS: shells on `…/windows/shell`, commands on `…/windows/shell/Command` with a selector filter naming the ShellId. */
function readEnumerate(headers: RequestHeaders, envelope: Envelope): ShellOperation {
  const enumerate = content(envelope, ns.n, "Enumerate");
  const optimized = enumerate.child(ns.w, "OptimizeEnumeration") !== undefined;
  const maxElements = optimized ? count(enumerate.child(ns.w, "MaxElements")?.text, 1) : 0;
  const filter = enumerate.child(ns.w, "Filter") ?? enumerate.child(ns.n, "Filter");
  if (headers.resourceUri !== resources.command) {
    if (filter !== undefined) throw WsmanFaultError.of("ENUMERATE_FILTER_DIALECT_REQUESTED_UNAVAILABLE");
    return { kind: "EnumerateShells", optimized, maxElements };
  }
  const selector = filter?.child(ns.w, "SelectorSet")?.childrenNamed(ns.w, "Selector")
    .find((candidate) => candidate.attribute("", "Name")?.toLowerCase() === "shellid");
  if (selector === undefined) throw WsmanFaultError.of("ENUMERATE_CANNOT_PROCESS_FILTER");
  return {
    kind: "EnumerateCommands",
    shellId: selector.text.trim().replace(/^uuid:/i, "").toUpperCase(),
    optimized,
    maxElements,
  };
}

function count(text: string | undefined, fallback: number): number {
  const trimmed = text?.trim() ?? "";
  return /^\d{1,9}$/.test(trimmed) && Number(trimmed) > 0 ? Number(trimmed) : fallback;
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/).filter((word) => word !== "");
}

function duration(element: XmlElement | undefined): number | undefined {
  if (element === undefined || element.text.trim() === "") return undefined;
  try {
    return parseDuration(element.text.trim());
  } catch (error) {
    throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", {
      detail: `${element.local} is no duration`,
      cause: error,
    });
  }
}

/** Values arrive as TRUE, True, true, 1 and their opposites. */
function flag(option: WsmanOption): boolean {
  const value = option.value.trim().toLowerCase();
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0" || value === "") return false;
  throw WsmanFaultError.of("INVALID_OPTIONS", { detail: `${option.name} is neither TRUE nor FALSE` });
}

function codePage(option: WsmanOption): number {
  const value = option.value.trim();
  if (!/^\d{1,5}$/.test(value)) throw WsmanFaultError.of("ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED");
  return Number(value);
}

/** The options of other shells, e.g. `protocolversion` of PowerShell's, are for these to judge. */
function refuseUnknown(option: WsmanOption, headers: RequestHeaders): void {
  if (option.mustComply && headers.resourceUri === resources.cmd) {
    throw WsmanFaultError.of("INVALID_OPTIONS", {
      detail: "an option that must be complied with is unknown",
    });
  }
}
