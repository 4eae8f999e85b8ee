/** Facts by which hosts are chosen in a query. @module */
import { z } from "@hono/zod-openapi";

// deno-lint-ignore no-control-regex -- these are what it keeps out
const factFilter = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}=[^\x00-\x1f\x7f]{1,256}$/);

/** Facts that hosts have to have, in a query: once or several times. */
export const factFilters = z.union([factFilter, z.array(factFilter).min(1).max(8)]).optional().openapi({
  description:
    "Only hosts with this fact, KEY=VALUE; * in the value stands for anything; all of several hold",
  example: "os.name=Debian*",
});

/** The filters of a checked query. */
export function readFactFilters(given: z.infer<typeof factFilters>) {
  return (given === undefined ? [] : typeof given === "string" ? [given] : given).map((text) => {
    const at = text.indexOf("=");
    return { key: text.slice(0, at), value: text.slice(at + 1) };
  });
}
