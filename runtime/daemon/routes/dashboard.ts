/** The dashboard at `/`: files that are the same for everybody and say nothing; what they show they ask the API for. @module */
import { createHash } from "node:crypto";
import { type Api } from "../context.ts";
import { dashboardAssets } from "../dashboard_assets.ts";

/** Only what this daemon serves may run, be shown or be asked; texts never become markup or scripts. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
  "trusted-types 'none'";

/** Adds the routes. They are none of the API's, so OpenAPI does not know them. */
export function addDashboardRoutes(app: Api): void {
  for (const [path, { type, text }] of dashboardAssets) {
    const etag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
    const headers = {
      "Content-Type": type,
      "Content-Security-Policy": policy,
      "Referrer-Policy": "no-referrer",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Resource-Policy": "same-origin",
      // Asked for each time, and sent only after an update.
      "Cache-Control": "no-cache",
      "ETag": etag,
    };
    app.get(
      path,
      (context) =>
        context.req.header("If-None-Match") === etag
          ? context.body(null, 304, headers)
          : context.body(text, 200, headers),
    );
  }
}
