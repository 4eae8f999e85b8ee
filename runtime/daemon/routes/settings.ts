/** The daemon's own settings. @module */
import { createRoute, z } from "@hono/zod-openapi";
import { needs } from "../access/guard.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, audit, type DaemonParts } from "../context.ts";
import { isoOrNull } from "../documents.ts";
import { changedVersion, etag, expectedVersion } from "../etags.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import { settingsSchema, settingsWriteSchema } from "../schemas/settings.ts";
import { defined, type SettingsState } from "../settings.ts";

const headers = { ETag: { description: "Their version", schema: { type: "string" as const } } };
const conditions = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of what is to be changed" }),
});

/** Adds the routes. */
export function addSettingsRoutes(app: Api, parts: DaemonParts): void {
  const { settings } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/settings",
      operationId: "getSettings",
      summary: "Settings of the daemon that can be changed while it runs",
      security,
      middleware: [needs("read")] as const,
      responses: { 200: { ...jsonContent(settingsSchema, "The settings"), headers }, ...problems() },
    }),
    (context) => {
      context.header("ETag", etag(settings.state.version));
      return context.json(settingsDocument(settings.state), 200);
    },
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/settings",
      operationId: "putSettings",
      summary: "Change settings of the daemon; they stay so after a restart",
      security,
      middleware: [needs("admin"), jsonBody(16 * 1_024)] as const,
      request: {
        headers: conditions,
        body: { required: true, content: { "application/json": { schema: settingsWriteSchema } } },
      },
      responses: {
        200: { ...jsonContent(settingsSchema, "The settings now"), headers },
        ...problems(408, 412, 413, 415, 428, 507),
      },
    }),
    async (context) => {
      const values = defined(context.req.valid("json"));
      // There are settings always; version 0 is not in the store.
      const expected = expectedVersion(context, settings.state.version);
      const change = await settings.change(
        values,
        context.get("caller").name,
        expected === 0 ? "absent" : expected,
      );
      context.header("ETag", etag(changedVersion(change)));
      await audit(parts, context, "settings.change", "daemon", values);
      return context.json(settingsDocument(settings.state), 200);
    },
  );
}

function settingsDocument({ values, updatedAt, updatedBy }: SettingsState) {
  return { ...values, updatedAt: isoOrNull(updatedAt), updatedBy };
}
