/** Tokens and the audit: for administrators. @module */
import { createRoute } from "@hono/zod-openapi";
import type { StoredToken } from "../../store/types.ts";
import { needs } from "../access/guard.ts";
import { newToken, type Scope, scopes, tokenHash } from "../access/tokens.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, audit, type DaemonParts } from "../context.ts";
import { iso, isoOrNull } from "../documents.ts";
import { Problem } from "../problems.ts";
import {
  auditPageSchema,
  auditQuery,
  newTokenSchema,
  tokenListSchema,
  tokenParams,
  tokenRequestSchema,
  tokenSchema,
} from "../schemas/access.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import { uuidv7 } from "../uuid.ts";

/** Adds the routes. */
export function addAccessRoutes(app: Api, parts: DaemonParts): void {
  const { store } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/tokens",
      operationId: "listTokens",
      summary: "All tokens, without what they are",
      security,
      middleware: [needs("admin")] as const,
      responses: { 200: jsonContent(tokenListSchema, "The tokens"), ...problems() },
    }),
    (context) => context.json({ items: store.read.tokens.list().map(tokenDocument) }, 200),
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/token",
      operationId: "getOwnToken",
      summary: "The token of the request: what its bearer may do",
      security,
      middleware: [needs("read")] as const,
      responses: { 200: jsonContent(tokenSchema, "The token, without what it is"), ...problems() },
    }),
    (context) => context.json(tokenDocument(context.get("caller")), 200),
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/tokens",
      operationId: "createToken",
      summary: "Make a token; it is shown this once",
      security,
      middleware: [needs("admin"), jsonBody(256 * 1024)] as const,
      request: { body: { required: true, content: { "application/json": { schema: tokenRequestSchema } } } },
      responses: { 201: jsonContent(newTokenSchema, "The token"), ...problems(408, 409, 413, 415, 507) },
    }),
    async (context) => {
      const { name, scope, hosts, expiresInSeconds } = context.req.valid("json");
      const at = Date.now();
      const token = newToken();
      const record: StoredToken = {
        id: uuidv7(at),
        name,
        hash: tokenHash(token),
        scopes: scopes.slice(0, scopes.indexOf(scope) + 1),
        hosts,
        createdAt: at,
        createdBy: context.get("caller").name,
        expiresAt: expiresInSeconds === undefined ? null : at + expiresInSeconds * 1_000,
      };
      // Records of the daemon itself are told by this name.
      if (name === "system" || !await store.write.tokens.create(record)) {
        throw new Problem(
          409,
          "TokenExists",
          "there is a token of this name, or work of an earlier one: take another name",
        );
      }
      await audit(parts, context, "token.create", name, { scope, hosts });
      return context.json({ ...tokenDocument(record), token }, 201);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/tokens/{name}",
      operationId: "revokeToken",
      summary: "Revoke a token",
      security,
      middleware: [needs("admin")] as const,
      request: { params: tokenParams },
      responses: { 204: { description: "It is no more" }, ...problems(409, 507) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const token = store.read.tokens.byName(name);
      if (token === undefined || !await parts.tokens.remove(token.id)) {
        throw new Problem(404, "TokenUnknown", "there is no such token");
      }
      parts.meter.forget(token.id);
      await audit(parts, context, "token.revoke", name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/audit",
      operationId: "listAudit",
      summary: "Who did what, latest first",
      security,
      middleware: [needs("admin")] as const,
      request: { query: auditQuery },
      responses: { 200: jsonContent(auditPageSchema, "A page of records"), ...problems() },
    }),
    (context) => {
      const { limit, cursor, who, action, target } = context.req.valid("query");
      const page = store.read.audit.page({
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(who === undefined ? {} : { who }),
        ...(action === undefined ? {} : { action }),
        ...(target === undefined ? {} : { target }),
      });
      return context.json({
        items: page.items.map((record) => ({ ...record, at: iso(record.at) })),
        next: page.next,
      }, 200);
    },
  );
}

function tokenDocument(token: StoredToken) {
  return {
    id: token.id,
    name: token.name,
    scopes: token.scopes as Scope[],
    hosts: [...token.hosts],
    createdAt: iso(token.createdAt),
    createdBy: token.createdBy,
    expiresAt: isoOrNull(token.expiresAt),
  };
}
