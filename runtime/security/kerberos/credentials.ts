/**
 * Kerberos credentials of this process: one ticket-granting ticket for each principal, however many hosts it is used for, and one
 * ticket for each service, however many connections there are.
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import {
  copyCache,
  Credential,
  type CredentialStore,
  type GssLibrary,
  hostRealm,
  initialTickets,
  principalName,
} from "../../../ffi/gssapi/mod.ts";
import { DeniedError, type DroverError, UsageError } from "../../../protocol/errors.ts";
import type { Secret } from "../../../protocol/secret.ts";
import type { Clock } from "../../../actors/ports.ts";
import { systemClock } from "../../clock.ts";
import { kerberosError } from "./errors.ts";
import { MemoryCache } from "./memory_cache.ts";
import type { Sooner } from "../sooner.ts";
import { ServiceTicket } from "./service_ticket.ts";
import { TicketCache } from "./ticket_cache.ts";

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

/** Services whose tickets share a cache in memory: the library looks through all of it, for each step of a logon. */
const mostServices = 32;

/** Tickets that are good for now. */
export class Login {
  readonly #library: GssLibrary;
  readonly #another: Acquired["another"];
  readonly #services = new Map<string, Sooner<ServiceTicket>>();
  /** The cache that takes the tickets of the next service, and for how many it has room. */
  #cache: Sooner<TicketCache>;
  #room: number;

  /** Begins with one cache. */
  constructor(library: GssLibrary, { cache, another }: Acquired) {
    this.#library = library;
    this.#another = another;
    this.#cache = cache;
    this.#room = another === undefined ? Infinity : mostServices;
  }

  /**
   * The ticket of `service` on `host`. The name is taken as it is: no DNS has a say in who the service is. Without a realm for the host
   * in krb5.conf the KDC refers us to it.
   */
  service(service: string, host: string): Sooner<ServiceTicket> {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const found = this.#begin(service, host);
    this.#services.set(service, found);
    found.then((ticket) => this.#services.set(service, ticket), () => this.#services.delete(service));
    return found;
  }

  async #begin(service: string, host: string): Promise<ServiceTicket> {
    const realm = await hostRealm(this.#library, host);
    const target = principalName(this.#library, `${service}@${realm}`);
    return new ServiceTicket(target, await this.#cacheOfNext());
  }

  #cacheOfNext(): Sooner<TicketCache> {
    if (this.#another !== undefined && this.#room <= 0) {
      const another = this.#another();
      this.#room = mostServices;
      this.#cache = another;
      another.catch(() => this.#room = 0);
    }
    this.#room--;
    return this.#cache;
  }
}

/** What a source has given. */
interface Acquired {
  readonly cache: TicketCache;
  /** Makes one more cache with the ticket of the principal alone; absent: all tickets are in one. */
  readonly another?: () => Promise<TicketCache>;
  readonly seconds: number;
}

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
      const acquired = await this.#acquire(source);
      const { seconds } = acquired;
      entry.until = this.#clock.monotonic() + 1000 * (seconds - Math.min(renewalSeconds, seconds / 10));
      entry.refusal = undefined;
      return entry.login = new Login(this.#library, acquired);
    } catch (cause) {
      const error = loginError(cause, source);
      const forMs = error instanceof DeniedError ? refusedMs : unreachableMs;
      entry.refusal = { error, until: this.#clock.monotonic() + forMs };
      throw error;
    } finally {
      entry.pending = undefined;
    }
  }

  async #acquire(source: CredentialSource): Promise<Acquired> {
    return source.kind === "password" ? await this.#withPassword(source) : await this.#fromFiles(source);
  }

  /** Tickets in memory. */
  async #withPassword(source: CredentialSource & { kind: "password" }): Promise<Acquired> {
    const library = this.#library;
    const password = new TextEncoder().encode(source.password.reveal());
    const initial = new MemoryCache(library);
    const openCache = ({ name }: MemoryCache) => Credential.fromStore(library, "initiate", { ccache: name });
    // Each function keeps its cache: one is copied from, the other opened, for as long as somebody may ask for that.
    const another = async () => {
      const cache = new MemoryCache(library);
      const open = () => openCache(cache);
      copyCache(library, initial.name, cache.name);
      return new TicketCache(await open(), open, true);
    };
    try {
      await initialTickets(library, source.principal, password, initial.name);
    } finally {
      password.fill(0);
    }
    using first = await openCache(initial);
    return { cache: await another(), another, seconds: first.lifetimeSeconds };
  }

  /** Tickets of kinit, or such as the library gets and renews by itself. */
  async #fromFiles(source: Exclude<CredentialSource, { kind: "password" }>): Promise<Acquired> {
    const library = this.#library;
    const from = (names: CredentialStore) =>
      Credential.fromStore(library, "initiate", names, source.principal);
    const cacheOf = async (open: () => Promise<Credential>) => {
      const first = await open();
      return { cache: new TicketCache(first, open, false), seconds: first.lifetimeSeconds };
    };
    if (source.kind === "ccache") {
      return await cacheOf(() => from(source.cache === undefined ? {} : { ccache: source.cache }));
    }
    const cache = new MemoryCache(library);
    return await cacheOf(() => from({ client_keytab: source.file, ccache: cache.name }));
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

function placeOf(source: CredentialSource): string | null {
  if (source.kind === "password") return null;
  return source.kind === "keytab" ? source.file : source.cache ?? null;
}

function loginError(cause: unknown, source: CredentialSource): DroverError {
  const action = actionOf(source);
  const error = kerberosError(cause, action);
  if (source.kind !== "keytab" || error.code !== "KerberosNoTickets") return error;
  // Without a key the library looks for tickets, and says that there are none.
  const state = "it cannot be read, or has no key of the account (klist -k shows them)";
  return new UsageError(error.code, `${action}: ${state}`, { cause });
}

function actionOf(source: CredentialSource): string {
  const place = placeOf(source);
  const from = place === null
    ? ""
    : source.kind === "keytab"
    ? ` with the keytab ${place}`
    : ` with ${place}`;
  return source.principal === undefined
    ? `log on to Kerberos${from}`
    : `log on to Kerberos as ${source.principal}${from}`;
}
