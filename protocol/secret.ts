/** Secrets as a type of their own, so that no log, error or JSON ever shows one. @module */

const redacted = "[redacted]";

/** A secret text. Printing, inspecting or serialising it gives `[redacted]`; only {@link Secret.reveal} gives the value. */
export class Secret {
  readonly #value: string;

  /** Wraps `value`. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself: call it only where the value goes on the wire or into a key derivation. */
  reveal(): string {
    return this.#value;
  }

  /** Always `[redacted]`. */
  toString(): string {
    return redacted;
  }

  /** Always `[redacted]`. */
  toJSON(): string {
    return redacted;
  }

  /** Always `[redacted]` in `console.log` and `Deno.inspect`. */
  [Symbol.for("Deno.customInspect")](): string {
    return redacted;
  }

  /** Always `[redacted]` in Node's `util.inspect`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return redacted;
  }
}

/**
 * A record with fields that are used like others, but stand in no printing, inspection or JSON of it: bytes and texts that are
 * secret, in types that others share. A copy by spreading has them like any other field.
 */
export function hiding<S extends object, H extends object>(shown: S, hidden: H): S & H {
  const record = { ...shown, ...hidden };
  const names = Object.entries(hidden).map(([name, value]) => [name, value === undefined ? value : redacted]);
  const rest = () => ({ ...shown, ...Object.fromEntries(names) });
  const inspected = (inspect: (value: unknown, options: unknown) => string, options: unknown) =>
    inspect(rest(), options);
  for (
    const [name, value] of [
      ["toJSON", rest],
      [Symbol.for("Deno.customInspect"), inspected],
      [Symbol.for("nodejs.util.inspect.custom"), rest],
    ] as const
  ) {
    Object.defineProperty(record, name, { value });
  }
  return record;
}
