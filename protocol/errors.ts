/**
 * Typed errors that say whose fault it is. Every error that leaves a Drover module is one of these.
 *
 * Texts begin with the action, then the state, without a final period; no secret is ever part of one.
 * @module
 */

/**
 * Whose fault an error is: the caller's, the peer's (protocol violation), the network's, a fault that the peer reported, or
 * the fault of the system that we run on (a full disk).
 */
export type Blame = "caller" | "peer" | "network" | "reported" | "system";

/** Base class: a stable `code` for programs, a `message` for people, and whose fault it is. */
export class DroverError extends Error {
  /** Whose fault it is. */
  readonly blame: Blame;
  /** Stable, PascalCase identifier that programs may match on, e.g. `XmlMalformed`. */
  readonly code: string;

  /** Makes an error with a stable code; `options.cause` keeps the error below. */
  constructor(blame: Blame, code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.blame = blame;
    this.code = code;
  }
}

/** Our caller used an API or an option wrongly. */
export class UsageError extends DroverError {
  /** Makes a usage error. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super("caller", code, message, options);
  }
}

/** The peer sent something that the protocol does not allow, or that exceeds a limit. */
export class ProtocolError extends DroverError {
  /** Makes a protocol error. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super("peer", code, message, options);
  }
}

/** The network failed: no connection, a reset, a deadline that passed without an answer. */
export class NetworkError extends DroverError {
  /** Makes a network error. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super("network", code, message, options);
  }
}

/** The peer refused who we are: 401 or 403 after the dialogue, or an AccessDenied fault. */
export class DeniedError extends DroverError {
  /** Makes an access error. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super("reported", code, message, options);
  }
}
