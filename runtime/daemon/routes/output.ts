/** Output of one host, as bytes. @module */
import { createRoute, z } from "@hono/zod-openapi";
import { needs } from "../access/guard.ts";
import type { Api, DaemonParts } from "../context.ts";
import { Problem } from "../problems.ts";
import { byteRange } from "../ranges.ts";
import { problems, security } from "../schemas/common.ts";
import { outputParams } from "../schemas/job.ts";
import { visibleHost } from "./jobs.ts";

/** Bytes that are read from the store at once. */
const pieceBytes = 256 * 1024;

const bytes = {
  "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) },
};

/** Adds the route. */
export function addOutputRoutes(app: Api, parts: DaemonParts): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}/hosts/{host}/output/{stream}",
      operationId: "getOutput",
      summary: "Output of a host, as far as it is kept by now",
      security,
      middleware: [needs("read")] as const,
      request: {
        params: outputParams,
        headers: z.object({ range: z.string().max(200).optional().openapi({ example: "bytes=0-1023" }) }),
      },
      responses: {
        200: { description: "All of it", content: bytes },
        206: { description: "The part that Range asked for", content: bytes },
        ...problems(416),
      },
    }),
    (context) => {
      const { id, host, stream } = context.req.valid("param");
      const found = visibleHost(parts, context, id, host);
      const total = stream === "stdout" ? found.stdoutBytes : found.stderrBytes;
      const range = byteRange(context.req.header("Range"), total);
      if (range === "unsatisfiable") {
        throw new Problem(416, "RangeUnsatisfiable", `there are ${total} bytes`, {
          headers: { "Content-Range": `bytes */${total}` },
        });
      }
      const { from, to } = range ?? { from: 0, to: total - 1 };
      const headers: Record<string, string> = {
        "Content-Type": "application/octet-stream",
        "Content-Length": String(to - from + 1),
        "Content-Disposition": "attachment",
        "Accept-Ranges": "bytes",
        ...(range === undefined ? {} : { "Content-Range": `bytes ${from}-${to}/${total}` }),
      };
      const status = range === undefined ? 200 : 206;
      if (context.req.method === "HEAD") return new Response(null, { status, headers }) as never;
      // Each keeps a piece for as long as its client takes none.
      const leave = parts.meter.enter(context.get("caller").id, "streams");
      let stuck: ReturnType<typeof setTimeout> | undefined;
      const end = () => {
        clearTimeout(stuck);
        leave();
      };
      let offset = from;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          clearTimeout(stuck);
          const length = Math.min(pieceBytes, to + 1 - offset);
          const piece = length <= 0
            ? undefined
            : parts.store.read.output.range(id, found.index, stream, offset, length)?.data;
          if (length > 0 && (piece === undefined || piece.length === 0)) {
            end();
            controller.error(new Error("read output: it was deleted meanwhile"));
            return;
          }
          if (piece !== undefined) {
            offset += piece.length;
            controller.enqueue(piece as Uint8Array<ArrayBuffer>);
          }
          if (offset > to) {
            end();
            controller.close();
            return;
          }
          stuck = setTimeout(() => {
            end();
            // Shorter than Content-Length says: its client knows that it is not all. An error would be logged.
            controller.close();
            context.env.drop();
          }, parts.stuckMs);
        },
        cancel: end,
      }, { highWaterMark: 0 });
      return new Response(body, { status, headers }) as never;
    },
  );
}
