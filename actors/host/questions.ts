/** What our client asks hosts beside running commands. @module */
import { type DroverError, ProtocolError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import {
  createShell,
  deleteShell,
  readCommandResponse,
  readCreateResponse,
  readReceiveResponse,
  readShellInfo,
  receiveOutput,
  runCommand,
  type ShellInfo,
} from "../../protocol/shell/mod.ts";
import { resources } from "../../protocol/soap/mod.ts";
import {
  enumerate,
  getConfig,
  getOperatingSystem,
  type HostConfig,
  pull,
  readConfig,
  readEnumeration,
  readLastBootUpTime,
  type ReportedFault,
} from "../../protocol/wsman/mod.ts";
import type { RandomSource } from "../ports.ts";
import { limitsOfConfig } from "../scheduler/mod.ts";
import { type Dialogue, exchange, type Question } from "./inquiry.ts";
import { isShellOf } from "./shell_names.ts";

/** Reads winrm/config; the scheduler learns the limits of `quotaKey` from it. Windows lets only administrators read it. */
export function limitsQuestion(quotaKey: string): Question<HostConfig> {
  return {
    name: "read winrm/config",
    dialogue: function* () {
      return readConfig(yield* exchange({ request: getConfig() }));
    },
    learn: (config) => ({ kind: "adjust", quotaKey, limits: limitsOfConfig(config) }),
  };
}

/** What a sweep has done. */
export interface Swept {
  /** Shells that were deleted. */
  readonly shells: number;
  /** Shells that were left to others; absent: none. */
  readonly kept?: number;
  /** Why others of them may still be there. */
  readonly error?: DroverError;
}

/** Items in one answer, and answers in one enumeration: a service that never comes to its end is left. */
const pageItems = 100;
const maxPages = 100;

/** Shows `visit` the host's shells, until it answers `"stop"`. `false`: the list does not end, the rest was not seen. */
export function* visitShells(visit: (shell: ShellInfo) => "stop" | void): Dialogue<boolean> {
  let page = readEnumeration(yield* exchange({ request: enumerate(resources.shell, pageItems) }));
  for (let pages = 1;; pages++) {
    for (const item of page.items) {
      const shell = readShellInfo(item);
      if (shell.shellId !== "" && visit(shell) === "stop") return true;
    }
    if (page.context === undefined) return true;
    if (pages >= maxPages) return false;
    page = readEnumeration(yield* exchange({ request: pull(resources.shell, page.context, pageItems) }));
  }
}

/** ShellId of the shell with this Name; `undefined`: there is none. The list is read up to its 10,000th shell. */
export function* findShell(name: string): Dialogue<string | undefined> {
  let found: string | undefined;
  yield* visitShells((shell) => {
    if (shell.name !== name) return;
    found = shell.shellId;
    return "stop";
  });
  return found;
}

/**
 * Deletes the shells that the instance `owner` has made, whoever asks now, and no others. Fails when not even the list can be read.
 * Windows shows administrators the shells of all users: only the Name counts. `keep`: Names of shells that are left to others.
 */
export function sweepQuestion(owner: string, keep: ReadonlySet<string> = new Set()): Question<Swept> {
  return { name: "sweep shells", cleanup: true, dialogue: () => sweep(owner, keep) };
}

function* sweep(owner: string, keep: ReadonlySet<string>): Dialogue<Swept> {
  const found: string[] = [];
  let kept = 0;
  const whole = yield* visitShells(({ shellId, name }) => {
    if (!isShellOf(name, owner)) return;
    if (keep.has(name ?? "")) kept++;
    else found.push(shellId);
  });
  let error: DroverError | undefined;
  if (!whole) {
    error = new ProtocolError(
      "EndlessEnumeration",
      `sweep shells: the list does not end after ${maxPages} answers`,
    );
  }
  let shells = 0;
  for (const shellId of found) {
    const outcome = yield { request: deleteShell(shellId), priority: "urgent" };
    if (outcome.kind === "failed") return { shells, error: outcome.error };
    if (outcome.kind === "answered") shells++;
    // Its own time may be over by now.
    else if (!outcome.fault.isUnknownSelectors) error = outcome.fault;
  }
  return { shells, ...(kept === 0 ? {} : { kept }), ...(error === undefined ? {} : { error }) };
}

/**
 * When the host was started, in milliseconds since 1970: from CIM, or where there is no such class (our own service, OMI) from
 * `/proc/stat`, read by a command in a shell with this `shellName`.
 */
export function bootTimeQuestion(shellName: string): Question<number> {
  return { name: "read boot time", probe: true, dialogue: (random) => bootTime(shellName, random) };
}

function* bootTime(shellName: string, random: RandomSource): Dialogue<number> {
  const outcome = yield { request: getOperatingSystem() };
  if (outcome.kind === "failed") throw outcome.error;
  if (outcome.kind === "answered") return readLastBootUpTime(outcome.envelope);
  if (!isUnknownClass(outcome.fault)) throw outcome.fault;
  const text = yield* shortOutput("read boot time", "grep btime /proc/stat", shellName, random);
  const seconds = /^btime (\d{1,12})$/m.exec(text)?.[1];
  if (seconds === undefined) {
    throw new ProtocolError(
      "BootTimeMissing",
      "read boot time: the host has neither the CIM class nor /proc/stat",
    );
  }
  return Number(seconds) * 1_000;
}

/** Whether a host has no such class at all. */
export function isUnknownClass(fault: ReportedFault): boolean {
  return fault.is("RESOURCE_NOT_FOUND") || fault.is("INVALID_RESOURCE_URI") ||
    fault.fault.subcode?.local === "DestinationUnreachable";
}

const decoder = new TextDecoder();

/** What one command writes into such answers at most; more is not what we asked for. */
const maxReceives = 10;

/** Output of a command that ends soon, in a shell of its own with this `name`. `action`: for errors. */
export function* shortOutput(
  action: string,
  command: string,
  name: string,
  random: RandomSource,
): Dialogue<string> {
  const proposedId = guidFromRandom(random.bytes(16));
  const created = yield {
    request: createShell({ shellId: proposedId, name, idleTimeoutMs: 60_000, noProfile: true }),
  };
  if (created.kind === "fault") throw created.fault;
  if (created.kind === "failed" && !created.sent) throw created.error;
  // Without an answer the shell may be there, under the id that we have proposed.
  let shellId = proposedId;
  try {
    if (created.kind === "failed") throw created.error;
    shellId = readCreateResponse(created.envelope).shellId;
    const request = runCommand(shellId, { command, commandId: guidFromRandom(random.bytes(16)) });
    const commandId = readCommandResponse(yield* exchange({ request }));
    let text = "";
    for (let receives = 0; receives < maxReceives; receives++) {
      const request = receiveOutput(shellId, commandId);
      const { pieces, state } = readReceiveResponse(yield* exchange({ request, priority: "poll" }));
      for (const piece of pieces) if (piece.name === "stdout") text += decoder.decode(piece.bytes);
      if (state === "Done") return text;
    }
    throw new ProtocolError("EndlessOutput", `${action}: the command does not come to its end`);
  } finally {
    yield { request: deleteShell(shellId), priority: "urgent" };
  }
}
