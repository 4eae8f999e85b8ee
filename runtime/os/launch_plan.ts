/**
 * What exactly is started for a {@link ProcessSpec}, as whom, where and with which environment.
 *
 * A root service that runs a command as another account drops uid, gid and supplementary groups with `setpriv`
 * (util-linux), which also sets the account's own groups. setpriv runs as root, so nothing that the client chose may be in
 * its environment: LD_PRELOAD would be root's. The client's variables travel under harmless names and get their own
 * in a shell that runs as the account already. Without setpriv (macOS) the platform drops uid and gid before `exec`
 * and clears the groups; the account's supplementary groups are missing then.
 * @module
 */
import type { ProcessSpec } from "../../actors/ports.ts";
import { baseEnvironment, defaultDirectory, isDirectory } from "./environment.ts";
import { lookupUser, type SystemUser } from "./users.ts";

/** Why nothing can be started, as `ProcessEvents.onFailed` tells it. */
export interface Refusal {
  /** As in `onFailed`. */
  readonly code: "NotFound" | "AccessDenied" | "BadDirectory" | "SpawnFailed";
  /** Action first, then the state. */
  readonly message: string;
}

/** What to start. */
export interface LaunchPlan {
  /** Program. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory. */
  readonly cwd: string;
  /** Set where the platform drops the privileges. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
}

const setpriv = "/usr/bin/setpriv";
/**
 * Runs as the account: gives the client's variables their names, then becomes the command. `command` keeps a variable that
 * the shell refuses (a read-only one) from ending it.
 */
const unwrapScript = 'DROVER_N=$1; shift; while [ "$DROVER_N" -gt 0 ]; do DROVER_N=$((DROVER_N-1)); ' +
  'eval "command export \\"\\$DROVER_ENV_$DROVER_N\\"; unset DROVER_ENV_$DROVER_N"; done 2>/dev/null; ' +
  'unset DROVER_N; exec "$@"';

/** Plans the start of `spec` by a service that runs as `me`; `marker` goes into the environment as it is. */
export function planLaunch(
  spec: ProcessSpec,
  me: SystemUser,
  marker: Readonly<Record<string, string>>,
): LaunchPlan | Refusal {
  const user = resolveUser(spec.systemUser, me);
  if ("code" in user) return user;
  const bad = firstBadText(spec);
  if (bad !== undefined) return { code: "SpawnFailed", message: `start the command: ${bad}` };

  const cwd = spec.cwd ?? defaultDirectory(user, spec.noProfile);
  if (!isDirectory(cwd)) {
    return {
      code: "BadDirectory",
      message: `start in ${cwd}: there is no such directory, or it cannot be entered`,
    };
  }
  const base = { ...baseEnvironment(user, spec.noProfile), ...marker };
  const env = { ...base, ...spec.env, ...marker };
  let [program, args] = commandLine(spec);
  if (user.uid === me.uid) return { program, args, env, cwd, ids: undefined };

  const found = findProgram(program, env.PATH ?? "", cwd);
  if (typeof found !== "string") return found;
  program = found;
  if (!isFile(setpriv)) return { program, args, env, cwd, ids: { uid: user.uid, gid: user.gid } };
  const names = Object.keys(spec.env).filter((name) => !Object.hasOwn(marker, name));
  // What acts on a starting program has the name of a shell variable; other names are harmless, and no shell takes them.
  const shellNames = names.filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const others = names.filter((name) => !shellNames.includes(name));
  const travelling: Record<string, string> = {};
  for (const name of others) travelling[name] = spec.env[name]!;
  for (const [index, name] of shellNames.entries()) {
    travelling[`DROVER_ENV_${index}`] = `${name}=${spec.env[name]}`;
  }
  if (shellNames.length > 0) {
    args = ["-c", unwrapScript, "sh", String(shellNames.length), program, ...args];
    program = "/bin/sh";
  }
  return {
    program: setpriv,
    args: [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups", "--", program, ...args],
    env: { ...base, ...travelling },
    cwd,
    ids: undefined,
  };
}

function resolveUser(name: string | undefined, me: SystemUser): SystemUser | Refusal {
  if (name === undefined || name === me.name) return me;
  if (me.uid !== 0 || Deno.build.os === "windows") {
    return {
      code: "AccessDenied",
      message: `run as ${name}: the service runs as ${me.name} and cannot change`,
    };
  }
  return lookupUser(name) ??
    { code: "AccessDenied", message: `run as ${name}: the system has no such account` };
}

function commandLine({ command }: ProcessSpec): [program: string, args: readonly string[]] {
  if (command.kind === "argv") return [command.program, command.args];
  return Deno.build.os === "windows"
    ? [Deno.env.get("ComSpec") ?? "cmd.exe", ["/c", command.line]]
    : ["/bin/sh", ["-c", command.line]];
}

/** What no operating system can pass on. */
function firstBadText({ command, cwd, env }: ProcessSpec): string | undefined {
  const words = command.kind === "line" ? [command.line] : [command.program, ...command.args];
  if (words.some((word) => word.includes("\0"))) return "a word of it contains a NUL character";
  if (words[0] === "") return "it is empty";
  if (cwd?.includes("\0")) return "the directory contains a NUL character";
  for (const [name, value] of Object.entries(env)) {
    if (!/^[^=\0]+$/.test(name)) return "the name of a variable is empty or contains '=' or NUL";
    if (value.includes("\0")) return `the variable ${name} contains a NUL character`;
  }
  return undefined;
}

/** The path of `program`, searched as a shell does; needed where setpriv would only exit with 127. */
function findProgram(program: string, path: string, cwd: string): string | Refusal {
  const inDirectory = (directory: string) => directory.startsWith("/") ? directory : `${cwd}/${directory}`;
  const candidates = program.includes("/")
    ? [program.startsWith("/") ? program : `${cwd}/${program}`]
    : path.split(":").map((directory) => `${inDirectory(directory || ".")}/${program}`);
  let seen = false;
  for (const candidate of candidates) {
    if (!isFile(candidate)) continue;
    seen = true;
    if (((Deno.statSync(candidate).mode ?? 0) & 0o111) !== 0) return candidate;
  }
  return seen
    ? { code: "AccessDenied", message: `start ${program}: it is not executable` }
    : { code: "NotFound", message: `start ${program}: there is no such program` };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
