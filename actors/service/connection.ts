/**
 * One connection of a client: HTTP in and out, the logon that is bound to it, sealing, and one request at a time.
 *
 * The actor reads on only while it waits for bytes of a request; what a client sends ahead waits in the network. A client
 * that closes its sending half is answered; a Receive of such a client is answered at once with TimedOut, because nobody
 * can say whether it is still there, and output that is not handed out is not lost.
 *
 * This file stays whole: it is one state machine over the phases of a connection.
 * @module
 */
import { ProtocolError } from "../../protocol/errors.ts";
import {
  type ContentType,
  continueResponse,
  HttpError,
  type HttpEvent,
  type HttpRequestEvent,
  HttpRequestParser,
} from "../../protocol/http/mod.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import type { SealingScheme } from "../../protocol/sealing/mod.ts";
import { isIdentify, ns, writeIdentifyResponse } from "../../protocol/soap/mod.ts";
import { WsmanFaultError } from "../../protocol/wsman/mod.ts";
import type { ActorRef, AskOutcome, Behaviour, ChildSpec, Context, TimerHandle } from "../kernel/actor.ts";
import type { Connection, ConnectionFacts, PasswordVerdict, ServiceAccount } from "../ports.ts";
import type { ServiceAccess } from "./access.ts";
import { admit, credentialsOf } from "./admission.ts";
import { type Answer, asFault, faultAnswer, responseContext, success } from "./answers.ts";
import { type DispatcherMessage, operationGraceMs } from "./dispatcher.ts";
import {
  type AnswerSeal,
  challengeAnswer,
  emptyAnswer,
  envelopeAnswer,
  type HttpAnswerParts,
} from "./http_answers.ts";
import { eventReason, type ServiceAuth, type ServiceEvent, type ServiceOptions } from "./options.ts";
import type { ConnectionEvent, ConnectionRelay } from "./relay.ts";
import type { Strangers } from "./strangers.ts";
import { type OpenedBody, readRequest, RequestBody, sealingOverhead } from "./request_body.ts";

/** Milliseconds from the connection's beginning until its first logon must have succeeded. */
export const logonTimeoutMs = 30_000;
/** The same for a connection beyond the limit, whose first request is only told so. */
export const refusedTimeoutMs = 5_000;
/** Milliseconds that a connection may be idle between requests, as in http.sys. */
export const idleTimeoutMs = 120_000;
/** Milliseconds of silence until which is read what the client still sends after the last answer: a reset must not overtake it. */
export const lingerMs = 2_000;
/** Bytes of a request that may come without logon (Identify). */
const maxAnonymousBytes = 64 * 1024;

/** Messages of a connection. */
export type ConnectionMessage =
  | { readonly kind: "network"; readonly event: ConnectionEvent }
  /** A write was not taken whole; `drain` follows. */
  | { readonly kind: "blocked" }
  | { readonly kind: "negotiated"; readonly exchange: Exchange; readonly step: SecurityStep }
  | { readonly kind: "passwordChecked"; readonly exchange: Exchange; readonly verdict: PasswordVerdict }
  | { readonly kind: "answered"; readonly exchange: Exchange; readonly outcome: AskOutcome<Answer> }
  /** The service is full, and nobody has logged on here. */
  | { readonly kind: "makeRoom" }
  | { readonly kind: "deadline" };

/** What a connection is made with. */
export interface ConnectionActorOptions {
  readonly service: ServiceOptions;
  readonly access: ServiceAccess;
  readonly dispatcher: ActorRef<DispatcherMessage>;
  readonly connection: Connection;
  readonly relay: ConnectionRelay;
  /** Whether the service has as many connections as it takes: the first request is answered 503. */
  readonly refused: boolean;
  /** Where this connection stands until somebody has logged on. */
  readonly strangers: Strangers;
}

/** Schemes whose tokens belong to a dialogue, as they are offered, and who accepts them. */
const dialogues: readonly SealingScheme[] = ["Negotiate", "Kerberos", "CredSSP"];
const authOf = { Negotiate: "negotiate", Kerberos: "kerberos", CredSSP: "credssp" } as const;
const acceptOf = {
  Negotiate: "acceptNegotiate",
  Kerberos: "acceptKerberos",
  CredSSP: "acceptCredSsp",
} as const;

/** A connection as a child to start. */
export function connectionActor(options: ConnectionActorOptions): ChildSpec<ConnectionMessage> {
  return { label: "connection", start: (context) => new ConnectionActor(options, context) };
}

/** One request and its answer. */
interface Exchange {
  readonly request: HttpRequestEvent;
  readonly body: RequestBody;
  /** Bytes of the body that may still come. */
  room: number;
  account: ServiceAccount | undefined;
  /** Opens the body, when it is sealed. */
  context: SecurityContext | undefined;
  /** How the answer is sealed; `undefined`: in clear. */
  seal: AnswerSeal | undefined;
  /** Last token of the dialogue, for the answer. */
  token: string | undefined;
  /** Answer without looking at the body. */
  settled: readonly Uint8Array[] | undefined;
  operation: number | undefined;
}

type Phase =
  /** Between requests. */
  | "idle"
  /** A logon is being checked. */
  | "authorizing"
  /** The body arrives. */
  | "body"
  /** The answer is being made. */
  | "working"
  /** The last answer was written. */
  | "lingering"
  | "closed";

class ConnectionActor implements Behaviour<ConnectionMessage> {
  readonly #options: ConnectionActorOptions;
  readonly #service: ServiceOptions;
  readonly #connection: Connection;
  readonly #parser: HttpRequestParser;
  readonly #openedAt: number;
  #facts: ConnectionFacts | undefined;
  #phase: Phase = "idle";
  #events: (HttpEvent | { readonly kind: "error"; readonly error: HttpError })[] = [];
  #exchange: Exchange | undefined;
  /** The dialogue under way or ended, and whose it is. */
  #context: SecurityContext | undefined;
  #scheme: SealingScheme = "Negotiate";
  #account: ServiceAccount | undefined;
  /** Monotonic milliseconds at which the dialogue's logon ends. */
  #logonUntil = Infinity;
  #loggedOn = false;
  /** Gives up the check of a password that is under way. */
  #giveUpCheck: (() => void) | undefined;
  #blocked = false;
  /** A chunk was asked for and has not come. */
  #reading = false;
  /** The client sends no more. */
  #inputEnded = false;
  #messageSince: number | undefined;
  /** When bytes came last while lingering. */
  #lingerSince = 0;
  #requests = 0;
  #deadline = Infinity;
  #timer: { readonly handle: TimerHandle; readonly at: number } | undefined;

  constructor(options: ConnectionActorOptions, context: Context<ConnectionMessage>) {
    this.#options = options;
    this.#service = options.service;
    this.#connection = options.connection;
    this.#openedAt = context.now();
    this.#parser = new HttpRequestParser({ maxBodyBytes: this.#maxEnvelope + sealingOverhead });
    context.effect((post) => options.relay.attach((event) => post({ kind: "network", event })));
    this.#setDeadline(context);
  }

  describe(): string {
    const peer = this.#facts === undefined ? "(opening)" : this.#peer;
    return `${peer}, ${this.#requests} requests, ${this.#phase}`;
  }

  handle(message: ConnectionMessage, context: Context<ConnectionMessage>): void {
    switch (message.kind) {
      case "network":
        this.#network(message.event, context);
        break;
      case "blocked":
        this.#blocked = true;
        break;
      case "negotiated":
        if (this.#current(message.exchange)) this.#negotiated(message.exchange, message.step, context);
        break;
      case "passwordChecked":
        if (this.#current(message.exchange)) {
          this.#passwordChecked(message.exchange, message.verdict, context);
        }
        break;
      case "answered":
        if (this.#current(message.exchange)) this.#answered(message.exchange, message.outcome, context);
        break;
      case "makeRoom":
        if (!this.#loggedOn) this.#abort(context);
        break;
      case "deadline":
        this.#timer = undefined;
        if (context.now() >= this.#deadline) this.#tooLate(context);
    }
    this.#pump(context);
    this.#setDeadline(context);
  }

  stopped(_reason: unknown, context: Context<ConnectionMessage>): void {
    this.#context?.dispose();
    context.effect(() => {
      this.#giveUpCheck?.();
      this.#connection.abort();
    });
    const operation = this.#exchange?.operation;
    if (operation !== undefined) context.send(this.#options.dispatcher, { kind: "cancel", operation });
  }

  // Bytes.

  #network(event: ConnectionEvent, context: Context<ConnectionMessage>): void {
    switch (event.kind) {
      case "open":
        this.#facts = event.facts;
        return;
      case "data":
        this.#reading = false;
        return this.#data(event.bytes, context);
      case "end":
        this.#inputEnded = true;
        if (this.#phase === "lingering") return this.#close(context);
        this.#parse(() => this.#parser.endOfInput());
        if (this.#exchange?.operation !== undefined) {
          context.send(this.#options.dispatcher, { kind: "cancel", operation: this.#exchange.operation });
        }
        return;
      case "drain":
        this.#blocked = false;
        return;
      case "closed":
        this.#phase = "closed";
        return context.stop();
    }
  }

  #data(bytes: Uint8Array, context: Context<ConnectionMessage>): void {
    this.#lingerSince = context.now();
    if (this.#phase === "lingering" || this.#phase === "closed") return;
    this.#messageSince ??= context.now();
    this.#parse(() => this.#parser.push(bytes));
  }

  #parse(read: () => HttpEvent[]): void {
    try {
      this.#events.push(...read());
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#events.push(...error.events, { kind: "error", error });
    }
  }

  /** Works off what has arrived, then asks for more. */
  #pump(context: Context<ConnectionMessage>): void {
    while (this.#phase === "idle" || this.#phase === "body") {
      if (this.#phase === "idle" && this.#blocked) return;
      const event = this.#events.shift();
      if (event === undefined) break;
      if (event.kind === "request") this.#begin(event, context);
      else if (event.kind === "error") this.#malformed(event.error, context);
      else if (event.kind === "body") this.#body(event.bytes, context);
      else if (event.kind === "end") this.#complete(context);
    }
    if (this.#phase === "idle" && this.#inputEnded && this.#events.length === 0) return this.#close(context);
    const wanted = this.#phase === "idle" || this.#phase === "body" || this.#phase === "lingering";
    if (wanted && !this.#reading && !this.#inputEnded && this.#facts !== undefined) {
      this.#reading = true;
      context.effect(() => this.#connection.resume());
    }
  }

  // Requests.

  #begin(request: HttpRequestEvent, context: Context<ConnectionMessage>): void {
    this.#requests++;
    if (this.#options.refused) return this.#refuse(503, "there are MaxConnections connections", context);
    const admission = admit(request);
    if ("status" in admission) {
      return this.#refuse(admission.status, admission.reason, context, admission.headers);
    }
    const exchange: Exchange = {
      request,
      body: this.#requestBody(admission.type),
      room: this.#maxEnvelope + sealingOverhead,
      account: undefined,
      context: undefined,
      seal: undefined,
      token: undefined,
      settled: undefined,
      operation: undefined,
    };
    this.#exchange = exchange;
    const credentials = credentialsOf(request);
    switch (credentials.kind) {
      case "none":
        if (this.#account === undefined) return this.#challenge(context);
        if (this.#service.security.isCurrent?.(this.#account) === false) {
          const reason = "the account was changed, disabled or removed since the logon";
          return this.#denied(authOf[this.#scheme], this.#account.name, reason, context);
        }
        if (context.now() >= this.#logonUntil) {
          const reason = "the ticket of the logon has expired meanwhile";
          return this.#denied(authOf[this.#scheme], this.#account.name, reason, context);
        }
        exchange.account = this.#account;
        exchange.context = this.#context;
        return this.#expectBody(exchange, context);
      case "identify":
        exchange.room = maxAnonymousBytes;
        return this.#expectBody(exchange, context);
      case "basic":
        if (!this.#offered.includes("basic")) {
          return this.#denied(
            "basic",
            credentials.username,
            "Basic is not offered on this listener",
            context,
          );
        }
        this.#phase = "authorizing";
        return context.effect((post) => {
          this.#giveUpCheck = this.#service.security.checkPassword(
            credentials.username,
            credentials.password,
            this.#facts!,
            (verdict) => post({ kind: "passwordChecked", exchange, verdict }),
          );
        });
      case "certificate":
        return this.#certified(exchange, context);
      case "token": {
        const { scheme, token } = credentials;
        const auth = authOf[scheme];
        if (!this.#offered.includes(auth)) {
          return this.#denied(auth, undefined, `${scheme} is not offered on this listener`, context);
        }
        return this.#negotiate(exchange, scheme, token, context);
      }
      case "unusable":
        return this.#denied("negotiate", undefined, credentials.reason, context);
    }
  }

  #requestBody(type: ContentType | undefined): RequestBody {
    try {
      return new RequestBody(type, this.#maxEnvelope);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // The boundary cannot be used; nothing that follows can be read, so an ordinary body makes the fault.
      return new RequestBody(undefined, this.#maxEnvelope);
    }
  }

  #expectBody(exchange: Exchange, context: Context<ConnectionMessage>): void {
    this.#phase = "body";
    if (exchange.request.expectContinue) this.#write([continueResponse], context);
  }

  #body(bytes: Uint8Array, context: Context<ConnectionMessage>): void {
    const exchange = this.#exchange!;
    exchange.room -= bytes.length;
    if (exchange.settled !== undefined) return;
    if (exchange.room < 0) return this.#refuse(413, "the body is too large", context);
    try {
      exchange.body.push(bytes);
    } catch (error) {
      this.#badBody(error, context);
    }
  }

  /** The whole request is here. */
  #complete(context: Context<ConnectionMessage>): void {
    const exchange = this.#exchange!;
    this.#messageSince = undefined;
    if (exchange.settled !== undefined) return this.#finish(exchange, exchange.settled, context);
    let body: OpenedBody | undefined;
    try {
      body = exchange.body.open(exchange.context, this.#scheme);
    } catch (error) {
      return this.#badBody(error, context);
    }
    // [MS-WSMV] 3.1.4.1: the native client logs on with an empty request. Without credentials such a request asks to be
    // challenged, on a connection that has logged on too: a client in Go logs on anew for each message.
    if (body === undefined) {
      const { kind } = credentialsOf(exchange.request);
      if (exchange.account === undefined || kind === "none") return this.#challenge(context);
      return this.#finish(exchange, [emptyAnswer(200, this.#parts(exchange))], context);
    }
    if (body.sealed) {
      exchange.seal = { context: exchange.context!, scheme: this.#scheme, indented: body.indented };
    } else if (exchange.account !== undefined && !this.#plainAllowed) {
      return this.#refuse(403, "the body is not encrypted and AllowUnencrypted is false", context);
    }
    this.#process(exchange, body, context);
  }

  #process(exchange: Exchange, body: OpenedBody, context: Context<ConnectionMessage>): void {
    let relatesTo: string | undefined;
    try {
      const envelope = readRequest(body, this.#maxEnvelope);
      relatesTo = envelope.messageId;
      const { account } = exchange;
      if (isIdentify(envelope)) {
        const refusal = account === undefined
          ? undefined
          : this.#options.access.refuseIdentify({ account, from: this.#peer });
        if (refusal === undefined) {
          return this.#respond(exchange, this.#identify(account !== undefined), context);
        }
        this.#tell(refusal.event, context);
        throw refusal.fault;
      }
      if (account === undefined) return this.#challenge(context);
      this.#phase = "working";
      const operation = context.self.id * 1_000_000 + this.#requests % 1_000_000;
      exchange.operation = operation;
      context.ask<DispatcherMessage, Answer>(
        this.#options.dispatcher,
        (replyTo) => ({
          kind: "request",
          operation,
          account,
          clientIp: this.#facts!.remoteAddress,
          envelope,
          replyTo,
        }),
        this.#service.settings.MaxTimeoutms + 2 * operationGraceMs,
        (outcome) => ({ kind: "answered", exchange, outcome }),
      );
      // A client that sends no more may be gone: see the module.
      if (this.#inputEnded) context.send(this.#options.dispatcher, { kind: "cancel", operation });
    } catch (error) {
      if (exchange.account === undefined) return this.#refuse(400, "Identify is not well-formed", context);
      const fault = asFault(error);
      const response = { ...responseContext(context.random, ""), relatesTo };
      this.#respond(exchange, faultAnswer(fault, response, this.#service.machineName), context);
    }
  }

  #answered(exchange: Exchange, outcome: AskOutcome<Answer>, context: Context<ConnectionMessage>): void {
    exchange.operation = undefined;
    if (outcome.kind === "answered") return this.#respond(exchange, outcome.value, context);
    const fault = WsmanFaultError.of(outcome.kind === "timedOut" ? "OPERATION_TIMEDOUT" : "PROVIDER_FAILURE");
    const response = { ...responseContext(context.random, ""), relatesTo: undefined };
    this.#respond(exchange, faultAnswer(fault, response, this.#service.machineName), context);
  }

  /** DSP0226 section 11; the version of the system is told only to those who have logged on, as on Windows. */
  #identify(authenticated: boolean): Answer {
    return success(writeIdentifyResponse({
      protocolVersion: ns.w,
      productVendor: "Drover",
      productVersion: authenticated ? this.#service.productVersion : "OS: 0.0.0 SP: 0.0 Stack: 3.0",
      securityProfiles: [],
    }));
  }

  // Logon.

  #negotiate(
    exchange: Exchange,
    scheme: SealingScheme,
    token: Uint8Array,
    context: Context<ConnectionMessage>,
  ): void {
    // A new dialogue on a connection that has logged on replaces the old one.
    if (this.#account !== undefined || this.#scheme !== scheme) this.#forgetLogon();
    this.#scheme = scheme;
    const { security: provider } = this.#service;
    const accept = provider[acceptOf[scheme]];
    // What is not there is not offered, and was refused before.
    const security = this.#context ??= accept!.call(provider, this.#facts!);
    this.#phase = "authorizing";
    context.effect((post) => security.step(token, (step) => post({ kind: "negotiated", exchange, step })));
  }

  #negotiated(exchange: Exchange, step: SecurityStep, context: Context<ConnectionMessage>): void {
    const auth = authOf[this.#scheme];
    const token = step.token === undefined ? undefined : `${this.#scheme} ${step.token.toBase64()}`;
    if (step.kind === "failed") {
      const claimant = this.#service.security.claimant?.(this.#context!);
      const reason = this.#service.security.refusal?.(this.#context!) ?? eventReason(step.error);
      return this.#denied(auth, claimant, reason, context, token);
    }
    if (step.kind === "continue") {
      const parts = { ...this.#parts(exchange), token };
      exchange.settled = [emptyAnswer(401, parts)];
      // The body comes again with the next token. It is taken all the same, because the connection, to which the
      // dialogue belongs, can go on only behind it.
      return this.#expectBody(exchange, context);
    }
    const security = this.#context!;
    const account = this.#service.security.account(security);
    if (account === undefined) {
      const reason = this.#service.security.refusal?.(security) ?? "the principal has no account here";
      return this.#denied(auth, security.principal, reason, context);
    }
    this.#account = account;
    this.#logonUntil = context.now() + (security.lifetimeMs ?? Infinity);
    exchange.account = account;
    exchange.context = security;
    exchange.token = token;
    this.#admitted(auth, security.mechanism, account, context);
    this.#expectBody(exchange, context);
  }

  #passwordChecked(
    exchange: Exchange,
    verdict: PasswordVerdict,
    context: Context<ConnectionMessage>,
  ): void {
    if (verdict.kind === "busy") return this.#refuse(503, verdict.reason, context);
    if (verdict.kind === "denied") {
      const credentials = credentialsOf(exchange.request);
      const user = credentials.kind === "basic" ? credentials.username : undefined;
      return this.#denied("basic", user, verdict.reason, context);
    }
    exchange.account = verdict.account;
    this.#admitted("basic", undefined, verdict.account, context);
    this.#expectBody(exchange, context);
  }

  /** The certificate answers for each request anew: it may expire, and its account be removed. */
  #certified(exchange: Exchange, context: Context<ConnectionMessage>): void {
    if (!this.#offered.includes("certificate")) {
      return this.#denied(
        "certificate",
        undefined,
        "certificates are not accepted on this listener",
        context,
      );
    }
    const verdict = this.#service.security.checkCertificate!(this.#facts!);
    if (verdict.kind === "refused") return this.#denied("certificate", verdict.user, verdict.reason, context);
    exchange.account = verdict.account;
    this.#admitted("certificate", undefined, verdict.account, context);
    this.#expectBody(exchange, context);
  }

  #admitted(
    scheme: ServiceAuth,
    mechanism: SecurityContext["mechanism"],
    account: ServiceAccount,
    context: Context<ConnectionMessage>,
  ): void {
    // Basic and certificates prove themselves with every request; one event a connection is enough.
    if (!this.#loggedOn || (scheme !== "basic" && scheme !== "certificate")) {
      this.#tell({ kind: "logon", scheme, mechanism, user: account.name, from: this.#peer }, context);
    }
    this.#loggedOn = true;
    this.#options.strangers.forget(context.self.id);
  }

  #denied(
    scheme: ServiceAuth,
    user: string | undefined,
    reason: string,
    context: Context<ConnectionMessage>,
    token?: string,
  ): void {
    this.#tell({ kind: "logonFailed", scheme, user, from: this.#peer, reason }, context);
    this.#forgetLogon();
    this.#challenge(context, token);
  }

  #challenge(context: Context<ConnectionMessage>, token?: string): void {
    this.#last([challengeAnswer(this.#offered, { keepAlive: false, http10: false, token })], context);
  }

  #forgetLogon(): void {
    this.#context?.dispose();
    this.#context = undefined;
    this.#account = undefined;
  }

  // Answers.

  #respond(exchange: Exchange, answer: Answer, context: Context<ConnectionMessage>): void {
    this.#finish(exchange, envelopeAnswer(answer, exchange.seal, this.#parts(exchange)), context);
  }

  #parts(exchange: Exchange): HttpAnswerParts {
    const { keepAlive, version } = exchange.request;
    return { keepAlive: keepAlive && !this.#inputEnded, http10: version === "1.0", token: exchange.token };
  }

  #finish(exchange: Exchange, bytes: readonly Uint8Array[], context: Context<ConnectionMessage>): void {
    if (!exchange.request.keepAlive || this.#inputEnded) return this.#last(bytes, context);
    this.#exchange = undefined;
    this.#phase = "idle";
    this.#write(bytes, context);
  }

  #refuse(
    status: number,
    reason: string,
    context: Context<ConnectionMessage>,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    this.#tell({ kind: "refused", from: this.#peer, status, reason }, context);
    this.#last([emptyAnswer(status, { keepAlive: false, http10: false }, headers)], context);
  }

  #malformed(error: HttpError, context: Context<ConnectionMessage>): void {
    this.#refuse(error.status, eventReason(error), context);
  }

  #badBody(error: unknown, context: Context<ConnectionMessage>): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#refuse(400, eventReason(error), context);
  }

  /** Writes the last answer, and reads on for a moment so that it is not overtaken by a reset. */
  #last(bytes: readonly Uint8Array[], context: Context<ConnectionMessage>): void {
    this.#exchange = undefined;
    this.#events = [];
    this.#write(bytes, context);
    context.effect(() => this.#connection.end());
    this.#phase = "lingering";
    this.#messageSince = this.#lingerSince = context.now();
  }

  #write(parts: readonly Uint8Array[], context: Context<ConnectionMessage>): void {
    context.effect((post) => {
      let taken = true;
      for (const part of parts) taken = this.#connection.write(part);
      if (!taken) post({ kind: "blocked" });
    });
  }

  #close(context: Context<ConnectionMessage>): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    context.effect(() => this.#connection.end());
  }

  // Time.

  #setDeadline(context: Context<ConnectionMessage>): void {
    this.#deadline = this.#nextDeadline(context.now());
    if (this.#timer !== undefined && this.#timer.at <= this.#deadline) return;
    if (this.#timer !== undefined) context.cancel(this.#timer.handle);
    this.#timer = undefined;
    if (this.#deadline === Infinity) return;
    const handle = context.timer(Math.max(0, this.#deadline - context.now()), { kind: "deadline" });
    this.#timer = { handle, at: this.#deadline };
  }

  #nextDeadline(now: number): number {
    const packetMs = this.#service.settings.MaxPacketRetrievalTimeSeconds * 1000;
    switch (this.#phase) {
      case "working":
        return Infinity;
      case "lingering": {
        const longest = this.#messageSince! + packetMs;
        return this.#blocked ? longest : Math.min(longest, this.#lingerSince + lingerMs);
      }
      case "closed":
        return now + lingerMs;
      default: {
        const patience = this.#options.refused ? refusedTimeoutMs : logonTimeoutMs;
        const first = this.#loggedOn ? Infinity : this.#openedAt + patience;
        if (this.#messageSince !== undefined) return Math.min(first, this.#messageSince + packetMs);
        if (this.#blocked) return now + packetMs;
        return Math.min(first, now + idleTimeoutMs);
      }
    }
  }

  #tooLate(context: Context<ConnectionMessage>): void {
    if (this.#phase === "idle" && this.#messageSince === undefined && !this.#blocked) {
      return this.#close(context);
    }
    if ((this.#phase === "idle" || this.#phase === "body") && !this.#blocked) {
      return this.#refuse(408, "the request did not arrive in time", context);
    }
    this.#abort(context);
  }

  #abort(context: Context<ConnectionMessage>): void {
    this.#phase = "closed";
    context.effect(() => this.#connection.abort());
  }

  // Small things.

  get #maxEnvelope(): number {
    return this.#service.settings.MaxEnvelopeSizekb * 1024;
  }

  get #peer(): string {
    const { remoteAddress, remotePort } = this.#facts!;
    return remoteAddress.includes(":")
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`;
  }

  /** On TLS, or where the operator has allowed it. */
  get #plainAllowed(): boolean {
    return this.#facts?.tls !== undefined || this.#service.allowUnencrypted;
  }

  get #offered(): readonly ServiceAuth[] {
    const { auth, security } = this.#service;
    return auth.filter((offer) => {
      if (offer === "basic") return this.#plainAllowed;
      if (offer === "certificate") {
        return this.#facts?.tls !== undefined && security.checkCertificate !== undefined;
      }
      return dialogues.some((scheme) => authOf[scheme] === offer && security[acceptOf[scheme]] !== undefined);
    });
  }

  /** A completion may come after its exchange was given up. */
  #current(exchange: Exchange): boolean {
    return this.#exchange === exchange;
  }

  #tell(event: ServiceEvent, context: Context<ConnectionMessage>): void {
    const { onEvent } = this.#service;
    if (onEvent !== undefined) context.effect(() => onEvent(event));
  }
}
