/** The calls of the C library that the platform has no other way to. Loaded when first used; absent on Windows. @module */

const libraries: Readonly<Partial<Record<typeof Deno.build.os, string>>> = {
  linux: "libc.so.6",
  darwin: "libSystem.B.dylib",
};

/** PR_SET_DUMPABLE of Linux' prctl(2). */
const setDumpable = 4;

/** Whether this process may load the library at all; it is never asked for on a terminal. */
function isPermitted(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * Overwrites the value of an environment variable where the system put it at this process' start. Unsetting a variable
 * only forgets where it stands: `/proc/PID/environ` and `ps e` go on showing it. `false` when it could not be done.
 */
export function eraseEnvironmentValue(name: string): boolean {
  const path = libraries[Deno.build.os];
  if (path === undefined || !isPermitted()) return false;
  try {
    const library = Deno.dlopen(path, { getenv: { parameters: ["buffer"], result: "pointer" } });
    try {
      const value = library.symbols.getenv(new TextEncoder().encode(`${name}\0`));
      if (value === null) return false;
      const view = new Deno.UnsafePointerView(value);
      let length = 0;
      while (view.getUint8(length) !== 0) length++;
      if (length > 0) new Uint8Array(view.getArrayBuffer(length)).fill(0x2a);
      return true;
    } finally {
      library.close();
    }
  } catch {
    return false;
  }
}

/**
 * Makes this process opaque to others of the same user: its environment, memory and descriptors cannot be read, and it
 * leaves no core dump (prctl(2), PR_SET_DUMPABLE). What it starts is as open as ever. `false` when it could not be done:
 * only Linux has it.
 */
export function forbidInspection(): boolean {
  if (Deno.build.os !== "linux" || !isPermitted()) return false;
  try {
    const library = Deno.dlopen(libraries.linux!, {
      prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
    });
    try {
      return library.symbols.prctl(setDumpable, 0n, 0n, 0n, 0n) === 0;
    } finally {
      library.close();
    }
  } catch {
    return false;
  }
}
