/**
 * Problem details (RFC 9457): what every answer that is no success looks like. One table says which status an error of
 * Drover or of its store becomes; whatever is not in it is an internal error, and tells nothing of itself.
 * @module
 */
import { DroverError } from "../../protocol/errors.ts";

/** One thing that is wrong with a request. */
export interface ProblemPart {
  /** Where: a JSON Pointer into the body, or the name of a parameter. */
  readonly at: string;
  /** What is wrong there. */
  readonly detail: string;
}

/** What a problem has besides its code and text. */
export interface ProblemOptions {
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What is wrong, piece by piece. */
  readonly errors?: readonly ProblemPart[];
}

/** Titles by status: the same for every problem of it. */
const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not authenticated",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Request timeout",
  409: "Conflict",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  416: "Range not satisfiable",
  421: "Misdirected request",
  422: "Unprocessable content",
  426: "Upgrade required",
  428: "Precondition required",
  429: "Too many requests",
  431: "Request header fields too large",
  500: "Internal error",
  501: "Not implemented",
  502: "Bad gateway",
  503: "Service unavailable",
  507: "Insufficient storage",
};

/** An answer that is no success. `code` is stable. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly ProblemPart[] | undefined;

  /** Makes one; `detail` is for people. */
  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.errors = options.errors;
  }

  /** As an answer. */
  response(): Response {
    const body = {
      type: `urn:drover:problem:${this.code}`,
      title: titles[this.status] ?? "Error",
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    };
    return new Response(JSON.stringify(body), {
      status: this.status,
      headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...this.headers },
    });
  }
}

/** What errors of Drover become that a request can cause. Codes that begin with `Inventory` are 422. */
const statuses: Readonly<Record<string, number>> = {
  HostUnknown: 404,
  PatternUnmatched: 422,
  PatternMalformed: 422,
  PatternRefused: 422,
  CursorInvalid: 422,
  CredentialsMissing: 422,
  CredentialsUnavailable: 503,
  NotTrusted: 422,
  ClearTextRefused: 422,
  AuthUnsupported: 422,
  AuthNotAllowed: 422,
  CertificateNeedsTls: 422,
  EncryptionImpossible: 422,
  KerberosUnavailable: 422,
  KerberosUser: 422,
  KerberosService: 422,
  OpensslMissing: 422,
  ConnectionUnsupported: 422,
  FileUnreadable: 422,
  XmlCharacter: 422,
  CronInvalid: 422,
  CronNever: 422,
  TimeZoneUnknown: 422,
  StoreConflict: 409,
  StoreBusy: 503,
  StoreClosed: 503,
  StoreFull: 507,
  StoreFailed: 503,
  StoreCorrupt: 503,
};

/** The problem that an error is. What nobody foresaw says nothing of itself: it may quote a secret. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DroverError) {
    const status = statuses[error.code] ?? (error.code.startsWith("Inventory") ? 422 : undefined);
    if (status !== undefined) {
      return new Problem(
        status,
        error.code,
        error.message,
        status === 503 ? { headers: { "Retry-After": "1" } } : {},
      );
    }
  }
  return new Problem(500, "Internal", "an internal error; the daemon's log has more of it");
}

/** Whether it is one that nobody foresaw, which the log should have. */
export function isUnforeseen(error: unknown): boolean {
  return problemOf(error).status === 500;
}
