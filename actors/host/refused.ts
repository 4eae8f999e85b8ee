/** What a 401 in mid-connection is worth. @module */
import type { HostTarget } from "./target.ts";

/**
 * Whether a request that was refused with 401 in mid-connection is sent again over a new logon. `always`: to send it twice does no
 * harm. `whenTold`: where the 401 is the service's own word: an answer in its place would be lost. `never`.
 */
export type MayRepeat = "always" | "whenTold" | "never";

/** Milliseconds that clocks may be apart in Kerberos: so much earlier the service may see the logon end (RFC 4120, section 1.6). */
const clockSkewMs = 5 * 60_000;

/**
 * Decides it. On plain HTTP the messages are sealed but a 401 is not: whoever is in between can put one in the place of an answer
 * with output, which nobody would miss. There it is believed only when the logon's time is about to be over (`until`, in
 * monotonic milliseconds, as `now`).
 */
export function isRepeated(
  mayRepeat: MayRepeat,
  { connect }: Pick<HostTarget, "connect">,
  until: number | undefined,
  now: number,
): boolean {
  if (mayRepeat !== "whenTold") return mayRepeat === "always";
  return connect.tls !== undefined || (until !== undefined && now >= until - clockSkewMs);
}
