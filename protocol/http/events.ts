/** What the parsers give back. @module */
import type { HttpHeaders } from "./headers.ts";

/** The head of a request. */
export interface HttpRequestEvent {
  /** Tells the events apart. */
  readonly kind: "request";
  /** Method as sent (methods are case-sensitive). */
  readonly method: string;
  /** Request target as sent: origin-form, absolute-form or `*`. */
  readonly target: string;
  /** HTTP version of the sender. */
  readonly version: "1.0" | "1.1";
  /** Header fields as sent. */
  readonly headers: HttpHeaders;
  /** Whether the connection may serve another message after this one (RFC 9112 9.3). */
  readonly keepAlive: boolean;
  /** Whether the client waits for `100 Continue` before it sends the body (RFC 9110 10.1.1). */
  readonly expectContinue: boolean;
  /** Value of Content-Length, where sent. */
  readonly contentLength: number | undefined;
  /** Whether the body comes in chunks. */
  readonly chunked: boolean;
}

/** The head of a response. */
export interface HttpResponseEvent {
  /** Tells the events apart. */
  readonly kind: "response";
  /** Status code, 100 to 599. */
  readonly status: number;
  /** Reason phrase; Windows sends an empty one. */
  readonly reason: string;
  /** HTTP version of the sender. */
  readonly version: "1.0" | "1.1";
  /** Header fields as sent. */
  readonly headers: HttpHeaders;
  /** Whether the connection may serve another message after this one (RFC 9112 9.3). */
  readonly keepAlive: boolean;
  /** Whether this is a 1xx response, after which the final one follows; an `end` event follows it all the same. */
  readonly interim: boolean;
  /** Value of Content-Length, where sent; a response to HEAD has no body in spite of it. */
  readonly contentLength: number | undefined;
  /** Whether the body comes in chunks. */
  readonly chunked: boolean;
}

/** One event: a head, then any number of non-empty body pieces, then `end`. */
export type HttpEvent =
  | HttpRequestEvent
  | HttpResponseEvent
  /** A piece of the body, chunking removed. It may share memory with the bytes that were pushed. */
  | { readonly kind: "body"; readonly bytes: Uint8Array }
  /** The message is complete. */
  | { readonly kind: "end" };
