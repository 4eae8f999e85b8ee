/** Bodies of requests: of the right type, not too large, and there in time. @module */
import { createHash } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { concat } from "../../protocol/bytes.ts";
import type { ApiEnv } from "./context.ts";
import { excessOf } from "./json_shape.ts";
import { Problem } from "./problems.ts";

/** Milliseconds for a whole body. Who sends it byte by byte does not keep its place for longer. */
const bodyMs = 30_000;

/** Bytes of bodies in memory at once, until their requests are answered: of one token, and of all together. */
const maxHeldByToken = 64 * 1024 * 1024;
const maxHeld = 256 * 1024 * 1024;

/** Bytes that the bodies of one request hold. */
interface Hold {
  /** @throws Problem 429, 503 there is no room for so many more */
  grow(bytes: number): void;
  release(): void;
}

const held = new Map<string, number>();
let heldByAll = 0;

/** Of the whole process, as its memory is. */
function holdOf(token: string): Hold {
  let mine = 0;
  const change = (bytes: number) => {
    mine += bytes;
    heldByAll += bytes;
    const sum = (held.get(token) ?? 0) + bytes;
    if (sum === 0) held.delete(token);
    else held.set(token, sum);
  };
  const later = { headers: { "Retry-After": "1" } };
  return {
    grow(bytes) {
      if ((held.get(token) ?? 0) + bytes > maxHeldByToken) {
        throw new Problem(
          429,
          "BodiesExceeded",
          `more than ${maxHeldByToken} bytes at once with this token`,
          later,
        );
      }
      if (heldByAll + bytes > maxHeld) {
        throw new Problem(503, "BodiesBusy", "too many large bodies at once", later);
      }
      change(bytes);
    },
    release: () => change(-mine),
  };
}

/** Takes a JSON body of at most `limit` bytes; `optional`: none is an empty object. */
export function jsonBody(limit: number, optional = false): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (context, next) => {
    const { raw } = context.req;
    const type = raw.headers.get("Content-Type");
    if (type === null && optional && isEmpty(raw.headers)) {
      context.set("bodyDigest", "");
      await next();
      return;
    }
    if (!/^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i.test(type ?? "")) {
      throw new Problem(415, "MediaTypeUnsupported", "the body has to be application/json", {
        headers: { "Accept": "application/json" },
      });
    }
    const hold = holdOf(context.get("caller").id);
    try {
      const bytes = await readBody(raw, limit, hold);
      const text = decode(bytes);
      const excess = excessOf(text);
      if (excess === "values") throw new Problem(413, "BodyTooLarge", "the body has too many values");
      if (excess === "depth") throw new Problem(400, "BodyMalformed", "the body is nested too deeply");
      try {
        JSON.parse(text);
      } catch {
        throw new Problem(400, "BodyMalformed", "the body is not JSON");
      }
      checkNames(text);
      context.set("bodyDigest", createHash("sha256").update(bytes).digest("hex"));
      // For hono's validator, which reads it once more.
      context.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, body: text });
      await next();
    } finally {
      hold.release();
    }
  });
}

/** Such a name is that of no field, and where names are free (variables) it would be lost without a word. */
function checkNames(text: string): void {
  // Any character may be written as an escape.
  if (!/__proto__|\\u/.test(text)) return;
  JSON.parse(text, (name, value) => {
    if (name === "__proto__") throw new Problem(422, "RequestInvalid", "nothing can have the name __proto__");
    return value;
  });
}

/** Whether a request has no body (RFC 9112, section 6.3). */
function isEmpty(headers: Headers): boolean {
  return !headers.has("Transfer-Encoding") && Number(headers.get("Content-Length") ?? 0) === 0;
}

/** The bytes of a body. */
async function readBody(request: Request, limit: number, hold: Hold): Promise<Uint8Array> {
  const tooLarge = () => new Problem(413, "BodyTooLarge", `the body is larger than ${limit} bytes`);
  if (Number(request.headers.get("Content-Length") ?? 0) > limit) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, bodyMs);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > limit) throw tooLarge();
      hold.grow(value.length);
      parts.push(value);
    }
  } catch (error) {
    if (error instanceof Problem) {
      reader.cancel().catch(() => {});
      throw error;
    }
    throw new Problem(400, "BodyIncomplete", "the body ended too early");
  } finally {
    clearTimeout(timer);
  }
  if (late) {
    throw new Problem(408, "BodyLate", "the body did not come in time", {
      headers: { "Connection": "close" },
    });
  }
  return concat(parts);
}

/** Bytes as text. */
export function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem(400, "BodyMalformed", "the body is not UTF-8");
  }
}
