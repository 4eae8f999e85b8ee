/**
 * Where processes leave the sockets by which they can be inspected: a folder that only its user can enter. Folders of others,
 * links, and folders that others may write to are never used, neither to open a socket there nor to look for one.
 * @module
 */

/** Permission bits that a folder of ours must not have. */
const othersBits = 0o077;
const othersMayWrite = 0o022;
const sticky = 0o1000;

/** A folder, or why it cannot be used. */
export type FolderCheck =
  | { readonly kind: "usable"; readonly path: string }
  | { readonly kind: "unusable"; readonly path: string; readonly why: string };

/** What the environment says about where folders for sockets are. */
export interface FolderEnvironment {
  /** XDG_RUNTIME_DIR. */
  readonly runtimeDir: string | undefined;
  /** TMPDIR. */
  readonly tempDir: string | undefined;
  /** Id of the user. */
  readonly uid: number;
}

/** The environment of this process. */
export function ownEnvironment(): FolderEnvironment {
  return {
    runtimeDir: Deno.env.get("XDG_RUNTIME_DIR"),
    tempDir: Deno.env.get("TMPDIR"),
    uid: Deno.uid() ?? -1,
  };
}

/** The folders that a process of this user may have its socket in, best first. */
export function candidateFolders({ runtimeDir, tempDir, uid }: FolderEnvironment): readonly string[] {
  const temp = tempDir !== undefined && tempDir.startsWith("/") ? tempDir.replace(/\/+$/, "") : "/tmp";
  const folders = [`${temp}/drover-${uid}`];
  if (runtimeDir?.startsWith("/")) folders.unshift(`${runtimeDir.replace(/\/+$/, "")}/drover`);
  return folders;
}

/** Makes the first folder that can be used, where it is missing; else says why each of them cannot be. */
export function openFolder(environment: FolderEnvironment): FolderCheck {
  const refused: string[] = [];
  const folders = candidateFolders(environment);
  for (const path of folders) {
    try {
      const why = checkParent(path, environment.uid);
      if (why !== undefined) {
        refused.push(why);
        continue;
      }
      Deno.mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) {
        refused.push(`${path} cannot be made`);
        continue;
      }
    }
    const check = checkFolder(path, environment.uid);
    if (check.kind === "usable") return check;
    refused.push(check.why);
  }
  return { kind: "unusable", path: folders[0] ?? "", why: refused.join("; ") };
}

/** Whether a folder is there and only for its user. */
export function checkFolder(path: string, uid: number): FolderCheck {
  const why = checkParent(path, uid) ?? whyUnusable(path, uid);
  return why === undefined ? { kind: "usable", path } : { kind: "unusable", path, why };
}

function whyUnusable(path: string, uid: number): string | undefined {
  const info = lstat(path);
  if (info === undefined) return `${path} does not exist`;
  if (!info.isDirectory) return `${path} is no folder`;
  if (info.uid !== uid) return `${path} belongs to another user`;
  if (((info.mode ?? othersBits) & othersBits) !== 0) return `${path} is open to other users`;
  return undefined;
}

/** In a folder that others may write to, they could exchange ours, unless it is sticky, as /tmp is. */
function checkParent(path: string, uid: number): string | undefined {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  // The parent may be a link (/tmp is one on macOS): what counts is the folder that it leads to.
  const info = stat(parent);
  if (info === undefined || !info.isDirectory) return `${parent} is no folder`;
  if (info.uid !== uid && info.uid !== 0) return `${parent} belongs to another user`;
  const mode = info.mode ?? othersMayWrite;
  if ((mode & othersMayWrite) !== 0 && (mode & sticky) === 0) return `${parent} is open to other users`;
  return undefined;
}

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}
