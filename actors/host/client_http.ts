/** The HTTP half of one exchange: bytes of the request, and the answer's envelope from bytes as they arrive. @module */
import { DeniedError, DroverError, ProtocolError } from "../../protocol/errors.ts";
import {
  type AuthChallenge,
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type HttpEvent,
  type HttpHeaders,
  isEncrypted,
  isPieces,
  parseChallenges,
  parseContentType,
  RequestTemplate,
  serializeRequest,
} from "../../protocol/http/mod.ts";
import { certificateAuthorization } from "../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import {
  SealedMessages,
  sealedProtocol,
  type SealingScheme,
  sealMessage,
} from "../../protocol/sealing/mod.ts";
import { type Envelope, EnvelopeReader } from "../../protocol/soap/mod.ts";
import { reportedFault } from "../../protocol/wsman/mod.ts";
import type { ExchangeOutcome } from "./exchange.ts";
import { refusedLogon } from "./link_errors.ts";
import type { HostTarget } from "./target.ts";

const soapContentType = "application/soap+xml;charset=UTF-8";

/** Limits of the envelopes read last: one object for all that have the same. */
let envelopeLimits: Readonly<{ maxBytes: number }> = Object.freeze({ maxBytes: 0 });

function limitsOf(maxBytes: number): Readonly<{ maxBytes: number }> {
  if (envelopeLimits.maxBytes !== maxBytes) envelopeLimits = Object.freeze({ maxBytes });
  return envelopeLimits;
}

/** How the messages of a connection are sealed. */
export interface Sealing {
  readonly context: SecurityContext;
  readonly scheme: SealingScheme;
}

/** How the requests of one connection are written: their head is the same for all. */
export interface RequestForm {
  /** Bytes of a POST with `envelope`. */
  write(envelope: Uint8Array): Uint8Array;
}

/** Requests in clear (Basic, or TLS below). */
export function plainRequests(target: HostTarget): RequestForm {
  const headers: [string, string][] = [
    ["Host", target.hostHeader],
    ["Content-Type", soapContentType],
    ["User-Agent", "Drover"],
  ];
  const { authentication } = target;
  if (authentication.kind === "basic") headers.push(["Authorization", authentication.authorization()]);
  if (authentication.kind === "certificate") headers.push(["Authorization", certificateAuthorization]);
  if (authentication.kind === "anonymous") headers.push(["WSMANIDENTIFY", "unauthenticated"]);
  return new RequestTemplate({ method: "POST", target: target.path, headers });
}

/** Requests that `context` seals as `multipart/encrypted` ([MS-WSMV] 2.2.9.1). */
export function sealedRequests(
  target: HostTarget,
  { context, scheme }: Sealing,
): RequestForm {
  const template = (parts: number) =>
    new RequestTemplate({
      method: "POST",
      target: target.path,
      headers: [
        ["Host", target.hostHeader],
        ["Content-Type", encryptedContentType(sealedProtocol(scheme), parts)],
        ["User-Agent", "Drover"],
      ],
    });
  const whole = template(1);
  return {
    write: (envelope) => {
      const parts = sealMessage(context, scheme, soapContentType, envelope);
      return (parts.length === 1 ? whole : template(parts.length)).write(encodeEncrypted(parts));
    },
  };
}

/** Bytes of an empty POST that carries a token of the authentication dialogue. */
export function tokenRequest(target: HostTarget, scheme: string, token: Uint8Array): Uint8Array {
  return authorizedRequest(target, `${scheme} ${token.toBase64()}`, new Uint8Array(0));
}

/** Bytes of a POST in clear with this `Authorization`; without it a service says what it wants. */
export function authorizedRequest(
  target: HostTarget,
  authorization: string | undefined,
  envelope: Uint8Array,
): Uint8Array {
  const headers: [string, string][] = [
    ["Host", target.hostHeader],
    ["Content-Type", soapContentType],
    ["User-Agent", "Drover"],
  ];
  if (authorization !== undefined) headers.push(["Authorization", authorization]);
  return serializeRequest({ method: "POST", target: target.path, headers }, envelope);
}

/** Takes one HTTP response, event by event, and says what it means. */
export class ResponseReader {
  readonly #seal: Sealing | undefined;
  #messages: SealedMessages | undefined;
  readonly #maxBytes: number;
  readonly #scheme: string | undefined;
  #status = 0;
  #offers: readonly AuthChallenge[] = [];
  #plain: EnvelopeReader | undefined;
  #sealed: EncryptedParser | undefined;
  #last: Envelope | undefined;
  #other = 0;

  /**
   * With `seal` an answer in clear is refused unless it has no body. `maxBytes` bounds one envelope. `scheme` is what the request's
   * credentials are of, where a service may not have it at all.
   */
  constructor(seal: Sealing | undefined, maxBytes: number, scheme?: string) {
    this.#seal = seal;
    this.#maxBytes = maxBytes;
    this.#scheme = scheme;
  }

  /** Status of the answer; `undefined` before its head. */
  get status(): number | undefined {
    return this.#status === 0 ? undefined : this.#status;
  }

  /**
   * Takes the head.
   *
   * @throws DroverError when the answer can be nothing that we understand
   */
  head(status: number, headers: HttpHeaders): void {
    this.#status = status;
    if (status === 401) this.#offers = parseChallenges(headers.getAll("www-authenticate"));
    const header = headers.get("content-type");
    // The status of a refusal says everything; its body is of no use and passed over.
    if (header === undefined || isRefusal(status)) return;
    const contentType = parseContentType(header);
    if (isEncrypted(contentType)) {
      if (this.#seal === undefined) {
        throw new ProtocolError(
          "UnexpectedSealing",
          "read answer: it is sealed, but no security context was agreed on",
        );
      }
      this.#sealed = new EncryptedParser(contentType, { maxPartBytes: this.#maxBytes });
      this.#messages = new SealedMessages(this.#seal.context, isPieces(contentType), this.#maxBytes);
    } else if (contentType.type === "application/soap+xml" || contentType.type === "text/xml") {
      if (this.#seal !== undefined) {
        throw new ProtocolError(
          "ClearTextAnswer",
          "read answer: it is in clear, but the connection is sealed",
        );
      }
      this.#plain = new EnvelopeReader(limitsOf(this.#maxBytes));
    }
  }

  /** Takes a piece of the body. */
  body(bytes: Uint8Array): void {
    if (this.#plain !== undefined) this.#plain.write(bytes);
    else if (this.#sealed !== undefined) {
      for (const part of this.#sealed.push(bytes)) this.#message(this.#messages?.take(part));
    } else if (!isRefusal(this.#status)) {
      this.#other += bytes.length;
      if (this.#other > 65_536) {
        throw new ProtocolError(
          "NotSoap",
          `read answer: HTTP ${this.#status} carries more than 64 KB that is not SOAP`,
        );
      }
    }
  }

  #message(plaintext: Uint8Array | undefined): void {
    if (plaintext === undefined) return;
    const reader = new EnvelopeReader(limitsOf(this.#maxBytes));
    reader.write(plaintext);
    // Keepalives of a robust connection come first, the real answer last (FACTS, full duplex).
    this.#last = reader.end();
  }

  /** What the whole response means. */
  end(): ExchangeOutcome {
    if (this.#status === 401) {
      return { kind: "failed", sent: true, error: refusedLogon(this.#scheme, this.#offers) };
    }
    if (this.#status === 403) {
      return denied("Forbidden", "the account may not use this service (HTTP 403)");
    }
    this.#sealed?.end();
    this.#message(this.#messages?.end());
    const envelope = this.#plain !== undefined && this.#hasBody ? this.#plain.end() : this.#last;
    if (envelope === undefined) {
      return {
        kind: "failed",
        sent: true,
        error: new ProtocolError(
          `Http${this.#status}`,
          `read answer: HTTP ${this.#status} without a SOAP envelope`,
        ),
      };
    }
    const fault = reportedFault(envelope);
    if (fault !== undefined) return { kind: "fault", fault };
    if (this.#status >= 400) {
      return {
        kind: "failed",
        sent: true,
        error: new ProtocolError(
          `Http${this.#status}`,
          `read answer: HTTP ${this.#status} without a fault in it`,
        ),
      };
    }
    return { kind: "answered", envelope };
  }

  #hasBody = false;

  /** Feeds one event of the response parser; returns the outcome with its end. */
  event(event: HttpEvent): ExchangeOutcome | undefined {
    switch (event.kind) {
      case "response":
        this.head(event.status, event.headers);
        return undefined;
      case "body":
        this.#hasBody = true;
        this.body(event.bytes);
        return undefined;
      case "end":
        return this.end();
      case "request":
        throw new ProtocolError("HttpMalformed", "read answer: a request came where a response was due");
    }
  }
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403;
}

function denied(code: string, text: string): ExchangeOutcome {
  return { kind: "failed", sent: true, error: new DeniedError(code, `authenticate: ${text}`) };
}

/** Any thrown value as a typed error. */
export function asDroverError(error: unknown, code: string, action: string): DroverError {
  if (error instanceof DroverError) return error;
  return new ProtocolError(code, `${action}: ${error instanceof Error ? error.message : "unknown failure"}`, {
    cause: error,
  });
}
