/** What a host is asked to learn what it is. @module */
import { ProtocolError } from "../../protocol/errors.ts";
import {
  getConfig,
  getOperatingSystem,
  type HostConfig,
  type OperatingSystem,
  readConfig,
  readOperatingSystem,
  readSettings,
  type SettingTree,
} from "../../protocol/wsman/mod.ts";
import type { RandomSource } from "../ports.ts";
import { limitsOfConfig } from "../scheduler/mod.ts";
import { type Dialogue, exchange, type Question } from "./inquiry.ts";
import { isUnknownClass, shortOutput } from "./questions.ts";

/** Settings of a host: those that bound us, and all. */
export interface HostSettings {
  readonly config: HostConfig;
  readonly settings: SettingTree;
}

/** Reads all of winrm/config; the scheduler learns the limits of `quotaKey` from it. Windows lets only administrators read it. */
export function settingsQuestion(quotaKey: string): Question<HostSettings> {
  return {
    name: "read winrm/config",
    dialogue: function* () {
      const envelope = yield* exchange({ request: getConfig() });
      return { config: readConfig(envelope), settings: readSettings(envelope) };
    },
    learn: ({ config }) => ({ kind: "adjust", quotaKey, limits: limitsOfConfig(config) }),
  };
}

/** Asks for the operating system: by CIM, or where there is no such class by a command in a shell with this `shellName`. */
export function systemQuestion(shellName: string): Question<OperatingSystem> {
  return { name: "read operating system", dialogue: (random) => operatingSystem(shellName, random) };
}

/** A line for each, in this order, and then PRETTY_NAME where there is one. */
const posixCommand = "uname -s; uname -r; uname -m; uname -n; grep btime /proc/stat; " +
  "grep '^PRETTY_NAME=' /etc/os-release; true";

function* operatingSystem(shellName: string, random: RandomSource): Dialogue<OperatingSystem> {
  const outcome = yield { request: getOperatingSystem() };
  if (outcome.kind === "failed") throw outcome.error;
  if (outcome.kind === "answered") return readOperatingSystem(outcome.envelope);
  if (!isUnknownClass(outcome.fault)) throw outcome.fault;
  const text = yield* shortOutput("read operating system", posixCommand, shellName, random);
  const [kernel = "", version = "", architecture = "", hostName = ""] = text.split("\n");
  const seconds = /^btime (\d{1,12})$/m.exec(text)?.[1];
  if (seconds === undefined) {
    throw new ProtocolError(
      "SystemUnknown",
      "read operating system: the host has neither the CIM class nor /proc/stat",
    );
  }
  const name = /^PRETTY_NAME="?([^"\n]{1,200})"?$/m.exec(text)?.[1] ?? kernel;
  return { name, version, architecture, hostName, bootTime: Number(seconds) * 1_000 };
}
