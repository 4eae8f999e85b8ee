/** What goes wrong with OpenSSL. @module */

/** The library is not there. */
export class OpensslUnavailable extends Error {
  override readonly name = "OpensslUnavailable";
}

/** A call failed. */
export class OpensslError extends Error {
  override readonly name = "OpensslError";
  /** Name of the function. */
  readonly call: string;
  /** What the library says. */
  readonly text: string;
  /** Number of the reason (openssl/sslerr.h where the call is one of TLS); 0: none is given. */
  readonly reason: number;

  /** Wraps what the library says. */
  constructor(call: string, text: string, reason = 0) {
    super(`${call}: ${text}`);
    this.call = call;
    this.text = text;
    this.reason = reason;
  }
}

/** The peer's certificate was refused by this side. */
export class OpensslUntrusted extends OpensslError {}

/** The peer wants something more often than is reasonable. */
export class OpensslExcess extends OpensslError {}
