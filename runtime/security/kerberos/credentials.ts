/**
 * Kerberos credentials of this process: one ticket-granting ticket for each principal, however many hosts it is used for, and one
 * ticket for each service, however many connections there are.
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import { type ContextStep, Credential, type GssLibrary, hostRealm } from "../../../ffi/gssapi/mod.ts";
import { DeniedError, type DroverError } from "../../../protocol/errors.ts";
import type { Secret } from "../../../protocol/secret.ts";
import type { Clock } from "../../../actors/ports.ts";
import { systemClock } from "../../clock.ts";
import { kerberosError } from "./errors.ts";

/** What a principal proves itself with. */
export type CredentialSource =
  /** A password; `principal` as `name@REALM`, or `name` in the default realm. */
  | { readonly kind: "password"; readonly principal: string; readonly password: Secret }
  /** Tickets that kinit made: of `cache` (e.g. `FILE:/tmp/krb5cc_1000`), or the default cache. */
  | { readonly kind: "ccache"; readonly cache: string | undefined; readonly principal: string | undefined }
  /** The key of `principal` in a file. */
  | { readonly kind: "keytab"; readonly file: string; readonly principal: string | undefined };

/** Credentials are renewed so many seconds before their end, or when a tenth of their life is left, if that is less. */
const renewalSeconds = 300;
/** Milliseconds for which a refusal holds: a wrong password must not be tried once for each host, or it locks the account. */
const refusedMs = 60_000;
/** The same for a KDC that cannot be reached. */
const unreachableMs = 10_000;

/** A credential that is good for now. */
export class Login {
  /** For contexts. */
  readonly credential: Credential;
  readonly #library: GssLibrary;
  readonly #realms = new Map<string, Promise<string>>();
  /** Services that there is a ticket for already, and the monotonic milliseconds until which it is surely good. */
  readonly #known = new Map<string, number>();
  readonly #asked = new Map<string, Promise<void>>();

  /** Whether the library has nothing to do for a known service but to calculate: it neither reads files nor renews by itself. */
  readonly #inMemory: boolean;
  #calls = 0;

  /** Wraps a credential. */
  constructor(library: GssLibrary, credential: Credential, inMemory: boolean) {
    this.#library = library;
    this.credential = credential;
    this.#inMemory = inMemory;
  }

  /** The realm that krb5.conf has for `host`; empty: the KDC is to say. */
  realmOf(host: string): Promise<string> {
    let realm = this.#realms.get(host);
    if (realm === undefined) {
      this.#realms.set(host, realm = hostRealm(this.#library, host));
      realm.catch(() => this.#realms.delete(host));
    }
    return realm;
  }

  /** Runs a later step. */
  async later(step: (inPlace: boolean) => Promise<ContextStep>): Promise<ContextStep> {
    return await this.#run(true, step);
  }

  /**
   * Runs the first step towards `service`: one at a time until there is a ticket for it. The step is told whether it can be done in
   * place.
   */
  async first(service: string, step: (inPlace: boolean) => Promise<ContextStep>): Promise<ContextStep> {
    for (let asked = this.#asked.get(service); asked !== undefined; asked = this.#asked.get(service)) {
      await asked;
    }
    const known = this.#known.get(service);
    if (known !== undefined) return await this.#run(systemClock.monotonic() < known, step);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.set(service, promise);
    try {
      const outcome = await this.#run(false, step);
      const goodForMs = (outcome.ticketSeconds - marginSeconds) * 1000;
      this.#known.set(service, systemClock.monotonic() + goodForMs);
      return outcome;
    } finally {
      this.#asked.delete(service);
      resolve();
    }
  }

  /** The library locks a credential for as long as it asks a KDC: in place only while nobody else uses it. */
  async #run(known: boolean, step: (inPlace: boolean) => Promise<ContextStep>): Promise<ContextStep> {
    const inPlace = known && this.#inMemory && this.#calls === 0;
    this.#calls++;
    try {
      return await step(inPlace);
    } finally {
      this.#calls--;
    }
  }
}

/** A ticket's last seconds, in which the library might ask for another. */
const marginSeconds = 60;

interface Entry {
  login: Login | undefined;
  /** Monotonic milliseconds at which `login` is to be got anew. */
  until: number;
  pending: Promise<Login> | undefined;
  refusal: { readonly error: DroverError; readonly until: number } | undefined;
}

/** The credentials in use. */
export class Credentials {
  readonly #library: GssLibrary;
  readonly #entries = new Map<string, Entry>();
  /** Passwords stand in keys as MACs only. */
  readonly #macKey = randomBytes(32);

  readonly #clock: Pick<Clock, "monotonic">;

  /** No credentials yet. */
  constructor(library: GssLibrary, clock: Pick<Clock, "monotonic"> = systemClock) {
    this.#library = library;
    this.#clock = clock;
  }

  /**
   * The login of a source: asked for once by however many, and again when it is about to end.
   *
   * @throws DroverError
   */
  async login(source: CredentialSource): Promise<Login> {
    const key = this.#keyOf(source);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, entry = { login: undefined, until: 0, pending: undefined, refusal: undefined });
    }
    const now = this.#clock.monotonic();
    // An old login is left to those who still have steps to do with it.
    if (entry.login !== undefined && now < entry.until) return entry.login;
    if (entry.refusal !== undefined && now < entry.refusal.until) throw entry.refusal.error;
    return await (entry.pending ??= this.#begin(source, entry));
  }

  async #begin(source: CredentialSource, entry: Entry): Promise<Login> {
    try {
      const credential = await this.#acquire(source);
      const seconds = credential.lifetimeSeconds;
      entry.until = this.#clock.monotonic() + 1000 * (seconds - Math.min(renewalSeconds, seconds / 10));
      entry.refusal = undefined;
      return entry.login = new Login(this.#library, credential, source.kind === "password");
    } catch (cause) {
      const error = kerberosError(cause, actionOf(source));
      const forMs = error instanceof DeniedError ? refusedMs : unreachableMs;
      entry.refusal = { error, until: this.#clock.monotonic() + forMs };
      throw error;
    } finally {
      entry.pending = undefined;
    }
  }

  async #acquire(source: CredentialSource): Promise<Credential> {
    switch (source.kind) {
      case "password": {
        const password = new TextEncoder().encode(source.password.reveal());
        try {
          return await Credential.withPassword(this.#library, source.principal, password);
        } finally {
          password.fill(0);
        }
      }
      case "ccache":
        return await Credential.fromStore(
          this.#library,
          "initiate",
          source.cache === undefined ? {} : { ccache: source.cache },
          source.principal,
        );
      case "keytab":
        return await Credential.fromStore(
          this.#library,
          "initiate",
          { client_keytab: source.file, ccache: `MEMORY:drover-${randomBytes(8).toString("hex")}` },
          source.principal,
        );
    }
  }

  #keyOf(source: CredentialSource): string {
    switch (source.kind) {
      case "password": {
        const mac = createHmac("sha256", this.#macKey).update(source.password.reveal(), "utf8").digest("hex");
        return JSON.stringify(["password", source.principal, mac]);
      }
      case "ccache":
        return JSON.stringify(["ccache", source.principal ?? null, source.cache ?? null]);
      case "keytab":
        return JSON.stringify(["keytab", source.principal ?? null, source.file]);
    }
  }
}

function actionOf(source: CredentialSource): string {
  const from = source.kind === "keytab" ? ` with the keytab ${source.file}` : "";
  return source.principal === undefined
    ? `log on to Kerberos${from}`
    : `log on to Kerberos as ${source.principal}${from}`;
}
