/**
 * What exactly is started for a {@link ProcessSpec}, as whom, where and with which environment.
 *
 * A root service that runs a command as another account drops uid, gid and supplementary groups with `setpriv`
 * (util-linux), which also sets the account's own groups. Only then is the directory entered: from a directory that root
 * alone can reach, the account could go on to what lies below it. setpriv runs as root, so nothing that the client chose may be in
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
 * Runs as the account: goes to the directory, gives the client's variables their names, then becomes the command. `command` keeps a variable that
 * the shell refuses (a read-only one) from ending it.
 */
const startScript =
  'cd -- "$1" || exit 126; unset OLDPWD; DROVER_N=$2; shift 2; while [ "$DROVER_N" -gt 0 ]; do DROVER_N=$((DROVER_N-1)); ' +
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

  const cwd = directoryOf(spec, user);
  const base = { ...baseEnvironment(user, spec.noProfile), ...marker };
  const env = { ...base, ...spec.env, ...marker };
  const [program, args] = commandLine(spec);
  if (user.uid === me.uid || !isFile(setpriv)) {
    if (!isDirectory(cwd)) return badDirectory(cwd);
    const ids = user.uid === me.uid ? undefined : { uid: user.uid, gid: user.gid };
    return { program, args, env, cwd, ids };
  }

  let found = program;
  if (spec.cwd !== undefined || spec.command.kind === "argv") {
    const wanted = spec.command.kind === "argv" ? program : undefined;
    const seen = probe(user, cwd, wanted, env.PATH ?? "");
    if (typeof seen !== "string") return seen;
    if (wanted !== undefined) found = seen;
  }
  // Shells do not pass on variables with other names, so those get no further than /bin/sh in any case.
  const shellNames = Object.keys(spec.env)
    .filter((name) => !Object.hasOwn(marker, name) && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const travelling: Record<string, string> = {};
  for (const [index, name] of shellNames.entries()) {
    travelling[`DROVER_ENV_${index}`] = `${name}=${spec.env[name]}`;
  }
  return {
    program: setpriv,
    args: [
      ...dropTo(user),
      "/bin/sh",
      "-c",
      startScript,
      "sh",
      cwd,
      String(shellNames.length),
      found,
      ...args,
    ],
    env: { ...base, ...travelling },
    cwd: "/",
    ids: undefined,
  };
}

/** Absolute: what a client names relative is so to the directory that it would get otherwise. */
function directoryOf(spec: ProcessSpec, user: SystemUser): string {
  const usual = defaultDirectory(user, spec.noProfile);
  if (spec.cwd === undefined) return usual;
  return Deno.build.os === "windows" || spec.cwd.startsWith("/") ? spec.cwd : `${usual}/${spec.cwd}`;
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

/** Where a shell would look for `program`. */
function candidates(program: string, path: string): readonly string[] {
  if (program.includes("/")) return [program];
  return path.split(":").map((directory) => `${directory === "" ? "." : directory}/${program}`);
}

/** Takes the directory, then files; writes the first file that can be executed, or ends with what stands against it. */
const probeScript = 'cd -- "$1" || exit 81; shift; [ $# = 0 ] && exit 0; code=82; for file; do ' +
  'if [ -f "$file" ]; then [ -x "$file" ] && { printf %s "$file"; exit 0; }; code=83; fi; done; exit $code';

/**
 * Looks at the directory, and for a program, with the eyes of the account: what root sees is neither the account's to use
 * nor the client's to know.
 */
function probe(user: SystemUser, cwd: string, program: string | undefined, path: string): string | Refusal {
  const files = program === undefined ? [] : candidates(program, path);
  const { code, stdout } = new Deno.Command(setpriv, {
    args: [...dropTo(user), "/bin/sh", "-c", probeScript, "sh", cwd, ...files],
    cwd: "/",
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    stdin: "null",
    stderr: "null",
  }).outputSync();
  switch (code) {
    case 0:
      return new TextDecoder().decode(stdout);
    case 82:
      return { code: "NotFound", message: `start ${program}: there is no such program` };
    case 83:
      return { code: "AccessDenied", message: `start ${program}: it is not executable` };
    default:
      return badDirectory(cwd);
  }
}

function badDirectory(cwd: string): Refusal {
  return {
    code: "BadDirectory",
    message: `start in ${cwd}: there is no such directory, or it cannot be entered`,
  };
}

function dropTo(user: SystemUser): readonly string[] {
  return [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups", "--"];
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
