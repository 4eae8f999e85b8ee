/** Outcomes that are there at once as a rule: a promise for each would cost as much as what it waits for. @module */

/** Now or later. */
export type Sooner<T> = T | Promise<T>;

/** What `next` makes of `value`: at once, when it is there. */
export function andThen<T, U>(value: Sooner<T>, next: (value: T) => Sooner<U>): Sooner<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
