/** Reading inventory files within limits. @module */

import { inventoryError } from "./errors.ts";

/** Largest file that is read, bytes. */
export const maxFileSize = 32 * 1024 * 1024;

/**
 * The text of a file (UTF-8, a byte order mark taken off).
 * @throws UsageError InventoryUnreadable, InventoryTooLarge
 */
export function readInventoryFile(file: string): string {
  const fail = (code: string, state: string) =>
    inventoryError(code, "read inventory", { file, line: 0 }, state);
  let bytes: Uint8Array;
  try {
    const { size } = Deno.statSync(file);
    if (size > maxFileSize) throw fail("InventoryTooLarge", `larger than ${maxFileSize} bytes`);
    bytes = Deno.readFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw fail("InventoryUnreadable", "there is no such file");
    if (error instanceof Deno.errors.PermissionDenied) throw fail("InventoryUnreadable", "permission denied");
    if (error instanceof Error && error.name === "UsageError") throw error;
    throw fail(
      "InventoryUnreadable",
      `the file cannot be read (${error instanceof Error ? error.name : "error"})`,
    );
  }
  // A pipe or a device says nothing about its size beforehand.
  if (bytes.length > maxFileSize) throw fail("InventoryTooLarge", `larger than ${maxFileSize} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("InventoryMalformed", "not UTF-8 text");
  }
}
