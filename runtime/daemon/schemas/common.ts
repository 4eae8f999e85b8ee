/** Schemas that several routes share. They check requests and make the OpenAPI document. @module */
import { z } from "@hono/zod-openapi";

/** RFC 9457. */
export const problemSchema = z.object({
  type: z.string().openapi({ example: "urn:drover:problem:JobUnknown" }),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  code: z.string().openapi({ description: "Stable: programs may match on it", example: "JobUnknown" }),
  errors: z.array(z.object({ at: z.string(), detail: z.string() })).optional(),
}).openapi("Problem");

/** Time of an answer. */
export const timeSchema = z.iso.datetime().openapi({ example: "2026-11-21T12:00:00.000Z" });

/** Pages of a list. */
export const pageQuery = {
  // Digits only: a coerced number may have white space around it, or be hexadecimal.
  limit: z.string().regex(/^\d{1,4}$/).default("100").transform(Number).pipe(z.int().min(1).max(1_000))
    .openapi({ description: "Items at most", type: "integer", minimum: 1, maximum: 1_000, default: 100 }),
  cursor: z.string().min(1).max(512).optional()
    .openapi({ description: "`next` of the page before" }),
};

/** A page of items. */
export function pageOf<T extends z.ZodType>(name: string, item: T) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().openapi({
      description: "Cursor of the next page; null: this was the last one",
    }),
  }).openapi(name);
}

/** A pattern of hosts of the inventory. */
export const hostPatternSchema = z.string().min(1).max(65_536).openapi({ example: "web*:!web07:&prod" });

/** JSON content of an answer. */
export function jsonContent<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** Answers of every route that are problems. */
const problemTexts: Readonly<Record<number, string>> = {
  400: "The request is malformed",
  401: "The token is missing, wrong, expired or revoked",
  403: "The token does not allow it, or the request comes from another site",
  404: "There is no such thing",
  405: "Not with this method",
  406: "No representation that Accept takes",
  408: "The body did not come in time",
  409: "It contradicts what is there",
  412: "It was changed meanwhile (If-Match)",
  413: "The body is too large",
  415: "Not with this Content-Type",
  416: "No such range",
  421: "The Host header does not name this daemon",
  422: "It is well-formed and means nothing that could be done",
  428: "If-Match is missing",
  429: "Too many requests with this token",
  431: "The URL or the headers are too large",
  500: "A defect of the daemon",
  502: "The host did not do what it was asked",
  503: "Not now: try again later",
  507: "No room on the daemon's disk; nothing was kept",
};

/** What every request can get. */
const always: readonly number[] = [400, 401, 403, 404, 405, 406, 421, 422, 429, 431, 500, 503];

/** The problems that a route can answer with; `more` beside those of every route. */
export function problems(...more: readonly number[]) {
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(
    [...new Set([...always, ...more])].sort((a, b) => a - b)
      .map((status) => [status, { description: problemTexts[status] ?? "Error", content }]),
  );
}

/** A route behind a token. */
export const security = [{ token: [] }];
