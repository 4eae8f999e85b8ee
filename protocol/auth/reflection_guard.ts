/** Refusing our own challenge when someone hands it back to us. @module */

/**
 * Remembers the server challenges that this process issued, so that its own initiators refuse them: else a hostile
 * server could answer our logon with a challenge it got from our own service, and be let in there with our response.
 * One guard is shared by all acceptors and initiators of a process.
 */
export class ReflectionGuard {
  readonly #expiry = new Map<string, number>();
  readonly #lifetimeMs: number;
  readonly #capacity: number;

  /** `lifetimeMs` (default 5 minutes): how long a challenge is remembered; `capacity` (default 65,536): how many, the oldest going first. */
  constructor(options: { readonly lifetimeMs?: number; readonly capacity?: number } = {}) {
    this.#lifetimeMs = options.lifetimeMs ?? 300_000;
    this.#capacity = options.capacity ?? 65_536;
  }

  /** How many challenges are remembered. */
  get size(): number {
    return this.#expiry.size;
  }

  /** An acceptor issued `challenge` at `now` (ms since 1970). */
  issued(challenge: Uint8Array, now: number): void {
    // Insertion order is order of age: expired and surplus entries are at the front.
    for (const [key, expires] of this.#expiry) {
      if (expires > now && this.#expiry.size < this.#capacity) break;
      this.#expiry.delete(key);
    }
    this.#expiry.set(challenge.toHex(), now + this.#lifetimeMs);
  }

  /** Whether `challenge` is one of ours, at `now` (ms since 1970). */
  isOurs(challenge: Uint8Array, now: number): boolean {
    return (this.#expiry.get(challenge.toHex()) ?? -Infinity) > now;
  }

  /** The dialogue for which `challenge` was issued has ended. */
  forget(challenge: Uint8Array): void {
    this.#expiry.delete(challenge.toHex());
  }
}
