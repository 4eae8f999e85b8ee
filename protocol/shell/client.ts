/**
 * The client's half of the Windows shell protocol ([MS-WSMV] 3.2.4.1 and 2.2.4): bodies of requests, readers of answers.
 * @module
 */
import { formatDuration } from "../duration.ts";
import { ProtocolError } from "../errors.ts";
import { actions, type Envelope, ns, resources } from "../soap/mod.ts";
import { escapeAttribute, escapeText, type XmlElement } from "../xml/mod.ts";
import type { RequestParts } from "../wsman/mod.ts";
import { signalCodes, type SignalKind } from "./signals.ts";

/** Everything of a request but what the sender adds: message id and time-out. */
export type ShellRequest = Omit<RequestParts, "messageId" | "operationTimeoutMs">;

/** How a shell is to be made. */
export interface CreateShellOptions {
  /** Id that the client proposes, upper-case GUID: a shell whose CreateResponse is lost can be deleted by it. Old services ignore it. */
  readonly shellId?: string;
  /** `Name` of the shell, shown when shells are enumerated. */
  readonly name?: string;
  /** Working directory. */
  readonly cwd?: string;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds without activity after which the service deletes the shell. */
  readonly idleTimeoutMs?: number;
  /** Milliseconds after which the service ends the shell. */
  readonly lifetimeMs?: number;
  /** WINRS_NOPROFILE. */
  readonly noProfile?: boolean;
  /** WINRS_CODEPAGE; 65001 is UTF-8. */
  readonly codepage?: number;
}

/** Create ([MS-WSMV] 2.2.4.37). */
export function createShell(options: CreateShellOptions): ShellRequest {
  const winrs: Record<string, string> = {};
  if (options.noProfile !== undefined) winrs["WINRS_NOPROFILE"] = options.noProfile ? "TRUE" : "FALSE";
  if (options.codepage !== undefined) winrs["WINRS_CODEPAGE"] = String(options.codepage);
  let body = "<rsp:Shell";
  if (options.shellId !== undefined) body += ` ShellId="${escapeAttribute(options.shellId)}"`;
  if (options.name !== undefined) body += ` Name="${escapeAttribute(options.name)}"`;
  body += ">";
  if (options.env !== undefined && Object.keys(options.env).length > 0) {
    body += "<rsp:Environment>";
    for (const name in options.env) {
      body += `<rsp:Variable Name="${escapeAttribute(name)}">${
        escapeText(options.env[name]!)
      }</rsp:Variable>`;
    }
    body += "</rsp:Environment>";
  }
  if (options.cwd !== undefined) {
    body += `<rsp:WorkingDirectory>${escapeText(options.cwd)}</rsp:WorkingDirectory>`;
  }
  if (options.lifetimeMs !== undefined) {
    body += `<rsp:Lifetime>${formatDuration(options.lifetimeMs)}</rsp:Lifetime>`;
  }
  if (options.idleTimeoutMs !== undefined) {
    body += `<rsp:IdleTimeOut>${formatDuration(options.idleTimeoutMs)}</rsp:IdleTimeOut>`;
  }
  body +=
    "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>";
  const request = { action: actions.create, resourceUri: resources.cmd, body };
  return Object.keys(winrs).length > 0 ? { ...request, options: winrs } : request;
}

/** How a command is to be run. */
export interface CommandOptions {
  /** Id that the client proposes, upper-case GUID; the answer says which one holds. */
  readonly commandId?: string;
  /** Command line, or with `skipCmdShell` the program. */
  readonly command: string;
  /** Arguments; without `skipCmdShell` the service joins them with single spaces. */
  readonly args?: readonly string[];
  /** WINRS_SKIP_CMD_SHELL: each argument is exactly one argument of the program; no shell comes between. Default false. */
  readonly skipCmdShell?: boolean;
  /** WINRS_CONSOLEMODE_STDIN: true lets the command read a console, false (default) gives it a pipe. */
  readonly consoleModeStdin?: boolean;
}

/** Command ([MS-WSMV] 2.2.4.6). */
export function runCommand(shellId: string, options: CommandOptions): ShellRequest {
  const id = options.commandId === undefined ? "" : ` CommandId="${escapeAttribute(options.commandId)}"`;
  let body = `<rsp:CommandLine${id}><rsp:Command>${escapeText(options.command)}</rsp:Command>`;
  for (const argument of options.args ?? []) body += `<rsp:Arguments>${escapeText(argument)}</rsp:Arguments>`;
  return {
    action: actions.command,
    resourceUri: resources.cmd,
    selectors: { ShellId: shellId },
    options: {
      WINRS_CONSOLEMODE_STDIN: options.consoleModeStdin === true ? "TRUE" : "FALSE",
      WINRS_SKIP_CMD_SHELL: options.skipCmdShell === true ? "TRUE" : "FALSE",
    },
    body: body + "</rsp:CommandLine>",
  };
}

/** Send ([MS-WSMV] 2.2.4.35) of bytes for standard input; `end` closes it after them. */
export function sendInput(shellId: string, commandId: string, bytes: Uint8Array, end: boolean): ShellRequest {
  return {
    action: actions.send,
    resourceUri: resources.cmd,
    selectors: { ShellId: shellId },
    body:
      `<rsp:Send><rsp:Stream Name="stdin" CommandId="${escapeAttribute(commandId)}"${
        end ? ' End="true"' : ""
      }>` +
      `${bytes.toBase64()}</rsp:Stream></rsp:Send>`,
  };
}

/** Receive ([MS-WSMV] 2.2.4.29) of what a command has written. */
export function receiveOutput(shellId: string, commandId: string): ShellRequest {
  return {
    action: actions.receive,
    resourceUri: resources.cmd,
    selectors: { ShellId: shellId },
    // Keeps a Receive without data open until OperationTimeout instead of answering at once.
    options: { WSMAN_CMDSHELL_OPTION_KEEPALIVE: "TRUE" },
    body:
      `<rsp:Receive><rsp:DesiredStream CommandId="${
        escapeAttribute(commandId)
      }">stdout stderr</rsp:DesiredStream>` +
      "</rsp:Receive>",
  };
}

/** Signal ([MS-WSMV] 2.2.4.38). */
export function signalCommand(shellId: string, commandId: string, kind: SignalKind): ShellRequest {
  return {
    action: actions.signal,
    resourceUri: resources.cmd,
    selectors: { ShellId: shellId },
    body: `<rsp:Signal CommandId="${escapeAttribute(commandId)}"><rsp:Code>${
      signalCodes[kind]
    }</rsp:Code></rsp:Signal>`,
  };
}

/** Delete of a shell. */
export function deleteShell(shellId: string): ShellRequest {
  return { action: actions.delete, resourceUri: resources.cmd, selectors: { ShellId: shellId }, body: "" };
}

/** What a CreateResponse says. */
export interface CreatedShell {
  /** Id of the shell, in the service's spelling. */
  readonly shellId: string;
  /** Shell language of the service: only our own service on a POSIX system says that it is not Windows'. */
  readonly platform: "windows" | "posix";
}

/**
 * Reads a CreateResponse. The id comes from the selector, since old services ignore the client's ShellId and send no
 * `rsp:Shell`.
 *
 * @throws ProtocolError `ShellIdMissing`
 */
export function readCreateResponse(envelope: Envelope): CreatedShell {
  const shell = envelope.body.child(ns.rsp, "Shell");
  const platform = shell?.child(ns.d, "Platform")?.text.trim() === "posix" ? "posix" : "windows";
  for (const created of envelope.body.childrenNamed(ns.x, "ResourceCreated")) {
    const selectors = find(created, ns.w, "SelectorSet")?.childrenNamed(ns.w, "Selector") ?? [];
    for (const selector of selectors) {
      if (selector.attribute("", "Name")?.toLowerCase() === "shellid" && selector.text.trim() !== "") {
        return { shellId: selector.text.trim(), platform };
      }
    }
  }
  const shellId = shell?.child(ns.rsp, "ShellId")?.text.trim();
  if (shellId !== undefined && shellId !== "") return { shellId, platform };
  throw new ProtocolError("ShellIdMissing", "read CreateResponse: there is no ShellId selector in it");
}

/**
 * The id of the started command; it may differ from the one that the client proposed.
 *
 * @throws ProtocolError `CommandIdMissing`
 */
export function readCommandResponse(envelope: Envelope): string {
  const id = envelope.body.child(ns.rsp, "CommandResponse")?.child(ns.rsp, "CommandId")?.text.trim();
  if (id === undefined || id === "") {
    throw new ProtocolError("CommandIdMissing", "read CommandResponse: there is no CommandId in it");
  }
  return id;
}

/** A piece of one stream. */
export interface StreamPiece {
  /** `stdout` or `stderr`, or for runspace pools other names. */
  readonly name: string;
  /** The command it belongs to; runspace-pool streams have none. */
  readonly commandId: string | undefined;
  /** Decoded bytes; may be empty, may end in the middle of a character. */
  readonly bytes: Uint8Array;
  /** Whether the stream is at its end. */
  readonly end: boolean;
}

/** One answer to Receive. */
export interface ReceiveResult {
  /** Pieces in order. */
  readonly pieces: readonly StreamPiece[];
  /** State of the command, where the answer says it. */
  readonly state: "Running" | "Pending" | "Done" | undefined;
  /** Exit code, only with `Done` (older services put a 0 on the other states). */
  readonly exitCode: number | undefined;
}

/**
 * Reads a ReceiveResponse ([MS-WSMV] 2.2.4.30).
 *
 * @throws ProtocolError `NotReceiveResponse`, `BadExitCode`
 */
export function readReceiveResponse(envelope: Envelope): ReceiveResult {
  const response = envelope.body.child(ns.rsp, "ReceiveResponse");
  if (response === undefined) {
    throw new ProtocolError("NotReceiveResponse", "read Receive answer: there is no ReceiveResponse in it");
  }
  const pieces: StreamPiece[] = [];
  let state: ReceiveResult["state"];
  let exitCode: number | undefined;
  for (let child = response.firstChild; child !== undefined; child = child.nextSibling) {
    if (child.namespace !== ns.rsp) continue;
    if (child.local === "Stream") {
      pieces.push({
        name: child.attribute("", "Name")?.trim() ?? "",
        commandId: child.attribute("", "CommandId"),
        bytes: child.bytes ?? noBytes,
        end: isTrue(child.attribute("", "End")),
      });
    } else if (child.local === "CommandState") {
      state = commandState(child.attribute("", "State"));
      const code = child.child(ns.rsp, "ExitCode")?.text.trim();
      // Answers with several states are printed in [MS-WSMV] 4.8.4: the last one holds.
      exitCode = state === "Done" && code !== undefined && code !== "" ? readExitCode(code) : undefined;
    }
  }
  return { pieces, state, exitCode };
}

const noBytes = new Uint8Array(0);

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^\s*(true|1)\s*$/i.test(value);
}

function commandState(uri: string | undefined): ReceiveResult["state"] {
  const state = uri?.trim();
  const name = state?.slice(state.lastIndexOf("/") + 1);
  return name === "Running" || name === "Pending" || name === "Done" ? name : undefined;
}

/** Exit codes are 32 bits; Windows writes NTSTATUS codes as signed or unsigned numbers. */
function readExitCode(text: string): number {
  // The sum makes one zero of both: "-0" is not another exit code.
  const code = Number(text) + 0;
  if (!/^-?\d{1,10}$/.test(text) || code < -0x8000_0000 || code > 0xffff_ffff) {
    throw new ProtocolError("BadExitCode", "read Receive answer: ExitCode is not a 32-bit number");
  }
  return code;
}

/** A shell as Enumerate and Get show it. */
export interface ShellInfo {
  /** GUID. */
  readonly shellId: string;
  /** Resource URI of its kind. */
  readonly resourceUri: string | undefined;
  /** Name that its client gave it. */
  readonly name: string | undefined;
  /** Account. */
  readonly owner: string | undefined;
  /** Address of its client. */
  readonly clientIp: string | undefined;
  /** Idle time-out, as an xs:duration. */
  readonly idleTimeout: string | undefined;
  /** Time since it was made, as an xs:duration. */
  readonly runTime: string | undefined;
  /** Time since its last activity, as an xs:duration. */
  readonly inactivity: string | undefined;
  /** E.g. `Connected`; Windows 2012 and later say it. */
  readonly state: string | undefined;
}

/** Reads an `rsp:Shell` element. */
export function readShellInfo(shell: XmlElement): ShellInfo {
  const text = (local: string) => shell.child(ns.rsp, local)?.text.trim();
  return {
    shellId: text("ShellId") ?? "",
    resourceUri: text("ResourceUri"),
    name: text("Name") ?? shell.attribute("", "Name"),
    owner: text("Owner"),
    clientIp: text("ClientIP"),
    idleTimeout: text("IdleTimeOut"),
    runTime: text("ShellRunTime"),
    inactivity: text("ShellInactivity"),
    state: text("State"),
  };
}

function find(element: XmlElement, namespace: string, local: string): XmlElement | undefined {
  for (let child = element.firstChild; child !== undefined; child = child.nextSibling) {
    if (child.local === local && child.namespace === namespace) return child;
    const deeper = find(child, namespace, local);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
