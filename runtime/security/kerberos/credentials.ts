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
  type GssLibrary,
  hostRealm,
} from "../../../ffi/gssapi/mod.ts";
import { DeniedError, type DroverError } from "../../../protocol/errors.ts";
import type { Secret } from "../../../protocol/secret.ts";
import type { Clock } from "../../../actors/ports.ts";
import { systemClock } from "../../clock.ts";
import { kerberosError } from "./errors.ts";
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
  readonly #realms = new Map<string, Promise<string>>();
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

  /** The realm that krb5.conf has for `host`; empty: the KDC is to say. */
  realmOf(host: string): Promise<string> {
    let realm = this.#realms.get(host);
    if (realm === undefined) {
      this.#realms.set(host, realm = hostRealm(this.#library, host));
      realm.catch(() => this.#realms.delete(host));
    }
    return realm;
  }

  /** Runs the first step towards `service`: one at a time until there is a ticket for it. */
  async first(service: string, step: Step): Promise<ContextStep> {
    for (;;) {
      if (systemClock.monotonic() < (this.#known.get(service) ?? 0)) return await this.#run(true, step);
      const asked = this.#asked.get(service);
      if (asked === undefined) break;
      await asked;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.set(service, promise);
    try {
      const outcome = await this.#run(false, step);
      const seconds = outcome.ticketSeconds;
      const goodForMs = (seconds - Math.min(marginSeconds, seconds / 4)) * 1000;
      this.#known.set(service, systemClock.monotonic() + goodForMs);
      return outcome;
    } finally {
      this.#asked.delete(service);
      resolve();
    }
  }

  /** Runs a later step. */
  async later(step: Step): Promise<ContextStep> {
    return await this.#run(true, step);
  }

  async #run(known: boolean, step: Step): Promise<ContextStep> {
    if (known && this.#store.inMemory) return await turns.take(() => step(this.#inPlace, true));
    const credential = await this.#take();
    try {
      return await step(credential, false);
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

/** A step with a credential; `inPlace`: the library has nothing to do but to calculate. */
type Step = (credential: Credential, inPlace: boolean) => Promise<ContextStep>;

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
  /** Made once for each secret: they are a twentieth of a logon. */
  readonly #macs = new WeakMap<Secret, string>();

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
        const open = from({ ccache: cache });
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

  #keyOf(source: CredentialSource): string {
    switch (source.kind) {
      case "password": {
        let mac = this.#macs.get(source.password);
        if (mac === undefined) {
          mac = createHmac("sha256", this.#macKey).update(source.password.reveal(), "utf8").digest("hex");
          this.#macs.set(source.password, mac);
        }
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
