/** Stores in folders of their own, and records for them. @module */
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { StoredEvent } from "../../../actors/daemon/job_types.ts";
import { type NewJob, openStore, type Store } from "../../../runtime/store/mod.ts";

/** A folder of ours alone, removed after `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "drover-store-" });
  try {
    await Deno.chmod(folder, 0o700);
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An open store in a new folder, closed after `use`. */
export function withStore<T>(use: (store: Store, folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const store = await openStore({ path: `${folder}/store.db` });
    try {
      return await use(store, folder);
    } finally {
      await store.close();
    }
  });
}

/** A job of some hosts `h0`, `h1`…. */
export function newJob(id: string, hosts: number, more: Partial<NewJob> = {}): NewJob {
  return {
    id,
    request: { command: "hostname", hosts: "all" },
    hosts: Array.from({ length: hosts }, (_, index) => `h${index}`),
    createdAt: 1000,
    createdBy: "ci",
    ...more,
  };
}

/** Output of a host. */
export function output(
  job: string,
  index: number,
  data: string | Uint8Array,
  stream: "stdout" | "stderr" = "stdout",
): StoreRecord {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { kind: "output", job, index, at: 2000, stream, data: bytes };
}

/** The result of a host that succeeded. */
export function succeeded(job: string, index: number, at = 3000): StoreRecord {
  return { kind: "result", job, index, at, status: "succeeded", exitCode: 0, durationMs: 12.5, error: null };
}

/** The intent of a host. */
export function intent(job: string, index: number): StoreRecord {
  return {
    kind: "intent",
    job,
    index,
    at: 1500,
    shellName: `drover-x-${index}`,
    shellId: null,
    commandId: `c${index}`,
  };
}

/** A state of a job. */
export function state(job: string, to: "running" | "paused" | "cancelling" | "done", at = 1200): StoreRecord {
  return { kind: "state", job, state: to, at };
}

/** All events from `after` on, page by page. */
export function allEvents(
  store: Store,
  query: Omit<Parameters<Store["read"]["events"]["page"]>[0], "after"> = {},
): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (let after = 0;;) {
    const page = store.read.events.page({ after, ...query });
    events.push(...page.events);
    after = page.next;
    if (!page.more) return events;
  }
}
