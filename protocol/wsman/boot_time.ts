/** When a Windows system was started: LastBootUpTime of the one instance of Win32_OperatingSystem. @module */
import { ProtocolError } from "../errors.ts";
import { actions, type Envelope, resources } from "../soap/mod.ts";
import type { RequestParts } from "./request.ts";

/** Get of Win32_OperatingSystem. It needs no selector: there is one instance. */
export function getOperatingSystem(): Omit<RequestParts, "messageId" | "operationTimeoutMs"> {
  return { action: actions.get, resourceUri: resources.operatingSystem, body: "" };
}

/**
 * LastBootUpTime in milliseconds since 1970.
 *
 * @throws ProtocolError `BootTimeMissing`
 */
export function readLastBootUpTime(envelope: Envelope): number {
  const property = envelope.content?.children.find(({ local }) => local === "LastBootUpTime");
  // Windows wraps it in cim:Datetime.
  const text = (property?.children[0] ?? property)?.text.trim() ?? "";
  const time = xsdTime(text) ?? cimTime(text);
  if (time === undefined) {
    throw new ProtocolError("BootTimeMissing", "read operating system: there is no LastBootUpTime in it");
  }
  return time;
}

/** E.g. `2013-04-29T11:43:11.203125-07:00`. */
function xsdTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** E.g. `20130429114311.203125-420`: the zone is in minutes (DSP0004 section 5.2.4). */
function cimTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{3})\d{3}([+-])(\d{3})$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second, ms] = match.slice(1, 8).map(Number) as number[];
  const offset = Number(match[9]) * (match[8] === "-" ? -1 : 1);
  return Date.UTC(year!, month! - 1, day, hour, minute! - offset, second, ms);
}
