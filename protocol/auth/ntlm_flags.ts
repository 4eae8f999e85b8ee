/** Negotiation flags of NTLM ([MS-NLMP] 2.2.2.5): the ones that this implementation reads or writes. @module */

/** Bits of NegotiateFlags by name. */
export const NtlmFlag = {
  unicode: 0x0000_0001,
  requestTarget: 0x0000_0004,
  sign: 0x0000_0010,
  seal: 0x0000_0020,
  ntlm: 0x0000_0200,
  anonymous: 0x0000_0800,
  domainSupplied: 0x0000_1000,
  workstationSupplied: 0x0000_2000,
  alwaysSign: 0x0000_8000,
  targetTypeServer: 0x0002_0000,
  extendedSessionSecurity: 0x0008_0000,
  targetInfo: 0x0080_0000,
  version: 0x0200_0000,
  key128: 0x2000_0000,
  keyExchange: 0x4000_0000,
  key56: 0x8000_0000,
} as const;

/** Name of one flag. */
export type NtlmFlagName = keyof typeof NtlmFlag;

/** The number with the bits of all `names`. */
export function flagBits(...names: readonly NtlmFlagName[]): number {
  let bits = 0;
  for (const name of names) bits |= NtlmFlag[name];
  return bits >>> 0;
}

/** Those of `names` that `flags` lacks, for an error's text. */
export function missingFlags(flags: number, names: readonly NtlmFlagName[]): NtlmFlagName[] {
  return names.filter((name) => (flags & NtlmFlag[name]) === 0);
}
