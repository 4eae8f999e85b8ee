/** How we log on to a proxy: NTLM, bare or inside SPNEGO ([MS-NTHT], RFC 4559), else Basic where it was allowed. @module */
import type { ProxyOptions } from "../../actors/ports.ts";
import { basicAuthorization, createNegotiateInitiator, splitUserName } from "../../protocol/auth/mod.ts";
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { AuthChallenge } from "../../protocol/http/mod.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import type { ProxyAnswer } from "./proxy_answer.ts";

/** Account of a proxy. */
export type ProxyCredential = NonNullable<ProxyOptions["credential"]>;

/** Schemes that we answer, the preferred one first. `Negotiate` may mean Kerberos alone; `NTLM` cannot. */
const schemes = ["NTLM", "Negotiate", "Basic"] as const;
/** A scheme that we answer. */
export type ProxyScheme = typeof schemes[number];

/**
 * The scheme to answer a proxy's offers with. Basic, which shows the password to everybody on the way, only where it was allowed and
 * nothing better is offered.
 */
export function chooseScheme(
  offers: readonly AuthChallenge[],
  { allowBasic }: ProxyCredential,
): ProxyScheme | undefined {
  return schemes.find((name) =>
    (name !== "Basic" || allowBasic === true) && offers.some(({ scheme }) => isScheme(scheme, name))
  );
}

/**
 * Logs on by `ask`, whose requests go over one connection, and gives the last answer: 407 when the proxy refuses.
 *
 * @throws NetworkError `ProxyFailed` when the proxy's part of the dialogue is not as it should be; UsageError `BasicCredential`; what
 *   `ask` throws
 */
export async function logOnToProxy(
  scheme: ProxyScheme,
  { user, password }: ProxyCredential,
  proxy: { readonly host: string; readonly name: string },
  ask: (authorization: string) => Promise<ProxyAnswer>,
): Promise<ProxyAnswer> {
  if (scheme === "Basic") return await ask(basicAuthorization(user, password));
  const context = createNegotiateInitiator({
    credential: { ...splitUserName(user), password },
    targetName: `HTTP/${proxy.host}`,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    now: () => Date.now(),
    guard: reflectionGuard,
    wrap: scheme === "NTLM" ? "raw" : "spnego",
  });
  const failed = (why: string, cause?: DroverError) =>
    new NetworkError("ProxyFailed", `log on to proxy ${proxy.name} with ${scheme}: ${why}`, { cause });
  try {
    let ours = await step(context, undefined);
    for (;;) {
      if (ours.kind === "failed") throw failed(ours.error.message, ours.error);
      // A proxy that wants more although the dialogue is over.
      if (ours.token === undefined) throw failed("it does not end the dialogue");
      const answer = await ask(`${scheme} ${ours.token.toBase64()}`);
      // SPNEGO's last token, which may come with a success, is of no use: nothing in the tunnel is protected by this dialogue.
      if (answer.status !== 407) return answer;
      const theirs = answer.challenges.find((offer) => isScheme(offer.scheme, scheme))?.token;
      if (theirs === undefined || ours.kind === "done") return answer;
      const token = decode(theirs);
      if (token === undefined) throw failed("its challenge is not base64");
      ours = await step(context, token);
      if (ours.kind === "failed" && ours.error.code === "SpnegoRejected") return answer;
      // NTLM is of a connection: what follows on another one is nobody's dialogue.
      if (!answer.reusable) throw failed("it closes the connection within the dialogue");
    }
  } finally {
    context.dispose();
  }
}

function step(context: SecurityContext, token: Uint8Array | undefined): Promise<SecurityStep> {
  return new Promise((resolve) => context.step(token, resolve));
}

function decode(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

function isScheme(scheme: string, name: ProxyScheme): boolean {
  return scheme.toLowerCase() === name.toLowerCase();
}
