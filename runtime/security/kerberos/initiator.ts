/** The client's side of Kerberos (RFC 4121). @module */
import { GssFlag, type GssLibrary, type Handle, principalName } from "../../../ffi/gssapi/mod.ts";
import { DeniedError, ProtocolError } from "../../../protocol/errors.ts";
import type { SecurityStep } from "../../../protocol/ports.ts";
import { KerberosContext } from "./context.ts";
import type { Credentials, CredentialSource, Login } from "./credentials.ts";
import { answerError } from "./errors.ts";

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

/** A logon. */
export class KerberosInitiator extends KerberosContext {
  readonly principal = undefined;
  protected readonly action: string;
  readonly #library: GssLibrary;
  readonly #credentials: Credentials;
  readonly #logon: KerberosLogon;
  readonly #service: string;
  #begun: { readonly login: Login; readonly target: Handle } | undefined;

  /** Prepares a logon; nobody is asked yet. */
  constructor(library: GssLibrary, credentials: Credentials, logon: KerberosLogon) {
    super(library);
    this.#library = library;
    this.#credentials = credentials;
    this.#logon = logon;
    this.#service = `${logon.service}/${logon.host}`;
    this.action = `authenticate to ${this.#service} with Kerberos`;
  }

  override dispose(): void {
    super.dispose();
    this.#begun?.target[Symbol.dispose]();
    this.#begun = undefined;
  }

  protected async take(token: Uint8Array | undefined): Promise<Exclude<SecurityStep, { kind: "failed" }>> {
    const first = this.#begun === undefined;
    if (first === (token !== undefined && token.length > 0)) {
      throw new ProtocolError(
        "KerberosOutOfOrder",
        `${this.action}: the service's token came out of its turn`,
      );
    }
    const { login, target } = this.#begun ??= await this.#begin();
    const { delegate, bindings } = this.#logon;
    const flags = required | (delegate ? GssFlag.delegate : 0);
    // A ticket that is handed on is asked for with each logon.
    const step = first
      ? await login.first(
        this.#service,
        (credential, inPlace) =>
          this.gss.initiate({ credential, target, flags, bindings }, undefined, inPlace && !delegate),
      )
      : await login.later((credential, inPlace) =>
        this.gss.initiate({ credential, target, flags, bindings }, token, inPlace)
      ).catch((error) => {
        throw answerError(error, this.action);
      });
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

  async #begin(): Promise<{ readonly login: Login; readonly target: Handle }> {
    const login = await this.#credentials.login(this.#logon.source);
    // The name is taken as it is: no DNS has a say in who the service is. Without a realm in krb5.conf the KDC refers us to it.
    const realm = await login.realmOf(this.#logon.host);
    return { login, target: principalName(this.#library, `${this.#service}@${realm}`) };
  }
}
