/**
 * Kerberos credentials of this process: one ticket-granting ticket for each principal, however many hosts it is used for, and one
 * ticket for each service, however many connections there are.
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import {
  type ContextStep,
  Credential,
  type CredentialStore,
  destroyCache,
  type GssContext,
  type GssLibrary,
  type Handle,
  hostRealm,
  type InitiatorSpec,
  principalName,
} from "../../../ffi/gssapi/mod.ts";
import { DeniedError, type DroverError } from "../../../protocol/errors.ts";
import type { Secret } from "../../../protocol/secret.ts";
import type { Clock } from "../../../actors/ports.ts";
import { systemClock } from "../../clock.ts";
import { kerberosError } from "./errors.ts";
import type { Sooner } from "../sooner.ts";
import { turns } from "../turns.ts";

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

/** Tickets that are good for now, and the credentials to use them with. */
export class Login {
  readonly #library: GssLibrary;
  readonly #store: Store;
  /** For steps in place alone: the library locks a credential for as long as it asks a KDC with it. */
  readonly #inPlace: Credential;
  /** Further credentials, for calls on other threads, that nobody uses at the moment. */
  readonly #idle: Credential[] = [];
  readonly #waiting: ((credential: Credential) => void)[] = [];
  #opened = 0;
  readonly #targets = new Map<string, Promise<Handle> | Handle>();
  /** Services that there is a ticket for already, and the monotonic milliseconds until which it is surely good. */
  readonly #known = new Map<string, number>();
  readonly #asked = new Map<string, Promise<void>>();

  /** Begins with one credential of `store`, which is at hand already. */
  constructor(library: GssLibrary, store: Store, credential: Credential) {
    this.#library = library;
    this.#store = store;
    this.#inPlace = credential;
    if (store.destroy !== undefined) forgotten.register(this, store.destroy);
  }

  /**
   * The name of `service` on `host`. It is taken as it is: no DNS has a say in who the service is. Without a realm for the host in
   * krb5.conf the KDC refers us to it.
   */
  target(service: string, host: string): Sooner<Handle> {
    const known = this.#targets.get(service);
    if (known !== undefined) return known;
    const found = hostRealm(this.#library, host).then((realm) => {
      const name = principalName(this.#library, `${service}@${realm}`);
      this.#targets.set(service, name);
      return name;
    });
    this.#targets.set(service, found);
    found.catch(() => this.#targets.delete(service));
    return found;
  }

  /**
   * The first step towards `service`: one at a time until there is a ticket for it. `asks`: the KDC is asked for something in any
   * case.
   */
  first(service: string, context: GssContext, request: LoginRequest, asks: boolean): Sooner<ContextStep> {
    if (!this.#isKnown(service)) return this.#firstOfAll(service, context, request, asks);
    return asks ? this.#elsewhere(context, request, undefined) : this.later(context, request, undefined);
  }

  async #firstOfAll(
    service: string,
    context: GssContext,
    request: LoginRequest,
    asks: boolean,
  ): Promise<ContextStep> {
    for (let other; (other = this.#asked.get(service)) !== undefined;) {
      await other;
      if (this.#isKnown(service)) return await this.first(service, context, request, asks);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.set(service, promise);
    try {
      const outcome = await this.#elsewhere(context, request, undefined);
      const seconds = outcome.ticketSeconds;
      const goodForMs = (seconds - Math.min(marginSeconds, seconds / 4)) * 1000;
      this.#known.set(service, systemClock.monotonic() + goodForMs);
      return outcome;
    } finally {
      this.#asked.delete(service);
      resolve();
    }
  }

  #isKnown(service: string): boolean {
    return systemClock.monotonic() < (this.#known.get(service) ?? 0);
  }

  /** A later step: of two, the second one. */
  later(context: GssContext, request: LoginRequest, token: Uint8Array | undefined): Sooner<ContextStep> {
    if (!this.#store.inMemory) return this.#elsewhere(context, request, token);
    return turns.take(() => context.initiate({ ...request, credential: this.#inPlace }, token));
  }

  async #elsewhere(
    context: GssContext,
    request: LoginRequest,
    token: Uint8Array | undefined,
  ): Promise<ContextStep> {
    const credential = await this.#take();
    try {
      return await context.initiateElsewhere({ ...request, credential }, token);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(credential);
      else next(credential);
    }
  }

  async #take(): Promise<Credential> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#opened >= mostCredentials) return await new Promise((resolve) => this.#waiting.push(resolve));
    this.#opened++;
    try {
      return await this.#store.open();
    } catch (error) {
      this.#opened--;
      throw error;
    }
  }
}

/** Credentials of one login: as many as calls of the library run at once. */
const mostCredentials = 12;

/** What a service is asked for. */
export type LoginRequest = Omit<InitiatorSpec, "credential">;

/** Where the tickets of a login are. */
interface Store {
  /** Takes a credential from it. */
  readonly open: () => Promise<Credential>;
  /** Whether the library neither reads files for it nor renews it by itself. */
  readonly inMemory: boolean;
  /** Frees it, when nobody uses the login any more. */
  readonly destroy?: () => void;
}

/** Caches in memory live for as long as the logins that use them. */
const forgotten = new FinalizationRegistry<() => void>((destroy) => destroy());

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
  /** The entries of secrets by principal: a MAC for each logon would be a twentieth of it. */
  readonly #ofSecrets = new WeakMap<Secret, Map<string, Entry>>();

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
  login(source: CredentialSource): Sooner<Login> {
    const entry = this.#entryOf(source);
    const now = this.#clock.monotonic();
    // An old login is left to those who still have steps to do with it.
    if (entry.login !== undefined && now < entry.until) return entry.login;
    if (entry.refusal !== undefined && now < entry.refusal.until) throw entry.refusal.error;
    return entry.pending ??= this.#begin(source, entry);
  }

  async #begin(source: CredentialSource, entry: Entry): Promise<Login> {
    try {
      const { store, credential } = await this.#acquire(source);
      const seconds = credential.lifetimeSeconds;
      entry.until = this.#clock.monotonic() + 1000 * (seconds - Math.min(renewalSeconds, seconds / 10));
      entry.refusal = undefined;
      return entry.login = new Login(this.#library, store, credential);
    } catch (cause) {
      const error = kerberosError(cause, actionOf(source));
      const forMs = error instanceof DeniedError ? refusedMs : unreachableMs;
      entry.refusal = { error, until: this.#clock.monotonic() + forMs };
      throw error;
    } finally {
      entry.pending = undefined;
    }
  }

  async #acquire(
    source: CredentialSource,
  ): Promise<{ readonly store: Store; readonly credential: Credential }> {
    const library = this.#library;
    const cache = `MEMORY:drover-${randomBytes(8).toString("hex")}`;
    const destroy = () => destroyCache(library, cache);
    const from = (names: CredentialStore) => () =>
      Credential.fromStore(library, "initiate", names, source.principal);
    switch (source.kind) {
      case "password": {
        const password = new TextEncoder().encode(source.password.reveal());
        try {
          using credential = await Credential.withPassword(library, source.principal, password);
          credential.copyTo(library, { ccache: cache });
        } finally {
          password.fill(0);
        }
        // Whose the tickets are the KDC has said: for an enterprise name somebody else's.
        const open = () => Credential.fromStore(library, "initiate", { ccache: cache });
        return { store: { open, inMemory: true, destroy }, credential: await open() };
      }
      case "ccache": {
        const open = from(source.cache === undefined ? {} : { ccache: source.cache });
        return { store: { open, inMemory: false }, credential: await open() };
      }
      case "keytab": {
        const open = from({ client_keytab: source.file, ccache: cache });
        return { store: { open, inMemory: false, destroy }, credential: await open() };
      }
    }
  }

  #entryOf(source: CredentialSource): Entry {
    if (source.kind !== "password") {
      return this.#entry([source.kind, source.principal ?? null, placeOf(source)]);
    }
    const { password, principal } = source;
    let ofSecret = this.#ofSecrets.get(password);
    if (ofSecret === undefined) this.#ofSecrets.set(password, ofSecret = new Map());
    let entry = ofSecret.get(principal);
    if (entry === undefined) {
      const mac = createHmac("sha256", this.#macKey).update(password.reveal(), "utf8").digest("hex");
      ofSecret.set(principal, entry = this.#entry(["password", principal, mac]));
    }
    return entry;
  }

  #entry(words: readonly (string | null)[]): Entry {
    const key = JSON.stringify(words);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, entry = { login: undefined, until: 0, pending: undefined, refusal: undefined });
    }
    return entry;
  }
}

function placeOf(source: Exclude<CredentialSource, { kind: "password" }>): string | null {
  return source.kind === "keytab" ? source.file : source.cache ?? null;
}

function actionOf(source: CredentialSource): string {
  const from = source.kind === "keytab" ? ` with the keytab ${source.file}` : "";
  return source.principal === undefined
    ? `log on to Kerberos${from}`
    : `log on to Kerberos as ${source.principal}${from}`;
}
