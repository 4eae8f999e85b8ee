/** The way in: addressed to us, not from another site, with a token that allows it, within its limits. @module */
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import type { StoredToken } from "../../store/types.ts";
import type { ApiEnv, DaemonParts } from "../context.ts";
import { Problem } from "../problems.ts";
import { checkOrigin } from "./names.ts";
import { allows, bearerToken, isLimited, isToken, type Scope } from "./tokens.ts";

/** Prefix of the WebSocket subprotocol that carries a token: browsers cannot set Authorization there. */
export const tokenProtocol = "drover.token.";

/** Host, Origin: for everything that the daemon serves. */
export function originGuard(parts: DaemonParts): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (context, next) => {
    const { method, path } = context.req;
    checkOrigin(context.req.raw.headers, parts.names, method === "GET" && (path === "/" || path === "/docs"));
    await next();
    // The answer that opens a WebSocket belongs to the server.
    if (context.res.status === 101) return;
    const { headers } = context.res;
    headers.set("X-Content-Type-Options", "nosniff");
    if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  });
}

/** Token and limits. */
export function tokenGuard(parts: DaemonParts): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (context, next) => {
    const caller = callerOf(parts, context.req.raw.headers);
    if (caller === undefined) throw tokenRefused();
    const leave = parts.meter.enter(caller.id, "requests");
    context.set("caller", caller);
    try {
      await next();
    } finally {
      leave();
    }
  });
}

/**
 * Asks for a scope. What an administrator does concerns the daemon as a whole: with a token that is limited to some hosts it would be a
 * way out of the limit (another token, another inventory), so it is refused unless the route respects the limit by itself.
 */
export function needs(
  scope: Scope,
  { respectsHosts = scope !== "admin" }: { readonly respectsHosts?: boolean } = {},
): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (context, next) => {
    const caller = context.get("caller");
    if (!allows(caller, scope)) {
      throw new Problem(403, "ScopeMissing", `this needs a token with the scope ${scope}`);
    }
    if (!respectsHosts && isLimited(caller)) {
      throw new Problem(
        403,
        "TokenLimited",
        "this concerns the whole daemon, and this token is limited to some hosts",
      );
    }
    await next();
  });
}

/** The answer to who has no token, or none any more. */
export function tokenRefused(): Problem {
  return new Problem(401, "TokenRefused", "a valid token is needed: Authorization: Bearer drv_…", {
    headers: { "WWW-Authenticate": 'Bearer realm="drover"' },
  });
}

function callerOf(parts: DaemonParts, headers: Headers): StoredToken | undefined {
  const token = bearerToken(headers.get("Authorization")) ?? protocolToken(headers);
  return token === undefined ? undefined : parts.tokens.find(token);
}

function protocolToken(headers: Headers): string | undefined {
  if (headers.get("Upgrade")?.toLowerCase() !== "websocket") return undefined;
  const offered = (headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((text) => text.trim());
  const token = offered.find((text) => text.startsWith(tokenProtocol))?.slice(tokenProtocol.length);
  return token !== undefined && isToken(token) ? token : undefined;
}
