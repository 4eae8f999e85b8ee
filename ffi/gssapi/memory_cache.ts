/** Credential caches in memory, which live until somebody destroys them. @module */
import type { GssLibrary } from "./library.ts";
import { Frame, pointerIn } from "./memory.ts";

/** Destroys a cache with all its tickets; nothing when there is none of this name. */
export function destroyCache(library: GssLibrary, name: string): void {
  const { functions } = library;
  const frame = new Frame();
  const [context, cache] = [frame.zeros(8), frame.zeros(8)];
  if (functions.krb5_init_context(context) !== 0) return;
  const opened = functions.krb5_cc_resolve(pointerIn(context), frame.text(name), cache);
  if (opened === 0) functions.krb5_cc_destroy(pointerIn(context), pointerIn(cache));
  functions.krb5_free_context(pointerIn(context));
}
