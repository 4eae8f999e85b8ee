/**
 * What a handler asked for, until it returns. One buffer serves the whole system, as only one handler runs at a time:
 * three arrays side by side, so that an effect costs no object.
 * @module
 */

/** The kinds of effects. Operands stand behind each. */
export const Effect = {
  /** ref, message */
  send: 0,
  /** ask, target ref, message */
  ask: 1,
  /** ask, value */
  reply: 2,
  /** cell */
  spawn: 3,
  /** – */
  stopSelf: 4,
  /** ref */
  stopChild: 5,
  /** ref */
  killChild: 6,
  /** watch */
  watch: 7,
  /** timer */
  timer: 8,
  /** timer */
  cancel: 9,
  /** function */
  run: 10,
  /** name, ref */
  register: 11,
  /** name */
  unregister: 12,
  /** – */
  passivate: 13,
  /** ref, message */
  sendOnCredit: 14,
} as const;

/** One of {@link Effect}. */
export type EffectKind = (typeof Effect)[keyof typeof Effect];

/** The buffer. */
export class EffectBuffer {
  /** Number of effects. */
  length = 0;
  readonly #kinds: EffectKind[] = [];
  readonly #first: unknown[] = [];
  readonly #second: unknown[] = [];
  readonly #third: unknown[] = [];

  /** Adds one. */
  push(kind: EffectKind, first?: unknown, second?: unknown, third?: unknown): void {
    const at = this.length++;
    this.#kinds[at] = kind;
    this.#first[at] = first;
    this.#second[at] = second;
    this.#third[at] = third;
  }

  /** Kind of effect `at`. */
  kind(at: number): EffectKind | undefined {
    return this.#kinds[at];
  }

  /** First operand of effect `at`. */
  first(at: number): unknown {
    return this.#first[at];
  }

  /** Second operand of effect `at`. */
  second(at: number): unknown {
    return this.#second[at];
  }

  /** Third operand of effect `at`. */
  third(at: number): unknown {
    return this.#third[at];
  }

  /** Forgets everything; keeps the arrays but no reference to what was in them. */
  clear(): void {
    for (let at = 0; at < this.length; at++) {
      this.#first[at] = undefined;
      this.#second[at] = undefined;
      this.#third[at] = undefined;
    }
    this.length = 0;
  }
}
