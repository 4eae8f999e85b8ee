/** What a schedule may do: what the token that it was last changed by may do now, and could do then. @module */
import type { HostTarget } from "../../../actors/host/mod.ts";
import { UsageError } from "../../../protocol/errors.ts";
import type { Store } from "../../store/api.ts";
import type { StoredSchedule } from "../../store/types.ts";
import { allows } from "../access/tokens.ts";
import { type HostBook, selectRemote } from "../host_book.ts";

/** Why a schedule makes no jobs. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Whether its token is gone, expired or not enough. */
export function refusalOf(store: Store, { owner }: StoredSchedule, now: number): Refusal | undefined {
  const token = store.read.tokens.get(owner.token);
  const by = JSON.stringify(owner.name);
  if (token === undefined) {
    return { code: "TokenGone", message: `its token ${by} was revoked: change it with another one` };
  }
  if (token.expiresAt !== null && token.expiresAt <= now) {
    return { code: "TokenExpired", message: `its token ${by} has expired: change it with another one` };
  }
  return allows(token, "run")
    ? undefined
    : { code: "ScopeMissing", message: `its token ${by} may run nothing` };
}

/** Hosts that a job of it would have now, and how to reach them. */
export async function hostsOf(
  { store, book }: { readonly store: Store; readonly book: HostBook },
  schedule: StoredSchedule,
  now: number,
): Promise<
  | { readonly names: readonly string[]; readonly targets: readonly (HostTarget | UsageError)[] }
  | Refusal
> {
  const refusal = refusalOf(store, schedule, now);
  if (refusal !== undefined) return refusal;
  const { owner, request } = schedule;
  try {
    const allowed = new Set(
      book.view(store.read.tokens.get(owner.token)?.hosts ?? []).hosts.map(({ name }) => name),
    );
    const names = selectRemote(book.view(owner.hosts), request.hosts).map(({ name }) => name)
      .filter((name) => allowed.has(name));
    if (names.length === 0) return { code: "PatternUnmatched", message: "select hosts: none is left" };
    await book.prepare(names);
    // That may have taken long: its token may be gone by now.
    return refusalOf(store, schedule, now) ?? { names, targets: book.targets(names) };
  } catch (error) {
    if (error instanceof UsageError) return { code: error.code, message: error.message };
    throw error;
  }
}
