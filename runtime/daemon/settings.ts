/** Settings of the daemon that may be changed while it runs. What was changed stays so; the rest is as the command line has it. @module */
import { z } from "@hono/zod-openapi";
import type { Store } from "../store/api.ts";
import type { Change, Expected } from "../store/types.ts";

/** What can be set. */
export const settingsShape = {
  throttle: z.int().min(1).max(65_536),
  heartbeatMs: z.int().min(1_000).max(600_000),
  requestsPerSecond: z.int().min(10).max(1_000_000),
};

/** All settings. */
export interface Settings {
  /** Hosts at once of a job that does not say; of jobs that begin from now on. */
  readonly throttle: number;
  /** Milliseconds without an event after which a stream says that it lives; of streams that are opened from now on. */
  readonly heartbeatMs: number;
  /** Requests a second with one token, on average. */
  readonly requestsPerSecond: number;
}

/** Key of the one document in the store's table. */
const key = "daemon";

const storedSchema = z.object({
  values: z.object(settingsShape).partial(),
  updatedBy: z.string(),
});

/** How the settings stand. */
export interface SettingsState {
  readonly values: Settings;
  /** 0: nothing was ever changed. */
  readonly version: number;
  readonly updatedAt: number | null;
  readonly updatedBy: string | null;
}

/** See the module. */
export class LiveSettings {
  readonly #store: Store;
  readonly #defaults: Settings;
  #state: SettingsState;

  /** `defaults`: where nothing was changed. What cannot be read any more is told to `onError`, and left out. */
  constructor(store: Store, defaults: Settings, onError: (error: unknown) => void) {
    this.#store = store;
    this.#defaults = defaults;
    this.#state = { values: defaults, version: 0, updatedAt: null, updatedBy: null };
    const stored = store.read.settings.get(key);
    if (stored === undefined) return;
    const read = storedSchema.safeParse(stored.value);
    if (!read.success) onError(new Error("read settings: those of the store are not of this version"));
    this.#state = {
      values: { ...defaults, ...(read.success ? defined(read.data.values) : {}) },
      version: stored.version,
      updatedAt: stored.updatedAt,
      updatedBy: read.success ? read.data.updatedBy : null,
    };
  }

  /** As they are now. */
  get state(): SettingsState {
    return this.#state;
  }

  /** The values as they are now. */
  get values(): Settings {
    return this.#state.values;
  }

  /** Replaces what was changed: what is not in `values` is as the command line has it. */
  async change(values: Partial<Settings>, by: string, expected: Expected): Promise<Change> {
    const at = Date.now();
    const change = await this.#store.write.settings.put(key, { values, updatedBy: by }, at, expected);
    // A later one may have been told before.
    if (change.kind === "stored" && change.version > this.#state.version) {
      const { version } = change;
      this.#state = { values: { ...this.#defaults, ...values }, version, updatedAt: at, updatedBy: by };
    }
    return change;
  }
}

/** Without what is not there. */
export function defined(
  values: { readonly [name in keyof Settings]?: number | undefined },
): Partial<Settings> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
