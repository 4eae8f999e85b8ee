/** Actors by name: at most one living actor per name, freed in the moment of its end. @module */
import { UsageError } from "../../protocol/errors.ts";
import type { ActorName } from "./actor.ts";
import type { Cell, LocalRef } from "./cell.ts";

/** A name for an actor that takes messages of type `M`. Make it once, beside the type of the messages. */
export function actorName<M>(text: string): ActorName<M> {
  return { text };
}

/** The names of one system. */
export class Registry {
  readonly #cells = new Map<string, Cell>();

  /**
   * Gives `ref` a name, besides those that it has; nothing happens when it has ended. Throws `UsageError`
   * `RegisteredNameTaken` when another actor has it.
   */
  register(name: string, ref: LocalRef<never>): void {
    const cell = ref.cell;
    if (cell === undefined) return;
    const holder = this.#cells.get(name);
    if (holder === cell) return;
    if (holder !== undefined) {
      throw new UsageError(
        "RegisteredNameTaken",
        `register ${ref.path} as "${name}": ${holder.ref.path} has this name`,
      );
    }
    this.#cells.set(name, cell);
    (cell.names ??= []).push(name);
  }

  /** Who has the name. */
  whereis(name: string): LocalRef<unknown> | undefined {
    return this.#cells.get(name)?.ref;
  }

  /** Takes one name from `cell`; does nothing when it has not got it. */
  unregister(name: string, cell: Cell): void {
    if (this.#cells.get(name) !== cell) return;
    this.#cells.delete(name);
    cell.names = cell.names?.filter((other) => other !== name);
  }

  /** Frees all names of an actor that has ended. */
  release(cell: Cell): void {
    for (const name of cell.names ?? []) this.#cells.delete(name);
    cell.names = undefined;
  }
}
