/** Tokens and audit records as the API shows and takes them. @module */
import { z } from "@hono/zod-openapi";
import { hostPatternSchema, pageOf, pageQuery, timeSchema } from "./common.ts";

const scope = z.enum(["read", "run", "admin"]);
const tokenName = z.string().regex(
  /^[A-Za-z0-9][\w.@-]{0,63}$/,
  "a name has up to 64 letters, digits and . _ @ -, and begins with a letter or digit",
);

/** What `POST /v1/tokens` takes. */
export const tokenRequestSchema = z.strictObject({
  name: tokenName.openapi({ description: "Jobs and audit records name it", example: "deploy" }),
  scope: scope.openapi({ description: "Each includes those before it" }),
  hosts: z.array(hostPatternSchema.max(1_024)).min(1).max(100).default(["all"]).openapi({
    description:
      "Hosts that it may see and work on; with fewer than all it sees only jobs of its own, and changes " +
      "nothing that concerns the whole daemon",
  }),
  expiresInSeconds: z.int().min(1).max(10 * 366 * 86_400).optional().openapi({
    description: "Default: it does not expire",
  }),
}).openapi("TokenRequest");

/** A token, without what it is. */
export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(scope),
  hosts: z.array(z.string()),
  createdAt: timeSchema,
  createdBy: z.string(),
  expiresAt: timeSchema.nullable(),
}).openapi("Token");

/** A new token: the only time that it is shown. */
export const newTokenSchema = tokenSchema.extend({ token: z.string() }).openapi("NewToken");

/** All tokens. */
export const tokenListSchema = z.object({ items: z.array(tokenSchema) }).openapi("TokenList");

/** A token in a path. */
export const tokenParams = z.object({ name: tokenName.openapi({ description: "Name of the token" }) });

/** Who did what, where, when, with which outcome. */
export const auditRecordSchema = z.object({
  seq: z.int(),
  at: timeSchema,
  who: z.string(),
  from: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  outcome: z.string(),
  detail: z.record(z.string(), z.unknown()),
}).openapi("AuditRecord");

/** A page of them. */
export const auditPageSchema = pageOf("AuditPage", auditRecordSchema);

/** Which of them. */
export const auditQuery = z.object({
  ...pageQuery,
  who: z.string().min(1).max(64).optional(),
  action: z.string().min(1).max(64).optional(),
  target: z.string().min(1).max(255).optional(),
});
