/** The environment and the directory that a command starts in. @module */
import type { SystemUser } from "./users.ts";

const userPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
const rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What programs on Windows cannot do without; the only variables ever taken from the service's own environment. */
const windowsBase = [
  "SystemRoot",
  "SystemDrive",
  "windir",
  "ComSpec",
  "PATH",
  "PATHEXT",
  "TEMP",
  "TMP",
  "ProgramFiles",
  "ProgramFiles(x86)",
  "ProgramData",
  "PROCESSOR_ARCHITECTURE",
  "NUMBER_OF_PROCESSORS",
  "COMPUTERNAME",
  "OS",
];
const windowsProfile = ["USERNAME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA"];

/**
 * The base environment of a command of `user`: never the service's own, which may hold secrets.
 *
 * The profile is HOME, SHELL and the home directory; start-up files of the login shell are not read. Without it
 * (WINRS_NOPROFILE) a command gets the root directory for a home, as Windows gives it the default profile.
 */
export function baseEnvironment(user: SystemUser, noProfile: boolean): Record<string, string> {
  if (Deno.build.os === "windows") {
    const names = noProfile ? windowsBase : [...windowsBase, ...windowsProfile];
    return Object.fromEntries(names.flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }));
  }
  return {
    PATH: user.uid === 0 ? rootPath : userPath,
    // Output is passed on as UTF-8 unless the client asks for another code page.
    LANG: Deno.build.os === "linux" ? "C.UTF-8" : "en_US.UTF-8",
    USER: user.name,
    LOGNAME: user.name,
    HOME: noProfile ? "/" : user.home,
    ...(noProfile ? {} : { SHELL: user.shell }),
  };
}

/** The directory to start in when the client names none: the home, if there is one and the profile is loaded. */
export function defaultDirectory(user: SystemUser, noProfile: boolean): string {
  if (Deno.build.os === "windows") return Deno.env.get(noProfile ? "SystemRoot" : "USERPROFILE") ?? "C:\\";
  return !noProfile && isDirectory(user.home) ? user.home : "/";
}

/** Whether `path` names a directory that we can see. */
export function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
