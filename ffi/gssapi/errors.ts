/** How calls of GSS-API fail. @module */

/** The library cannot be loaded: absent, of a foreign platform, or not permitted. */
export class GssUnavailable extends Error {
  /** Says what is missing and what to do. */
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "GssUnavailable";
  }
}

/** A call failed. */
export class GssError extends Error {
  /** Function of the library. */
  readonly call: string;
  /** Major status whole. */
  readonly major: number;
  /** Routine error in the major status (RFC 2744 section 3.9.1); 0: none. */
  readonly routine: number;
  /** Minor status: of Kerberos, an error number of libkrb5. */
  readonly minor: number;
  /** What the library says of the minor status; of the major where it has nothing to say of the minor. */
  readonly text: string;
  /** What the library would have the peer told of it (KRB-ERROR); `undefined`: nothing. */
  told: Uint8Array | undefined;

  /** Makes the error of one call; `text` is for people. */
  constructor(call: string, major: number, minor: number, text: string) {
    super(`${call}: ${text} (major 0x${major.toString(16)}, minor ${minor | 0})`);
    this.name = "GssError";
    this.call = call;
    this.major = major;
    this.routine = (major >>> 16) & 0xff;
    this.minor = minor;
    this.text = text;
  }
}
