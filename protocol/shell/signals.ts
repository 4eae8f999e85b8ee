/** Signal codes of shells, in every spelling that is on the wire somewhere. @module */
import { ns } from "../soap/mod.ts";

/** What a Signal asks for. */
export type SignalKind = "terminate" | "ctrl_c" | "ctrl_break";

/** Code URIs as Windows' own client spells them. */
export const signalCodes: Readonly<Record<SignalKind, string>> = {
  terminate: `${ns.rsp}/signal/terminate`,
  ctrl_c: `${ns.rsp}/signal/ctrl_c`,
  ctrl_break: `${ns.rsp}/signal/ctrl_break`,
};

/**
 * What a code URI asks for, or `undefined` for an unknown one. `Terminate` and PowerShell's `crtl_c` (spelt so in
 * [MS-PSRP] 3.1.5.3.10) are recorded, some clients put PowerShell's prefix before the name.
 */
export function signalKind(code: string): SignalKind | undefined {
  const name = /\/signal\/([a-z_]+)$/i.exec(code.trim())?.[1]?.toLowerCase();
  if (name === "terminate" || name === "ctrl_c" || name === "ctrl_break") return name;
  return name === "crtl_c" ? "ctrl_c" : undefined;
}
