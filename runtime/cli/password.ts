/** Asks a person for a password. @module */
import password from "@inquirer/password";
import { UsageError } from "../../protocol/errors.ts";

/**
 * Asks on the terminal, without showing what is typed.
 *
 * @throws UsageError `PasswordMissing` when the person leaves with Ctrl-C
 */
export async function askPassword(question: string): Promise<string> {
  try {
    return await password({ message: question.replace(/:\s*$/, "") }, { output: process.stderr });
  } catch (error) {
    throw new UsageError("PasswordMissing", "ask for the password: no password was given", { cause: error });
  }
}
