/** Answers of the service to shell operations ([MS-WSMV] 2.2.4), in the form of Windows Server 2012 and later. @module */
import { textWithBase64 } from "../base64_writer.ts";
import { formatAge, formatDuration } from "../duration.ts";
import { actions, ns, resources } from "../soap/mod.ts";
import { closeResponse, openResponse, type ResponseContext, writeResponse } from "../wsman/mod.ts";
import { escapeAttribute, escapeText } from "../xml/mod.ts";

/** A shell as the service shows it. */
export interface ShellView {
  /** Its id, a GUID. */
  readonly shellId: string;
  /** Name that its client gave it. */
  readonly name: string | undefined;
  /** Account that made it. */
  readonly owner: string;
  /** Address of the client that made it. */
  readonly clientIp: string;
  /** Environment variables that its client set. */
  readonly env: ReadonlyMap<string, string>;
  /** Working directory that its client chose. */
  readonly cwd: string | undefined;
  /** Milliseconds without activity after which it is deleted. */
  readonly idleTimeoutMs: number;
  /** Milliseconds after which it is deleted in any case. */
  readonly lifetimeMs: number | undefined;
  /** Names of its input streams. */
  readonly inputStreams: readonly string[];
  /** Names of its output streams. */
  readonly outputStreams: readonly string[];
  /** Milliseconds since it was created. */
  readonly ageMs: number;
  /** Milliseconds since its last activity. */
  readonly inactivityMs: number;
  /** Shell language of its commands, said in an element of our own so that our client quotes for it; absent: Windows'. */
  readonly platform?: "posix";
  /** Number of its processes; shown by Get and Enumerate only. */
  readonly processes: number | undefined;
}

/** `rsp:Shell` of a shell. */
export function shellElement(shell: ShellView): string {
  let environment = "";
  for (const [name, value] of shell.env) {
    environment += `<rsp:Variable Name="${escapeAttribute(name)}">${escapeText(value)}</rsp:Variable>`;
  }
  return `<rsp:Shell xmlns:rsp="${ns.rsp}"><rsp:ShellId>${escapeText(shell.shellId)}</rsp:ShellId>` +
    (shell.name === undefined ? "" : `<rsp:Name>${escapeText(shell.name)}</rsp:Name>`) +
    `<rsp:ResourceUri>${resources.cmd}</rsp:ResourceUri><rsp:Owner>${escapeText(shell.owner)}</rsp:Owner>` +
    `<rsp:ClientIP>${escapeText(shell.clientIp)}</rsp:ClientIP>` +
    (environment === "" ? "" : `<rsp:Environment>${environment}</rsp:Environment>`) +
    (shell.cwd === undefined ? "" : `<rsp:WorkingDirectory>${escapeText(shell.cwd)}</rsp:WorkingDirectory>`) +
    (shell.lifetimeMs === undefined
      ? ""
      : `<rsp:Lifetime>${formatDuration(shell.lifetimeMs)}</rsp:Lifetime>`) +
    `<rsp:IdleTimeOut>${formatDuration(shell.idleTimeoutMs)}</rsp:IdleTimeOut>` +
    `<rsp:InputStreams>${escapeText(shell.inputStreams.join(" "))}</rsp:InputStreams>` +
    `<rsp:OutputStreams>${escapeText(shell.outputStreams.join(" "))}</rsp:OutputStreams>` +
    `<rsp:ShellRunTime>${formatAge(shell.ageMs)}</rsp:ShellRunTime>` +
    `<rsp:ShellInactivity>${formatAge(shell.inactivityMs)}</rsp:ShellInactivity>` +
    (shell.processes === undefined ? "" : `<rsp:ChildProcesses>${shell.processes}</rsp:ChildProcesses>`) +
    (shell.platform === undefined ? "" : `<d:Platform xmlns:d="${ns.d}">${shell.platform}</d:Platform>`) +
    `</rsp:Shell>`;
}

/** CreateResponse; `to` is the address of the service as the client named it. */
export function writeCreateResponse(context: ResponseContext, to: string, shell: ShellView): Uint8Array {
  return writeResponse(
    "shell",
    `${actions.create}Response`,
    context,
    `<x:ResourceCreated><a:Address>${escapeText(to)}</a:Address><a:ReferenceParameters>` +
      `<w:ResourceURI>${resources.cmd}</w:ResourceURI><w:SelectorSet>` +
      `<w:Selector Name="ShellId">${
        escapeText(shell.shellId)
      }</w:Selector></w:SelectorSet></a:ReferenceParameters>` +
      `</x:ResourceCreated>${shellElement(shell)}`,
  );
}

/** CommandResponse. */
export function writeCommandResponse(context: ResponseContext, commandId: string): Uint8Array {
  return writeResponse(
    "shell",
    `${actions.command}Response`,
    context,
    `<rsp:CommandResponse><rsp:CommandId>${escapeText(commandId)}</rsp:CommandId></rsp:CommandResponse>`,
  );
}

/** SendResponse. */
export function writeSendResponse(context: ResponseContext): Uint8Array {
  return writeResponse("shell", `${actions.send}Response`, context, "<rsp:SendResponse></rsp:SendResponse>");
}

/** SignalResponse. */
export function writeSignalResponse(context: ResponseContext): Uint8Array {
  return writeResponse(
    "shell",
    `${actions.signal}Response`,
    context,
    "<rsp:SignalResponse></rsp:SignalResponse>",
  );
}

/** DeleteResponse. */
export function writeDeleteResponse(context: ResponseContext): Uint8Array {
  return writeResponse("empty", `${actions.delete}Response`, context, "");
}

/** GetResponse with one shell. */
export function writeGetShellResponse(context: ResponseContext, shell: ShellView): Uint8Array {
  return writeResponse("transfer", `${actions.get}Response`, context, shellElement(shell));
}

/** What a Receive answers. */
export interface ReceiveAnswer {
  /** The command that wrote it. */
  readonly commandId: string;
  /** Pieces in order; an end is a separate, empty element. */
  readonly pieces: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Streams that are at their end. */
  readonly ended: readonly string[];
  /** `Done` once all output is in this answer or those before it. */
  readonly state: "Running" | "Done";
  /** Present with `Done`. */
  readonly exitCode: number | undefined;
}

/** ReceiveResponse ([MS-WSMV] 2.2.4.30). Its text is never whole in memory, only its bytes are: they are many. */
export function writeReceiveResponse(context: ResponseContext, answer: ReceiveAnswer): Uint8Array {
  const command = ` CommandId="${escapeAttribute(answer.commandId)}"`;
  const parts: (string | Uint8Array)[] = [];
  let text = openResponse("receive", `${actions.receive}Response`, context) + "<rsp:ReceiveResponse>";
  for (const piece of answer.pieces) {
    parts.push(`${text}<rsp:Stream Name="${piece.name}"${command}>`, piece.bytes);
    text = "</rsp:Stream>";
  }
  for (const name of answer.ended) text += `<rsp:Stream Name="${name}"${command} End="true"></rsp:Stream>`;
  text += `<rsp:CommandState${command} State="${ns.rsp}/CommandState/${answer.state}">`;
  if (answer.exitCode !== undefined) text += `<rsp:ExitCode>${answer.exitCode}</rsp:ExitCode>`;
  parts.push(text + "</rsp:CommandState></rsp:ReceiveResponse>" + closeResponse);
  return textWithBase64(parts);
}

/**
 * Room for output in an answer of at most `maxEnvelopeSize` bytes on the wire, in bytes before base64. Headers, state and
 * two end marks are allowed for; each piece costs its own length and 128 bytes more for the element around it. Zero when a
 * long message id takes all of it: one piece of one byte fits nevertheless, or nothing would ever be delivered.
 */
export function receiveCapacity(maxEnvelopeSize: number, relatesTo: string): number {
  // The fixed parts are below 1,900 bytes; the echoed message id can grow sixfold by escaping.
  const room = maxEnvelopeSize - 2_400 - relatesTo.length * 6;
  return Math.max(0, Math.floor(room / 4) * 3);
}

/** EnumerateResponse: with items when the client asked for an optimised enumeration, else only with a context. */
export function writeEnumerateResponse(
  context: ResponseContext,
  page: { readonly items: readonly string[] | undefined; readonly enumerationContext: string | undefined },
): Uint8Array {
  const items = page.items === undefined ? "" : `<w:Items>${page.items.join("")}</w:Items>`;
  const end = page.items !== undefined && page.enumerationContext === undefined
    ? "<w:EndOfSequence></w:EndOfSequence>"
    : "";
  return writeResponse(
    "enumeration",
    `${actions.enumerate}Response`,
    context,
    `<n:EnumerateResponse><n:EnumerationContext>${page.enumerationContext ?? ""}</n:EnumerationContext>` +
      `${items}${end}</n:EnumerateResponse>`,
  );
}

/** PullResponse. */
export function writePullResponse(
  context: ResponseContext,
  page: { readonly items: readonly string[]; readonly enumerationContext: string | undefined },
): Uint8Array {
  const next = page.enumerationContext === undefined
    ? ""
    : `<n:EnumerationContext>${page.enumerationContext}</n:EnumerationContext>`;
  return writeResponse(
    "enumeration",
    `${actions.pull}Response`,
    context,
    `<n:PullResponse>${next}<n:Items>${page.items.join("")}</n:Items>` +
      `${
        page.enumerationContext === undefined ? "<n:EndOfSequence></n:EndOfSequence>" : ""
      }</n:PullResponse>`,
  );
}

/** ReleaseResponse. */
export function writeReleaseResponse(context: ResponseContext): Uint8Array {
  return writeResponse("enumeration", `${actions.release}Response`, context, "");
}

/** `rsp:Command` of an enumeration of commands; the state is a bare word here. */
export function commandElement(
  command: { readonly commandId: string; readonly commandLine: string; readonly state: string },
): string {
  return `<rsp:Command xmlns:rsp="${ns.rsp}"><rsp:CommandId>${
    escapeText(command.commandId)
  }</rsp:CommandId>` +
    `<rsp:CommandLine>${escapeText(command.commandLine)}</rsp:CommandLine>` +
    `<rsp:CommandState>${command.state}</rsp:CommandState></rsp:Command>`;
}
