/** The service's side of Kerberos (RFC 4121). @module */
import {
  type AcceptorSpec,
  type ContextStep,
  Credential,
  type GssContext,
  GssFlag,
  type GssLibrary,
} from "../../../ffi/gssapi/mod.ts";
import { type AccessToken, readLogonInfo } from "../../../protocol/access/mod.ts";
import { isKerberosToken } from "../../../protocol/auth/mod.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import { systemClock } from "../../clock.ts";
import { andThen, type Sooner } from "../sooner.ts";
import { KerberosContext, type Progress } from "./context.ts";
import { kerberosError } from "./errors.ts";

/** The keys of a service. */
export class ServiceKeys {
  /** The library that reads them. */
  readonly library: GssLibrary;
  /** Accepts tickets for every principal of the file. */
  readonly credential: Credential;

  /** Monotonic milliseconds until which steps run on other threads. */
  #slowUntil = 0;
  /** Slow steps one after the other. A single one says nothing: other processes may have had the processor. */
  #slowSteps = 0;

  private constructor(library: GssLibrary, credential: Credential) {
    this.library = library;
    this.credential = credential;
  }

  /**
   * Opens a keytab.
   *
   * @throws UsageError `KerberosKeytab` and others, when there is none, or none that can be read
   */
  static async open(library: GssLibrary, file: string): Promise<ServiceKeys> {
    try {
      return new ServiceKeys(
        library,
        await Credential.fromStore(library, "accept", { keytab: `FILE:${file}` }),
      );
    } catch (error) {
      throw kerberosError(error, `open keytab ${file}`);
    }
  }

  /**
   * Runs a step. It asks no KDC, and reads no more than the keytab and the replay cache: done in place it costs half of what it does
   * on another thread. Where these files turn out to be slow (on a network, on a sick disk), the steps after it leave the event loop.
   */
  accept(context: GssContext, spec: AcceptorSpec, token: Uint8Array): Sooner<ContextStep> {
    const begin = systemClock.monotonic();
    if (begin < this.#slowUntil) return context.acceptElsewhere(spec, token);
    try {
      return context.accept(spec, token);
    } finally {
      const end = systemClock.monotonic();
      this.#slowSteps = end - begin > slowMs ? this.#slowSteps + 1 : 0;
      if (this.#slowSteps >= 2) this.#slowUntil = end + avoidedMs;
    }
  }
}

/** The name under which MIT's library has the logon information of a PAC ([MS-PAC] 2.5) that the KDC has signed with our key. */
const logonInfo = "urn:mspac:logon-info";

/** Milliseconds of a step that files must have held up: by itself it takes a tenth of one. */
const slowMs = 20;
/** Milliseconds for which steps leave the event loop then. */
const avoidedMs = 60_000;

/** One logon that is accepted. */
export class KerberosAcceptor extends KerberosContext {
  protected readonly action = "accept Kerberos logon";
  readonly #keys: ServiceKeys;
  readonly #bindings: Uint8Array | undefined;
  #names: { readonly source: string; readonly target: string } | undefined;
  #domainToken: AccessToken | undefined;

  /** `bindings`: `tls-server-end-point` and its hash, over TLS. A client that binds its logon must have bound it to this. */
  constructor(keys: ServiceKeys, bindings: Uint8Array | undefined) {
    super(keys.library);
    this.#keys = keys;
    this.#bindings = bindings;
  }

  /** `name@REALM`. */
  get principal(): string | undefined {
    return this.established ? this.#names?.source : undefined;
  }

  /** The account's name in the service's own realm; `undefined` for principals of other realms and for those of several parts. */
  get localName(): string | undefined {
    if (!this.established || this.#names === undefined) return undefined;
    const { source, target } = this.#names;
    const at = source.lastIndexOf("@");
    const name = source.slice(0, at);
    const realm = target.slice(target.lastIndexOf("@") + 1);
    // A backslash quotes a character that would mean something else: no account is named so.
    return at > 0 && source.slice(at + 1) === realm && !/[\\/@]/.test(name) ? name : undefined;
  }

  /** Who the client is in its Windows domain, with its groups; `undefined`: the ticket has no such information that the KDC has signed. */
  get domainToken(): AccessToken | undefined {
    return this.established ? this.#domainToken : undefined;
  }

  /** Whether the client has bound its logon to this TLS connection. */
  get channelBound(): boolean {
    return this.established && (this.gss.flags & GssFlag.channelBound) !== 0;
  }

  /** Whether the client has handed tickets over, to act as itself on other machines. */
  get hasTickets(): boolean {
    return this.established && this.gss.delegated !== undefined;
  }

  /**
   * Writes the tickets that the client has handed over to a cache.
   *
   * @throws DroverError also when the logon has ended meanwhile: they go with it
   */
  copyTickets(cache: string): void {
    try {
      this.gss.delegated?.copyTo(this.#keys.library, { ccache: cache });
    } catch (error) {
      throw kerberosError(error, "keep delegated tickets");
    }
  }

  protected take(token: Uint8Array | undefined): Sooner<Progress> {
    if (token === undefined || !isKerberosToken(token)) {
      throw new ProtocolError("KerberosMalformed", `${this.action}: the token is not one of Kerberos`);
    }
    const spec = { credential: this.#keys.credential, bindings: this.#bindings };
    return andThen(this.#keys.accept(this.gss, spec, token), (step) => this.#accepted(step));
  }

  #accepted(step: ContextStep): Progress {
    if (!step.complete) {
      throw new ProtocolError(
        "KerberosOutOfOrder",
        `${this.action}: the client wants more steps than there are`,
      );
    }
    const { attribute, ...names } = this.gss.names(logonInfo);
    this.#names = names;
    // Signed and not to be read: groups that keep somebody out could be among it, so nobody gets in with it.
    this.#domainToken = attribute === undefined ? undefined : readLogonInfo(attribute);
    this.lastsFor(step.ticketSeconds);
    return step.token.length === 0 ? { kind: "done" } : { kind: "done", token: step.token };
  }

  override seal(plaintext: Uint8Array): Uint8Array {
    this.#assertOrdered("seal message");
    return super.seal(plaintext);
  }

  override unseal(sealed: Uint8Array): Uint8Array {
    this.#assertOrdered("unseal message");
    return super.unseal(sealed);
  }

  /** A client may log on for TLS without asking for what sealed messages need. */
  #assertOrdered(action: string): void {
    if (!this.established) return;
    const ordered = (this.gss.flags & (GssFlag.replay | GssFlag.sequence)) !== 0;
    if (!ordered || !this.gss.canWrap) {
      throw new ProtocolError(
        "SealUnexpected",
        `${action}: the client did not ask for the order of messages, or its cipher is older than AES`,
      );
    }
  }
}
