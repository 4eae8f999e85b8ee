/** Clocks of their own for processes (libfaketime). @module */

/** Debian's place for the library, whatever the machine is; `undefined`: it is not installed. */
export const fakeClockLibrary: string | undefined = (() => {
  try {
    return [...Deno.readDirSync("/usr/lib")]
      .map(({ name }) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`).find(isFile);
  } catch {
    return undefined;
  }
})();

/** Variables for processes whose clocks are `apart` from ours, e.g. `+1h`. Only the time of day is another. */
export function fakeClock(apart: string): Record<string, string> {
  return { LD_PRELOAD: fakeClockLibrary!, FAKETIME: apart, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
