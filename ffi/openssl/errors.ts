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

  /** Wraps what the library says. */
  constructor(call: string, text: string) {
    super(`${call}: ${text}`);
    this.call = call;
    this.text = text;
  }
}
