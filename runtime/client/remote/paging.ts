/** Lists that come in pages. @module */
import type { DaemonConnection } from "./connection.ts";

/** Items of a page; the largest that the daemon gives. */
const limit = "1000";

/** Items of all pages of a list; each page is asked for when it is needed. */
export async function* pagesOf<T>(
  connection: DaemonConnection,
  path: string,
  filter: Readonly<Record<string, string | readonly string[] | undefined>>,
): AsyncGenerator<T, void, undefined> {
  const query = new URLSearchParams({ limit });
  for (const [name, values] of Object.entries(filter)) {
    for (const value of [values ?? []].flat()) query.append(name, value);
  }
  for (let next: string | null = ""; next !== null;) {
    if (next !== "") query.set("cursor", next);
    const page: { readonly items: readonly T[]; readonly next: string | null } = await connection.json(
      "GET",
      `${path}?${query}`,
    );
    yield* page.items;
    next = page.next;
  }
}
