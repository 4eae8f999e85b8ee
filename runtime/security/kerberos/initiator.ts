/** The client's side of Kerberos (RFC 4121). @module */
import { type ContextStep, GssFlag, type GssLibrary } from "../../../ffi/gssapi/mod.ts";
import { readKerberosError } from "../../../protocol/auth/mod.ts";
import { systemClock } from "../../clock.ts";
import { DeniedError, ProtocolError } from "../../../protocol/errors.ts";
import { andThen, type Sooner } from "../sooner.ts";
import { KerberosContext, type Progress } from "./context.ts";
import type { Credentials, CredentialSource } from "./credentials.ts";
import { answerError, serviceClockError, serviceRefusal } from "./errors.ts";
import type { ServiceRequest, ServiceTicket } from "./service_ticket.ts";

/** One logon to one service. */
export interface KerberosLogon {
  /** Who logs on. */
  readonly source: CredentialSource;
  /** Class of the service's principal name: `HTTP`, `HOST` or `WSMAN`. */
  readonly service: string;
  /** Host in the service's principal name. */
  readonly host: string;
  /** Whether the service may act as us on other machines (the ticket is handed on, where the KDC allows it). */
  readonly delegate: boolean;
  /** `tls-server-end-point` and its hash, over TLS. */
  readonly bindings: Uint8Array | undefined;
}

/** Without these there is no proof of the service, and no order and secrecy of messages. */
const required = GssFlag.mutual | GssFlag.replay | GssFlag.sequence | GssFlag.confidentiality |
  GssFlag.integrity;

/** KRB_AP_ERR_TKT_NYV (the ticket is of the future) and KRB_AP_ERR_SKEW (RFC 4120 section 7.5.9). */
const ofClocks: readonly number[] = [33, 37];

/** To whom, and how. */
interface Begun {
  readonly ticket: ServiceTicket;
  readonly request: ServiceRequest;
}

/** A logon. */
export class KerberosInitiator extends KerberosContext {
  readonly principal = undefined;
  protected readonly action: string;
  readonly #credentials: Credentials;
  readonly #logon: KerberosLogon;
  readonly #service: string;
  #begun: Begun | undefined;

  /** Prepares a logon; nobody is asked yet. */
  constructor(library: GssLibrary, credentials: Credentials, logon: KerberosLogon) {
    super(library);
    this.#credentials = credentials;
    this.#logon = logon;
    this.#service = `${logon.service}/${logon.host}`;
    this.action = `authenticate to ${this.#service} with Kerberos`;
  }

  override dispose(): void {
    super.dispose();
    this.#begun = undefined;
  }

  protected take(token: Uint8Array | undefined): Sooner<Progress> {
    const begun = this.#begun;
    if ((begun === undefined) === (token !== undefined && token.length > 0)) {
      throw new ProtocolError(
        "KerberosOutOfOrder",
        `${this.action}: the service's token came out of its turn`,
      );
    }
    const told = token === undefined ? undefined : readKerberosError(token);
    if (told !== undefined) {
      throw ofClocks.includes(told.code)
        ? serviceClockError(this.action, told.serverTime, systemClock.now())
        : serviceRefusal(this.action, told.code);
    }
    return begun === undefined
      ? andThen(this.#begin(), (now) => this.#first(now))
      : this.#later(begun, token);
  }

  #begin(): Sooner<Begun> {
    const { source, host, delegate, bindings } = this.#logon;
    const flags = required | (delegate ? GssFlag.delegate : 0);
    const request = { flags, bindings };
    return andThen(
      this.#credentials.login(source),
      (login) => andThen(login.service(this.#service, host), (ticket) => ({ ticket, request })),
    );
  }

  #first(begun: Begun): Sooner<Progress> {
    this.#begun = begun;
    const step = begun.ticket.first(this.gss, begun.request, this.#logon.delegate);
    return andThen(step, (outcome) => this.#progress(outcome));
  }

  #later({ ticket, request }: Begun, token: Uint8Array | undefined): Sooner<Progress> {
    const failed = (error: unknown) => {
      throw answerError(error, this.action);
    };
    let step: Sooner<ContextStep>;
    try {
      step = ticket.later(this.gss, request, token);
    } catch (error) {
      return failed(error);
    }
    const answered = step instanceof Promise ? step.catch(failed) : step;
    return andThen(answered, (outcome) => this.#progress(outcome));
  }

  #progress(step: ContextStep): Progress {
    const { delegate } = this.#logon;
    if (!step.complete) return { kind: "continue", token: step.token };
    if (delegate && (this.gss.flags & GssFlag.delegate) === 0) {
      throw new DeniedError(
        "KerberosNotDelegated",
        `${this.action}: there is no ticket to hand on to the service; the KDC must allow it, and krb5.conf or kinit ` +
          "ask for it (forwardable)",
      );
    }
    if ((this.gss.flags & required) !== required || !this.gss.canWrap) {
      throw new ProtocolError(
        "KerberosWeak",
        `${this.action}: the service proves nothing of itself, or its cipher is older than AES`,
      );
    }
    this.lastsFor(step.ticketSeconds);
    return step.token.length === 0 ? { kind: "done" } : { kind: "done", token: step.token };
  }
}
