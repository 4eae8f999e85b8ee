/** Accept: who takes nothing that a route can give is told so (RFC 9110, section 12.5.1). @module */
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problems.ts";

/** What routes give that give no JSON. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/jobs\/[^/]+\/events$/, "text/event-stream"],
  [/^\/v1\/jobs\/[^/]+\/hosts\/[^/]+\/output\/[^/]+$/, "application/octet-stream"],
  [/^\/v1\/events$/, "*/*"],
];

/** Checks Accept of requests to the API. */
export const accepts = createMiddleware<ApiEnv>(async (context, next) => {
  const { path } = context.req;
  const header = context.req.raw.headers.get("Accept");
  if (header !== null && path.startsWith("/v1/")) {
    const gives = others.find(([pattern]) => pattern.test(path))?.[1] ?? "application/json";
    if (!takes(header, gives)) {
      throw new Problem(406, "NotAcceptable", `Accept does not take ${gives}`);
    }
  }
  await next();
});

/** Whether `header` takes the media type. The most exact range decides; a quality of 0 refuses. */
export function takes(header: string, type: string): boolean {
  if (type === "*/*" || header.trim() === "") return true;
  const [main] = type.split("/");
  let best = -1;
  let taken = false;
  for (const range of header.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const rank = name === type ? 2 : name === `${main}/*` ? 1 : name === "*/*" ? 0 : -1;
    if (rank < 0 || rank < best) continue;
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    const wanted = quality === undefined || Number(quality.slice(2)) > 0;
    taken = rank > best ? wanted : taken || wanted;
    best = rank;
  }
  return taken;
}
