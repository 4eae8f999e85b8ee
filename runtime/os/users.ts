/** The system's accounts. @module */

/** One system account. */
export interface SystemUser {
  /** Login name. */
  readonly name: string;
  /** User id. */
  readonly uid: number;
  /** Id of the primary group. */
  readonly gid: number;
  /** Home directory. */
  readonly home: string;
  /** Login shell. */
  readonly shell: string;
}

/**
 * The account called `name`: from /etc/passwd, else from the name services (`getent`: LDAP, SSSD). `undefined` when
 * there is none.
 */
export function lookupUser(name: string): SystemUser | undefined {
  // A name that starts with '-' or a digit would be an option or an id to getent.
  if (!/^[A-Za-z_][A-Za-z0-9_.@\\$-]*$/.test(name)) return undefined;
  return find((user) => user.name === name, name);
}

/** The account that this process runs as; a made-up one with the bare id where it has no name. */
export function currentUser(): SystemUser {
  const uid = Deno.uid() ?? 0;
  return find((user) => user.uid === uid, String(uid)) ??
    { name: String(uid), uid, gid: Deno.gid() ?? 0, home: "/", shell: "/bin/sh" };
}

function find(matches: (user: SystemUser) => boolean, key: string): SystemUser | undefined {
  return firstMatch(readPasswd(), matches) ?? firstMatch(askNameServices(key), matches);
}

function firstMatch(passwd: string, matches: (user: SystemUser) => boolean): SystemUser | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid, , home, shell] = line.split(":");
    if (!name || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) continue;
    const user = { name, uid: Number(uid), gid: Number(gid), home: home || "/", shell: shell || "/bin/sh" };
    if (matches(user)) return user;
  }
  return undefined;
}

function readPasswd(): string {
  try {
    return Deno.readTextFileSync("/etc/passwd");
  } catch {
    return "";
  }
}

function askNameServices(key: string): string {
  try {
    const { success, stdout } = new Deno.Command("getent", {
      args: ["passwd", key],
      stdin: "null",
      stderr: "null",
    }).outputSync();
    return success ? new TextDecoder().decode(stdout) : "";
  } catch {
    // No getent here (macOS).
    return "";
  }
}
