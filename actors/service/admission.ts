/** Whether a request's head is for this service at all, and what credentials it brings. Plain functions of the head. @module */
import { ProtocolError } from "../../protocol/errors.ts";
import { certificateAuthorization, parseBasic } from "../../protocol/auth/mod.ts";
import {
  type ContentType,
  type HttpRequestEvent,
  isEncrypted,
  parseAuthorization,
  parseContentType,
} from "../../protocol/http/mod.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { SealingScheme } from "../../protocol/sealing/mod.ts";

/** A request that no authentication could make acceptable. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Checks method, path and media type; the media type of the body, or why the request is refused. */
export function admit(request: HttpRequestEvent): { readonly type: ContentType | undefined } | Refusal {
  if (pathOf(request.target) !== "/wsman") return refusal(404, "the path is not /wsman");
  if (request.method !== "POST") return refusal(405, "the method is not POST", [["Allow", "POST"]]);
  const encoding = request.headers.get("content-encoding");
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") {
    return refusal(415, "the body has a content encoding");
  }
  const value = request.headers.get("content-type");
  if (value === undefined) {
    const empty = !request.chunked && (request.contentLength ?? 0) === 0;
    return empty ? { type: undefined } : refusal(415, "the body has no content type");
  }
  let type: ContentType;
  try {
    type = parseContentType(value);
  } catch (error) {
    if (error instanceof ProtocolError) return refusal(415, error.message);
    throw error;
  }
  if (type.type === "application/soap+xml" || isEncrypted(type)) return { type };
  return refusal(415, "the content type is neither application/soap+xml nor multipart/encrypted");
}

/** Path without query, trailing slash and, for absolute-form, authority. Windows compares it without case. */
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/[?#].*$/, "").replace(/\/$/, "");
  return path.toLowerCase();
}

function refusal(status: number, reason: string, headers: Refusal["headers"] = []): Refusal {
  return { status, reason, headers };
}

/** What a request says of who it is from. */
export type Credentials =
  | { readonly kind: "none" }
  /** WSMANIDENTIFY: unauthenticated. */
  | { readonly kind: "identify" }
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  /** The client's certificate is to answer for the request. */
  | { readonly kind: "certificate" }
  | { readonly kind: "token"; readonly scheme: SealingScheme; readonly token: Uint8Array }
  /** A scheme that is not offered, or credentials that cannot be read. */
  | { readonly kind: "unusable"; readonly reason: string };

/** Reads the credentials of a request. */
export function credentialsOf(request: HttpRequestEvent): Credentials {
  const value = request.headers.get("authorization");
  if (value === undefined || value.trim() === "") {
    const identify = request.headers.get("wsmanidentify")?.trim().toLowerCase() === "unauthenticated";
    return { kind: identify ? "identify" : "none" };
  }
  // Not a scheme of RFC 9110, whose names have no slashes.
  if (value.trim().toLowerCase() === certificateAuthorization) return { kind: "certificate" };
  try {
    const { scheme, token } = parseAuthorization(value);
    if (token === undefined) return { kind: "unusable", reason: "the credentials have no token" };
    switch (scheme.toLowerCase()) {
      case "basic":
        return { kind: "basic", ...parseBasic(token) };
      case "negotiate":
        return { kind: "token", scheme: "Negotiate", token: Uint8Array.fromBase64(token) };
      case "kerberos":
        return { kind: "token", scheme: "Kerberos", token: Uint8Array.fromBase64(token) };
      case "credssp":
        return { kind: "token", scheme: "CredSSP", token: Uint8Array.fromBase64(token) };
      default:
        return { kind: "unusable", reason: "the authentication scheme is not offered" };
    }
  } catch (error) {
    if (error instanceof ProtocolError) return { kind: "unusable", reason: error.message };
    if (error instanceof SyntaxError) return { kind: "unusable", reason: "the token is not base64" };
    throw error;
  }
}
