/** What Win32_OperatingSystem says of a host. @module */
import type { Envelope } from "../soap/mod.ts";
import { readLastBootUpTime } from "./boot_time.ts";

/** An operating system. Empty: the host does not say. */
export interface OperatingSystem {
  /** E.g. `Microsoft Windows Server 2022 Standard`. */
  readonly name: string;
  /** E.g. `10.0.20348`. */
  readonly version: string;
  /** E.g. `64-bit`. */
  readonly architecture: string;
  /** Its own name of itself. */
  readonly hostName: string;
  /** When it was started, milliseconds since 1970. */
  readonly bootTime: number;
}

/**
 * Reads an answer to Get of Win32_OperatingSystem.
 *
 * @throws ProtocolError `BootTimeMissing`: it is about something else
 */
export function readOperatingSystem(envelope: Envelope): OperatingSystem {
  const text = (name: string) =>
    envelope.content?.children.find(({ local }) => local === name)?.text.trim() ?? "";
  return {
    name: text("Caption"),
    version: text("Version"),
    architecture: text("OSArchitecture"),
    hostName: text("CSName"),
    bootTime: readLastBootUpTime(envelope),
  };
}
