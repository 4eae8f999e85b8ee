/** Answers of the service as HTTP bytes: always with Content-Length, since real clients crash without. @module */
import {
  encryptedContentType,
  encryptedParts,
  serializeResponse,
  serializeResponseHead,
} from "../../protocol/http/mod.ts";
import { concat } from "../../protocol/bytes.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { sealedProtocol, type SealingScheme, sealMessage } from "../../protocol/sealing/mod.ts";
import type { Answer } from "./answers.ts";
import type { ServiceAuth } from "./options.ts";

/** Media type of plain envelopes. */
export const soapContentType = "application/soap+xml;charset=UTF-8";

const server = ["Server", "Drover"] as const;

/** Who has a certificate is not asked for it by a challenge: TLS has asked. */
const challenges: Readonly<Record<Exclude<ServiceAuth, "certificate">, string>> = {
  negotiate: "Negotiate",
  kerberos: "Kerberos",
  credssp: "CredSSP",
  basic: 'Basic realm="WSMAN"',
};

/** Bodies above this size are not copied behind their head, but written in the parts that they consist of. */
const apart = 64 * 1024;

/** What every answer has beside its body. */
export interface HttpAnswerParts {
  /** Whether the connection serves another request after this answer. */
  readonly keepAlive: boolean;
  /** Whether the client speaks HTTP/1.0, which must be told of a kept connection. */
  readonly http10: boolean;
  /** Token of a dialogue for the client: scheme and base64. */
  readonly token?: string | undefined;
}

function headers(parts: HttpAnswerParts): [string, string][] {
  const list: [string, string][] = [[...server]];
  if (parts.token !== undefined) list.push(["WWW-Authenticate", parts.token]);
  if (!parts.keepAlive) list.push(["Connection", "close"]);
  else if (parts.http10) list.push(["Connection", "keep-alive"]);
  return list;
}

/** How an answer is sealed. */
export interface AnswerSeal {
  readonly context: SecurityContext;
  /** The scheme that the client logged on with. */
  readonly scheme: SealingScheme;
  /**
   * Whether part headers are indented by a tab. Windows' own client does not do so and Windows answers it likewise; the
   * clients in Python, Go and Ruby do, and look for the tab in the answer: everybody is answered in their own manner.
   */
  readonly indented: boolean;
}

/** An envelope, sealed when `seal` is given; the parts are to be written one after the other. */
export function envelopeAnswer(
  answer: Answer,
  seal: AnswerSeal | undefined,
  parts: HttpAnswerParts,
): readonly Uint8Array[] {
  const list = headers(parts);
  if (seal === undefined) {
    list.push(["Content-Type", soapContentType]);
    return message(answer.status, list, [answer.body]);
  }
  const sealed = sealMessage(seal.context, seal.scheme, soapContentType, answer.body);
  list.push(["Content-Type", encryptedContentType(sealedProtocol(seal.scheme), sealed.length)]);
  return message(answer.status, list, encryptedParts(sealed, seal));
}

function message(
  status: number,
  list: [string, string][],
  body: readonly Uint8Array[],
): readonly Uint8Array[] {
  const head = { status, headers: list };
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return length <= apart
    ? [serializeResponse(head, concat(body))]
    : [serializeResponseHead(head, length), ...body];
}

/** An answer without body: the end of a dialogue, or a refusal. */
export function emptyAnswer(
  status: number,
  parts: HttpAnswerParts,
  more: readonly (readonly [string, string])[] = [],
): Uint8Array {
  return serializeResponse({ status, headers: [...headers(parts), ...more] });
}

/** 401 with one WWW-Authenticate header per offered scheme. */
export function challengeAnswer(offered: readonly ServiceAuth[], parts: HttpAnswerParts): Uint8Array {
  return emptyAnswer(
    401,
    parts,
    offered.filter((scheme) => scheme !== "certificate").map((scheme) => [
      "WWW-Authenticate",
      challenges[scheme],
    ]),
  );
}
