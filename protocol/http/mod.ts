/**
 * Strict sans-IO HTTP/1.1 for both roles: parsers, serializers, authentication challenges, content types and WinRM's
 * `multipart/encrypted` (RFC 9110, RFC 9112, [MS-WSMV] 2.2.9.1).
 * @module
 */
export { type AuthChallenge, parseAuthorization, parseChallenges } from "./challenge.ts";
export { type ContentType, parseContentType } from "./content_type.ts";
export type { HttpEvent, HttpRequestEvent, HttpResponseEvent } from "./events.ts";
export { HttpHeaders } from "./headers.ts";
export { HttpError, type HttpErrorCode } from "./http_error.ts";
export { defaultHttpLimits, type HttpLimits } from "./limits.ts";
export {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type EncryptedPart,
  encryptedParts,
  isEncrypted,
  isPieces,
} from "./multipart.ts";
export { HttpRequestParser } from "./request_parser.ts";
export { HttpResponseParser } from "./response_parser.ts";
export {
  type BodyLength,
  continueResponse,
  lastChunk,
  type RequestHead,
  RequestTemplate,
  type ResponseHead,
  serializeChunk,
  serializeRequest,
  serializeRequestHead,
  serializeResponse,
  serializeResponseHead,
} from "./serializer.ts";
