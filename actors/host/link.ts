/**
 * A link: one connection to one host, authenticated, that carries one exchange at a time.
 *
 * Its owner is the session. It tells the session when it is ready for an exchange and answers each exchange straight to
 * whoever asked. A broken or unclear connection is never used again: the link says so, hands back what was already on its
 * way to it, and ends when the owner says `close`.
 * @module
 */
import { DeniedError, DroverError, NetworkError, ProtocolError } from "../../protocol/errors.ts";
import type { DigestSession } from "../../protocol/auth/mod.ts";
import {
  type AuthChallenge,
  HttpError,
  type HttpEvent,
  type HttpHeaders,
  HttpResponseParser,
  parseChallenges,
} from "../../protocol/http/mod.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import type {
  ActorRef,
  Behaviour,
  ChildSpec,
  Context,
  ReplyTo,
  StopReason,
  TimerHandle,
} from "../kernel/actor.ts";
import type {
  Connection,
  ConnectionEvents,
  ConnectionFacts,
  Connector,
  ExchangeNote,
  ExchangeObserver,
} from "../ports.ts";
import type { BudgetMessage, SpareMessage } from "./budget.ts";
import {
  asDroverError,
  authorizedRequest,
  plainRequests,
  type RequestForm,
  ResponseReader,
  sealedRequests,
  tokenRequest,
} from "./client_http.ts";
import { DigestExchange } from "./digest_exchange.ts";
import {
  closedBy,
  closedDuringLogon,
  closedError,
  isUsedUp,
  noPlace,
  overdue,
  refusedLogon,
  schemesOf,
} from "./link_errors.ts";
import type { ExchangeOutcome } from "./exchange.ts";
import { isRepeated, type MayRepeat } from "./refused.ts";
import { type LogonUsed, logonUsed } from "./logon.ts";
import type { SealingScheme } from "../../protocol/sealing/mod.ts";
import type { HostTarget } from "./target.ts";

/** Messages that a link takes. All but `exchange` and `close` are completions of its own effects. */
export type LinkMessage =
  | {
    readonly kind: "exchange";
    readonly envelope: Uint8Array;
    readonly deadlineMs: number;
    /** Whether it goes to another link when this one is told in mid-connection that its logon has ended (401); default `never`. */
    readonly mayRepeat?: MayRepeat;
    readonly replyTo: ReplyTo<ExchangeOutcome>;
    /** Who is told of it, and what; absent: nobody. */
    readonly observed?: Observed | undefined;
  }
  | { readonly kind: "close" }
  /** There is a place for the connection; `late`: there was none in time. */
  | { readonly kind: "place"; readonly late: boolean }
  | { readonly kind: "opened"; readonly facts: ConnectionFacts }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "ended" }
  | { readonly kind: "closed"; readonly error: NetworkError | undefined }
  | { readonly kind: "stepped"; readonly outcome: SecurityStep }
  | { readonly kind: "overdue"; readonly during: "authentication" | "exchange" };

/** An exchange that somebody observes. */
export interface Observed extends Pick<ExchangeNote, "operation" | "place" | "waitedMs"> {
  readonly observer: ExchangeObserver;
}

/** What a link tells its session. */
export type LinkReport =
  /** Ready for the next exchange. */
  | {
    readonly kind: "linkIdle";
    readonly link: ActorRef<LinkMessage>;
    /** What the logon is with; absent: nothing. */
    readonly logon?: LogonUsed | undefined;
  }
  /** It was ready, and takes no further exchange; its last one was answered. */
  | { readonly kind: "linkClosed"; readonly link: ActorRef<LinkMessage> }
  /**
   * An exchange met a connection that was just closed, or a logon that has ended after others went well (`logonEnded`): it was not
   * processed. Comes after `linkClosed`.
   */
  | { readonly kind: "linkRefused"; readonly link: ActorRef<LinkMessage>; readonly logonEnded?: boolean }
  /** It never became ready. */
  | { readonly kind: "linkFailed"; readonly link: ActorRef<LinkMessage>; readonly error: DroverError };

/** Where a link asks for the place of its connection, and for whom. */
export interface PlaceRequest {
  readonly budget: ActorRef<BudgetMessage>;
  readonly session: ActorRef<SpareMessage>;
  /** For Signal or Delete. */
  readonly urgent: boolean;
}

type State = "waiting" | "connecting" | "authenticating" | "idle" | "busy" | "closing";

/** The envelope's limit bounds a body. */
const httpLimits = Object.freeze({ maxBodyBytes: Infinity });

/** Largest body that is taken while authenticating, where none is due. */
const maxAuthenticationBody = 65_536;

/**
 * An answer that is still arriving at its deadline is waited for while it brings this much, for as long as its asker waits: a
 * large one takes its time on a thin line.
 */
const leastBytesPerMs = 1;

interface Exchange {
  readonly replyTo: ReplyTo<ExchangeOutcome>;
  readonly mayRepeat: MayRepeat;
  readonly reader: ResponseReader;
  timer: TimerHandle;
  /** Bytes of the answer since `timer` was set. */
  arrived: number;
  readonly observed: Observed | undefined;
  /** Monotonic milliseconds at which it was sent. */
  readonly since: number;
  /** Of a host that is logged on to with Digest. */
  readonly digest: DigestExchange | undefined;
  /** The answer only gives another nonce. */
  again: boolean;
}

/** A link to `target` that reports to `session`; with `place` it connects only when its fleet has room for a connection. */
export function link(
  target: HostTarget,
  connector: Connector,
  session: ActorRef<LinkReport>,
  place?: PlaceRequest,
): ChildSpec<LinkMessage> {
  return {
    label: "link",
    start: (context) => new Link(target, connector, session, place, context),
    mailbox: { capacity: 64, overflow: "wait" },
  };
}

/** What a connection tells its link: an object for each link, where closures would be five. */
class LinkEvents implements ConnectionEvents {
  readonly #post: (message: LinkMessage) => void;

  constructor(post: (message: LinkMessage) => void) {
    this.#post = post;
  }

  onOpen(facts: ConnectionFacts): void {
    this.#post({ kind: "opened", facts });
  }

  onData(bytes: Uint8Array): void {
    this.#post({ kind: "data", bytes });
  }

  onEnd(): void {
    this.#post({ kind: "ended" });
  }

  onDrain(): void {}

  onClosed(error: NetworkError | undefined): void {
    this.#post({ kind: "closed", error });
  }
}

class Link implements Behaviour<LinkMessage> {
  readonly #target: HostTarget;
  readonly #connector: Connector;
  readonly #session: ActorRef<LinkReport>;
  readonly #parser = new HttpResponseParser(httpLimits);
  #connection: Connection | undefined;
  #state: State = "waiting";
  #security: SecurityContext | undefined;
  #digest: DigestSession | undefined;
  /** Made with the first exchange. */
  #form: RequestForm | undefined;
  #authResponse: { status: number; headers: HttpHeaders; keepAlive: boolean; body: number } | undefined;
  #exchange: Exchange | undefined;
  #authenticationTimer: TimerHandle | undefined;
  #keepAlive = true;
  /** The service closes the connection behind the last token of its dialogue. */
  #refused = false;
  /** Monotonic milliseconds from which to which the logon holds; `undefined`: as long as the connection. */
  #logon: { readonly since: number; readonly until: number } | undefined;
  #used: LogonUsed | undefined;
  /** An exchange was answered: the service has taken the logon. */
  #proven = false;
  /** Inside an interim response (1xx), which means nothing here. */
  #interim = false;

  constructor(
    target: HostTarget,
    connector: Connector,
    session: ActorRef<LinkReport>,
    place: PlaceRequest | undefined,
    context: Context<LinkMessage>,
  ) {
    this.#target = target;
    this.#connector = connector;
    this.#session = session;
    if (place === undefined) this.#connect(context);
    else {
      const { budget, ...request } = place;
      context.ask<BudgetMessage, undefined>(
        budget,
        (replyTo) => ({ kind: "acquire", link: context.self, ...request, replyTo }),
        target.connect.timeoutMs,
        (outcome) => ({ kind: "place", late: outcome.kind === "timedOut" }),
      );
    }
  }

  #connect(context: Context<LinkMessage>): void {
    this.#state = "connecting";
    context.effect((post) => {
      this.#connection = this.#connector.connect(this.#target.connect, new LinkEvents(post));
    });
  }

  handle(message: LinkMessage, context: Context<LinkMessage>): void {
    switch (message.kind) {
      case "data":
        this.#data(message.bytes, context);
        return;
      case "exchange":
        this.#begin(message, context);
        return;
      case "place":
        if (this.#closing) return;
        if (message.late) this.#fail(noPlace(this.#target), context);
        else this.#connect(context);
        return;
      case "opened":
        this.#opened(message.facts, context);
        return;
      case "stepped":
        this.#stepped(message.outcome, context);
        return;
      case "ended":
        this.#inputEnded(context);
        return;
      case "closed":
        this.#fail(closedBy(message.error), context);
        return;
      case "overdue":
        this.#overdue(message.during, context);
        return;
      case "close":
        this.#fail(closedError(), context);
        context.stop();
        return;
    }
  }

  stopped(_reason: StopReason, context: Context<LinkMessage>): void {
    if (this.#exchange !== undefined) {
      this.#observe(this.#exchange, { outcome: "failed", code: "Stopped" }, context);
    }
    this.#connection?.abort();
    this.#security?.dispose();
  }

  describe(): string {
    return this.#state;
  }

  #opened(facts: ConnectionFacts, context: Context<LinkMessage>): void {
    if (this.#state === "closing") return;
    context.effect(() => this.#connection?.resume());
    const authentication = this.#target.authentication;
    if (authentication.kind !== "negotiate" && authentication.kind !== "digest") {
      this.#ready(context);
      return;
    }
    this.#state = "authenticating";
    this.#authenticationTimer = context.timer(this.#target.connect.timeoutMs, {
      kind: "overdue",
      during: "authentication",
    });
    if (authentication.kind === "digest") {
      this.#digest = authentication.session(context.random);
      this.#write(authorizedRequest(this.#target, undefined, new Uint8Array(0)), context);
      return;
    }
    // The steps run outside of handlers, where a context has no time; a dialogue is over in moments.
    const wallNow = context.wallNow();
    this.#security = authentication.initiator(facts, context.random, () => wallNow);
    this.#step(undefined, context);
  }

  #step(token: Uint8Array | undefined, context: Context<LinkMessage>): void {
    const security = this.#security!;
    context.effect((post) => security.step(token, (outcome) => post({ kind: "stepped", outcome })));
  }

  #stepped(outcome: SecurityStep, context: Context<LinkMessage>): void {
    if (this.#state !== "authenticating") return;
    if (outcome.kind === "failed") {
      this.#fail(outcome.error, context);
      return;
    }
    if (this.#refused) return this.#fail(closedDuringLogon(), context);
    if (outcome.token === undefined) {
      this.#ready(context);
      return;
    }
    this.#write(tokenRequest(this.#target, this.#scheme, outcome.token), context);
  }

  get #scheme(): SealingScheme {
    const { authentication } = this.#target;
    return authentication.kind === "negotiate" ? authentication.scheme : "Negotiate";
  }

  #ready(context: Context<LinkMessage>): void {
    this.#state = "idle";
    const lifetimeMs = this.#security?.lifetimeMs;
    if (lifetimeMs !== undefined) {
      this.#logon ??= { since: context.now(), until: context.now() + lifetimeMs };
    }
    if (this.#authenticationTimer !== undefined) context.cancel(this.#authenticationTimer);
    this.#authenticationTimer = undefined;
    this.#used ??= logonUsed(this.#target.authentication.kind, this.#security);
    context.send(this.#session, { kind: "linkIdle", link: context.self, logon: this.#used });
  }

  #begin(message: Extract<LinkMessage, { kind: "exchange" }>, context: Context<LinkMessage>): void {
    if (this.#state !== "idle") {
      // The session and a dying connection crossed.
      context.send(this.#session, { kind: "linkRefused", link: context.self });
      return;
    }
    if (this.#endsWithin(message.deadlineMs, context)) return this.#handBack(context);
    const authentication = this.#target.authentication;
    const sealing = authentication.kind === "negotiate" && authentication.seal
      ? { context: this.#security!, scheme: authentication.scheme }
      : undefined;
    const limit = Math.max(this.#target.maxEnvelopeSize, 153_600) * 4;
    this.#state = "busy";
    const digest = this.#digest === undefined
      ? undefined
      : new DigestExchange(this.#digest, this.#target, message.envelope);
    this.#exchange = {
      replyTo: message.replyTo,
      mayRepeat: message.mayRepeat ?? "never",
      reader: new ResponseReader(sealing, limit, authentication.kind === "basic" ? "Basic" : undefined),
      timer: context.timer(message.deadlineMs, { kind: "overdue", during: "exchange" }),
      arrived: 0,
      observed: message.observed,
      since: context.now(),
      digest,
      again: false,
    };
    if (message.observed !== undefined) {
      const { observer } = message.observed;
      context.effect(() => observer.exchangeBegan());
    }
    if (digest !== undefined) {
      this.#write(digest.write(), context);
      return;
    }
    this.#form ??= sealing === undefined
      ? plainRequests(this.#target)
      : sealedRequests(this.#target, sealing);
    let bytes: Uint8Array;
    try {
      bytes = this.#form.write(message.envelope);
    } catch (error) {
      const typed = asDroverError(error, "SealFailed", "seal message");
      if (isUsedUp(typed)) this.#handBack(context);
      else this.#fail(typed, context, false);
      return;
    }
    this.#write(bytes, context);
  }

  /**
   * Whether the logon ends before an answer is there: the service could not seal that any more. A logon that is short is used for half
   * of its time all the same, and every one for an exchange.
   */
  #endsWithin(ms: number, context: Context<LinkMessage>): boolean {
    if (this.#logon === undefined || !this.#proven) return false;
    const { since, until } = this.#logon;
    return context.now() >= until - Math.min(ms, (until - since) / 2);
  }

  /** Gives an exchange that was not processed back to the session, for another link. */
  #handBack(context: Context<LinkMessage>): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      context.cancel(exchange.timer);
      this.#observe(exchange, { outcome: "failed", code: "LogonEnded" }, context);
      this.#exchange = undefined;
    }
    this.#fail(closedError(), context);
    context.send(this.#session, { kind: "linkRefused", link: context.self, logonEnded: this.#proven });
  }

  #write(bytes: Uint8Array, context: Context<LinkMessage>): void {
    this.#parser.expect("POST");
    // A request is bounded by the envelope size, and the next one waits for its answer: no need to wait for a drain.
    context.effect(() => this.#connection?.write(bytes));
  }

  #overdue(during: "authentication" | "exchange", context: Context<LinkMessage>): void {
    const exchange = this.#exchange;
    const { networkDelayMs } = this.#target;
    if (exchange === undefined || exchange.arrived < networkDelayMs * leastBytesPerMs) {
      const pending = during === "authentication" ? this.#security?.pending : undefined;
      this.#fail(pending ?? overdue(during), context);
      return;
    }
    exchange.arrived = 0;
    exchange.timer = context.timer(networkDelayMs, { kind: "overdue", during });
  }

  #data(bytes: Uint8Array, context: Context<LinkMessage>): void {
    if (this.#state === "closing") return;
    if (this.#exchange !== undefined) this.#exchange.arrived += bytes.length;
    try {
      for (const event of this.#parser.push(bytes)) this.#event(event, context);
    } catch (error) {
      this.#beforeFault(error, context);
      this.#fail(asDroverError(error, "BadAnswer", "read answer"), context);
      return;
    }
    if (!this.#closing) context.effect(() => this.#connection?.resume());
  }

  /** As a getter, so that it is read again after a call that may have changed it. */
  get #closing(): boolean {
    return this.#state === "closing";
  }

  /** What was complete before the fault in the same bytes still counts. */
  #beforeFault(error: unknown, context: Context<LinkMessage>): void {
    if (!(error instanceof HttpError)) return;
    try {
      for (const event of error.events) this.#event(event, context);
    } catch {
      // The first fault is the one to report.
    }
  }

  #inputEnded(context: Context<LinkMessage>): void {
    if (this.#state === "closing") return;
    try {
      for (const event of this.#parser.endOfInput()) this.#event(event, context);
    } catch (error) {
      this.#fail(
        new NetworkError(
          "ConnectionClosed",
          "read answer: the service closed the connection in the middle of it",
          {
            cause: error,
          },
        ),
        context,
      );
      return;
    }
    // A port that speaks another protocol closes at our first words.
    const advice = this.#state === "authenticating"
      ? "; check the port, and whether it is HTTP or HTTPS (--ssl)"
      : "";
    this.#fail(
      new NetworkError("ConnectionClosed", `wait for the answer: the service closed the connection${advice}`),
      context,
    );
  }

  #event(event: HttpEvent, context: Context<LinkMessage>): void {
    if (event.kind === "response") {
      this.#interim = event.interim;
      if (!event.interim) this.#keepAlive = event.keepAlive;
    }
    if (this.#interim) return;
    if (this.#state === "authenticating") {
      this.#authEvent(event, context);
      return;
    }
    const exchange = this.#exchange;
    if (exchange === undefined) {
      throw new ProtocolError("HttpUnexpectedResponse", "read answer: it came without a request");
    }
    if (exchange.digest !== undefined && this.#renewed(exchange, exchange.digest, event, context)) return;
    const outcome = exchange.reader.event(event);
    if (outcome === undefined) return;
    // The service has taken this logon before, and takes it no more: it has ended, or its account has changed.
    if (
      exchange.reader.status === 401 && this.#proven && this.#security !== undefined &&
      isRepeated(exchange.mayRepeat, this.#target, this.#logon?.until, context.now())
    ) return this.#handBack(context);
    const { onLogon } = this.#target;
    const used = this.#used;
    if (!this.#proven && outcome.kind !== "failed" && used !== undefined && onLogon !== undefined) {
      context.effect(() => onLogon(used));
    }
    this.#proven = true;
    this.#exchange = undefined;
    context.cancel(exchange.timer);
    context.reply(exchange.replyTo, outcome);
    this.#observe(exchange, noted(outcome), context);
    const refused = outcome.kind === "failed";
    if (this.#keepAlive && !refused) this.#ready(context);
    else this.#fail(closedError(), context);
  }

  /** Whether an event belongs to an answer that only gives another nonce; with its end the request is written once more. */
  #renewed(
    exchange: Exchange,
    digest: DigestExchange,
    event: HttpEvent,
    context: Context<LinkMessage>,
  ): boolean {
    if (event.kind === "response") {
      exchange.again = event.keepAlive && digest.renews(event.status, event.headers);
      if (!exchange.again) digest.confirm(event.status, event.headers);
    }
    if (!exchange.again) return false;
    if (event.kind === "end") {
      exchange.again = false;
      this.#write(digest.write(), context);
    }
    return true;
  }

  #authEvent(event: HttpEvent, context: Context<LinkMessage>): void {
    if (event.kind === "response") {
      this.#authResponse = {
        status: event.status,
        headers: event.headers,
        keepAlive: event.keepAlive,
        body: 0,
      };
      return;
    }
    const response = this.#authResponse;
    if (response === undefined) return;
    if (event.kind === "body") {
      response.body += event.bytes.length;
      if (response.body > maxAuthenticationBody) {
        throw new ProtocolError("HttpTooLarge", "authenticate: the answer carries more than 64 KB");
      }
      return;
    }
    this.#authResponse = undefined;
    this.#authenticated(response.status, response.headers, response.keepAlive, context);
  }

  /** Decides on one answer of the dialogue ([MS-WSMV] 3.1.4.1, RFC 4559 section 4). */
  #authenticated(
    status: number,
    headers: HttpHeaders,
    keepAlive: boolean,
    context: Context<LinkMessage>,
  ): void {
    const offers = parseChallenges(headers.getAll("www-authenticate"));
    if (this.#digest !== undefined) {
      this.#challenged(this.#digest, status, offers, keepAlive, context);
      return;
    }
    const answer = offers.find((offer) =>
      offer.token !== undefined && /^(negotiate|kerberos|credssp)$/i.test(offer.scheme)
    );
    const token = answer?.token === undefined ? undefined : decodeToken(answer.token);
    if (status === 401) {
      if (token === undefined || this.#security!.established) {
        this.#fail(refusedLogon(this.#scheme, offers), context);
      } else {
        // The last word of a service that has refused may still say why.
        this.#refused = !keepAlive;
        this.#step(token, context);
      }
      return;
    }
    if (status === 403) {
      this.#fail(
        new DeniedError("Forbidden", "authenticate: the account may not use this service (HTTP 403)"),
        context,
      );
      return;
    }
    if (status >= 300 || !keepAlive) {
      this.#fail(
        new ProtocolError(`Http${status}`, `authenticate: the service answered HTTP ${status}`),
        context,
      );
      return;
    }
    if (token !== undefined && !this.#security!.established) this.#step(token, context);
    else if (this.#security!.established) this.#ready(context);
    else {
      this.#fail(
        new ProtocolError(
          "AuthenticationIncomplete",
          "authenticate: the service ended the dialogue before it was complete",
        ),
        context,
      );
    }
  }

  /** What a service that wants Digest answers to a request without credentials. */
  #challenged(
    digest: DigestSession,
    status: number,
    offers: readonly AuthChallenge[],
    keepAlive: boolean,
    context: Context<LinkMessage>,
  ): void {
    if (status !== 401 || !digest.take(offers)) {
      const found = status === 401
        ? `it offers ${schemesOf(offers)}`
        : `it answers HTTP ${status} without a challenge`;
      this.#fail(
        new DeniedError("DigestNotOffered", `authenticate: the service does not ask for Digest: ${found}`),
        context,
      );
    } else if (keepAlive) this.#ready(context);
    else this.#fail(closedDuringLogon(), context);
  }

  #observe(
    { observed, reader, since }: Exchange,
    outcome: Pick<ExchangeNote, "outcome" | "code">,
    context: Context<LinkMessage>,
  ): void {
    if (observed === undefined) return;
    const { observer, operation, place, waitedMs } = observed;
    const note: ExchangeNote = {
      operation,
      place,
      waitedMs,
      to: this.#target.connect,
      durationMs: context.now() - since,
      httpStatus: reader.status,
      ...outcome,
    };
    context.effect(() => observer.exchangeEnded(note));
  }

  /** The connection can carry nothing more. `sent`: bytes of the exchange may have reached the service. */
  #fail(error: DroverError, context: Context<LinkMessage>, sent = true): void {
    if (this.#state === "closing") return;
    const exchange = this.#exchange;
    const ready = this.#state === "idle" || this.#state === "busy";
    this.#state = "closing";
    this.#exchange = undefined;
    if (exchange !== undefined) {
      context.cancel(exchange.timer);
      context.reply(exchange.replyTo, { kind: "failed", error, sent });
      this.#observe(exchange, { outcome: "failed", code: error.code }, context);
    }
    if (this.#authenticationTimer !== undefined) context.cancel(this.#authenticationTimer);
    this.#authenticationTimer = undefined;
    context.effect(() => this.#connection?.abort());
    if (ready) context.send(this.#session, { kind: "linkClosed", link: context.self });
    else context.send(this.#session, { kind: "linkFailed", link: context.self, error });
  }
}

function noted(outcome: ExchangeOutcome): Pick<ExchangeNote, "outcome" | "code"> {
  const { kind } = outcome;
  if (kind === "answered") return { outcome: kind, code: undefined };
  return { outcome: kind, code: (kind === "fault" ? outcome.fault : outcome.error).code };
}

function decodeToken(token: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(token);
  } catch (error) {
    throw new ProtocolError("BadToken", "authenticate: the token of the service is no base64", {
      cause: error,
    });
  }
}
