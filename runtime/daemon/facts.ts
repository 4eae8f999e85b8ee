/**
 * Facts: what hosts are, as they said when they were asked. They are gathered when somebody asks for it, kept in the store, and serve
 * to choose hosts by. A host that does not answer keeps what it said before.
 * @module
 */
import { settingsQuestion, systemQuestion } from "../../actors/host/facts_questions.ts";
import type { HostTarget, InquiryOutcome } from "../../actors/host/mod.ts";
import { DroverError } from "../../protocol/errors.ts";
import type { HostConfig } from "../../protocol/wsman/mod.ts";
import { matchesWildcard } from "../client/trust.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import type { Store } from "../store/api.ts";
import type { StoredFacts, Versioned } from "../store/types.ts";
import type { HostBook } from "./host_book.ts";
import type { JobRunner } from "./runner.ts";

/** One fact that a host has to have; `*` in the value stands for any run of characters. */
export interface FactFilter {
  readonly key: string;
  readonly value: string;
}

/** Longest value that is kept, characters. */
const maxValue = 256;
/** Hosts that are asked at once for those who do not wait: work goes first. */
const maxAtOnce = 32;

type Values = Record<string, string | number | boolean>;
type Missing = StoredFacts["missing"][number];

/** What it needs. */
export interface FactParts {
  readonly store: Store;
  readonly runner: Pick<JobRunner, "inquire" | "limits" | "ping" | "shellName">;
  readonly book: HostBook;
  /** Told of what could not be kept. */
  readonly onError: (error: unknown) => void;
}

/** See the module. */
export class Facts {
  readonly #parts: FactParts;
  /** Hosts that are being asked: who comes meanwhile gets the same answer. */
  readonly #asking = new Map<string, Promise<Versioned<StoredFacts>>>();
  readonly #waiting = new Set<string>();
  #workers = 0;
  #closed = false;
  /** All that the store has; read when hosts are chosen by facts for the first time. */
  #known: Map<string, StoredFacts> | undefined;

  /** Asks nobody yet. */
  constructor(parts: FactParts) {
    this.#parts = parts;
  }

  /** What is known of a host; `undefined`: it was never asked where it is now. */
  get(host: InventoryHost): Versioned<StoredFacts> | undefined {
    const found = this.#parts.store.read.facts.get(host.name);
    return found !== undefined && isOf(found.value, host) ? found : undefined;
  }

  /** The same from memory, for lists. */
  known(host: InventoryHost): StoredFacts | undefined {
    const found = this.#everything().get(host.name);
    return found !== undefined && isOf(found, host) ? found : undefined;
  }

  /** Asks a host now. What became of it is kept in any case, and given back. */
  gather(name: string): Promise<Versioned<StoredFacts>> {
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#gather(name).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  /** Asks hosts one after the other, some at once; those that wait already are asked once. */
  gatherLater(names: readonly string[]): void {
    if (this.#closed) return;
    for (const name of names) this.#waiting.add(name);
    while (this.#workers < Math.min(maxAtOnce, this.#waiting.size)) {
      this.#workers++;
      void this.#work();
    }
  }

  /** The hosts of `hosts` that have all these facts. */
  select(hosts: readonly InventoryHost[], filters: readonly FactFilter[]): readonly InventoryHost[] {
    if (filters.length === 0) return hosts;
    return hosts.filter((host) => {
      const facts = this.known(host)?.facts;
      return facts !== undefined && filters.every(({ key, value }) => {
        const fact = Object.hasOwn(facts, key) ? facts[key] : undefined;
        return fact !== undefined && matchesWildcard(String(fact), value);
      });
    });
  }

  /** Forgets a host that was removed. */
  async forget(name: string): Promise<void> {
    await this.#parts.store.write.facts.remove(name, "any");
    this.#known?.delete(name);
  }

  /** Asks nobody any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  async #work(): Promise<void> {
    for (const name of this.#waiting) {
      this.#waiting.delete(name);
      // It may have been removed while it waited.
      if (this.#parts.book.get(name) === undefined) continue;
      try {
        await this.gather(name);
      } catch (error) {
        this.#parts.onError(error);
      }
    }
    this.#workers--;
  }

  async #gather(name: string): Promise<Versioned<StoredFacts>> {
    const { store, book } = this.#parts;
    const { host } = book.get(name)!;
    const where = { address: host.address, port: portOf(host) };
    let value: StoredFacts;
    await book.prepare([name]);
    try {
      value = { ...where, ...await this.#ask(book.target(name)), failure: null };
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      const before = this.get(host)?.value ?? { gatheredAt: null, facts: {}, missing: [] };
      const { code, message } = error;
      value = { ...before, ...where, failure: { at: Date.now(), code, message } };
    }
    const at = Date.now();
    const change = await store.write.facts.put(name, value, at, "any");
    this.#known?.set(name, value);
    return { key: name, version: change.kind === "stored" ? change.version : 0, updatedAt: at, value };
  }

  /** Throws when it does not even identify itself; what else it does not say is missing. */
  async #ask(target: HostTarget): Promise<Pick<StoredFacts, "gatheredAt" | "facts" | "missing">> {
    const { runner } = this.#parts;
    const identity = await runner.ping(target);
    if (identity.kind === "failed") throw new HostSilent(identity.code, identity.message);
    const facts: Values = { "wsman.vendor": identity.vendor, "wsman.version": identity.version };
    const { logon } = identity;
    if (logon !== undefined) {
      facts["wsman.logon"] = logon.mechanism;
      if (logon.fallback !== undefined) facts["wsman.logonFallback"] = logon.fallback;
    }
    const missing: Missing[] = [];
    const settings = valueOr(
      await runner.inquire(target, settingsQuestion(target.quotaKey)),
      "config",
      missing,
    );
    if (settings !== undefined) addConfig(facts, settings.config);
    const system = valueOr(
      await runner.inquire(target, systemQuestion(runner.shellName(target))),
      "os",
      missing,
    );
    if (system !== undefined) {
      const { name, version, architecture, hostName, bootTime } = system;
      Object.assign(facts, {
        "os.name": name,
        "os.version": version,
        "os.architecture": architecture,
        "os.hostName": hostName,
        "os.bootTime": new Date(bootTime).toISOString(),
      });
    }
    // After winrm/config was read: with what was learnt from it.
    for (const [limit, value] of Object.entries(await runner.limits(target) ?? {})) {
      facts[`limits.${limit}`] = value;
    }
    return { gatheredAt: Date.now(), facts: shortened(facts), missing };
  }

  #everything(): Map<string, StoredFacts> {
    if (this.#known !== undefined) return this.#known;
    const known = new Map<string, StoredFacts>();
    const { facts } = this.#parts.store.read;
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: ReturnType<typeof facts.list> = facts.list({
        limit: 1_000,
        ...(cursor === "" ? {} : { cursor }),
      });
      for (const { key, value } of page.items) known.set(key, value);
      cursor = page.next;
    }
    return this.#known = known;
  }
}

/** A host that could not be asked. */
class HostSilent extends DroverError {
  constructor(code: string, message: string) {
    super("network", code, message);
  }
}

function isOf({ address, port }: StoredFacts, host: InventoryHost): boolean {
  return address === host.address && port === portOf(host);
}

function portOf(host: InventoryHost): number {
  return host.port ?? (host.scheme === "https" ? 5986 : 5985);
}

function valueOr<T>(outcome: InquiryOutcome<T>, part: string, missing: Missing[]): T | undefined {
  if (outcome.kind === "done") return outcome.value;
  missing.push({ part, code: outcome.error.code, message: outcome.error.message });
  return undefined;
}

function addConfig(facts: Values, config: HostConfig): void {
  for (const [name, value] of Object.entries(config)) facts[`config.${name}`] = value;
}

/** What hosts send may be long; what they leave empty says nothing. */
function shortened(facts: Values): Values {
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== "")
      .map(([key, value]) => [key, typeof value === "string" ? value.slice(0, maxValue) : value]),
  );
}
