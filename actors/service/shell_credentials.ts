/** Credentials that the client of a shell has handed over, from the shell's begin to its end. @module */
import { DroverError } from "../../protocol/errors.ts";
import type { DelegatedCredentials, ProvidedCredentials } from "../ports.ts";

/** See the module. All but the constructor is called in effects. */
export class ShellCredentials {
  readonly #delegated: DelegatedCredentials | undefined;
  readonly #systemUser: string | undefined;
  #provided: ProvidedCredentials | undefined;
  #refusal: string | undefined;

  /** `delegated`: `undefined` where nothing was handed over. */
  constructor(delegated: DelegatedCredentials | undefined, systemUser: string | undefined) {
    this.#delegated = delegated;
    this.#systemUser = systemUser;
  }

  /** Whether there is anything to do. */
  get some(): boolean {
    return this.#delegated !== undefined;
  }

  /** Why commands cannot have them: one that was to log on elsewhere must not begin without. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** By which commands find them. */
  get variables(): Readonly<Record<string, string>> {
    return this.#provided?.variables ?? {};
  }

  /** Lays them ready. */
  provide(): void {
    try {
      this.#provided = this.#delegated?.provide(this.#systemUser);
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      this.#refusal = error.message;
    }
  }

  /** Destroys them. */
  wipe(): void {
    this.#provided?.wipe();
    this.#provided = undefined;
  }
}
