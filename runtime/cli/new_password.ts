/** Where a password comes from that an account of the service is to have: never from the arguments, which everybody can see. @module */
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { takeFromEnvironment } from "../os/own_secrets.ts";
import { askPassword } from "./password.ts";

const longestPassword = 4096;

/** What the command line says of it. */
export interface PasswordFlags {
  readonly passwordEnv?: string;
  readonly passwordStdin?: boolean;
}

/**
 * The password from the environment, standard input, or the terminal, where it is asked for twice.
 *
 * @throws UsageError `PasswordMissing`, `PasswordMismatch`
 */
export async function newPassword({ passwordEnv, passwordStdin }: PasswordFlags): Promise<Secret> {
  if (passwordEnv !== undefined && passwordStdin === true) {
    throw new UsageError("PasswordMissing", "read password: say either --password-env or --password-stdin");
  }
  if (passwordStdin === true) return await passwordFromInput();
  if (passwordEnv !== undefined) {
    const value = takeFromEnvironment(passwordEnv);
    if (value !== undefined) return new Secret(value);
    throw new UsageError(
      "PasswordMissing",
      `read password: the environment variable ${passwordEnv} is not set`,
    );
  }
  if (!Deno.stdin.isTerminal()) {
    throw new UsageError(
      "PasswordMissing",
      "read password: there is no terminal to ask on; say --password-env or --password-stdin",
    );
  }
  const first = await askPassword("Password");
  if (await askPassword("Once more") === first) return new Secret(first);
  throw new UsageError("PasswordMismatch", "read password: the two are not the same");
}

/** The first line of standard input, without its end. */
export async function passwordFromInput(): Promise<Secret> {
  let text = "";
  const decoder = new TextDecoderStream();
  for await (
    const piece of Deno.stdin.readable.pipeThrough(decoder as ReadableWritablePair<string, Uint8Array>)
  ) {
    text += piece;
    if (text.includes("\n") || text.length > longestPassword) break;
  }
  const [line] = text.split(/\r?\n/, 1) as [string];
  if (line.length > longestPassword) {
    throw new UsageError(
      "PasswordMissing",
      `read password: the first line of standard input is longer than ${longestPassword} characters`,
    );
  }
  return new Secret(line);
}
