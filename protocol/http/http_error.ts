/** The error of the HTTP codec. @module */
import { ProtocolError } from "../errors.ts";
import type { HttpEvent } from "./events.ts";

/** Codes of {@link HttpError}. */
export type HttpErrorCode =
  /** The bytes are not HTTP/1.1 as RFC 9112 has it, or are ambiguous. */
  | "HttpMalformed"
  /** A limit was passed. */
  | "HttpTooLarge"
  /** Well-formed, but a version, transfer coding, expectation or method that is not supported. */
  | "HttpUnsupported"
  /** The input ended inside a message. */
  | "HttpIncomplete"
  /** A response came that no request asked for. */
  | "HttpUnexpectedResponse";

/** The peer's bytes are not acceptable HTTP. The connection is of no further use. */
export class HttpError extends ProtocolError {
  /** Status code with which a server may answer before it closes: 400, 408, 413, 417, 431, 501 or 505. */
  readonly status: number;
  /** Events that were complete before the faulty bytes within the same push; they are still valid. */
  readonly events: readonly HttpEvent[];

  /** Makes an error with the status that suits it. */
  constructor(
    code: HttpErrorCode,
    message: string,
    status: number,
    options: { cause?: unknown; events?: readonly HttpEvent[] } = {},
  ) {
    super(code, message, options);
    this.status = status;
    this.events = options.events ?? [];
  }
}

/** An `HttpMalformed` error (400). */
export function malformed(message: string): HttpError {
  return new HttpError("HttpMalformed", message, 400);
}
