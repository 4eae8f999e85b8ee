/** Where the check of a logon may have to wait its turn, because logons of the same name have failed. @module */

/** A check that may begin now. */
export interface LogonAttempt {
  /** Tells what came of it, once. `unproven`: nothing that says whether the client knows the password. */
  end(outcome: "right" | "wrong" | "unproven"): void;
}

/** Asked before the secret of a client is checked. */
export interface LogonGate {
  /**
   * Calls `turn` once, at once or later: with the attempt that may begin, or with nothing when the client is to be refused unchecked.
   * The function that it returns gives the place up while `turn` was not called yet; afterwards it does nothing.
   */
  enter(username: string, turn: (attempt: LogonAttempt | undefined) => void): () => void;
}
