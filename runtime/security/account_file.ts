/**
 * The file of a service's accounts: JSON, for its owner only. A change holds the lock of a file beside it and replaces the whole file,
 * so a reader sees the old one or the new one and never half of one.
 * @module
 */
import { z } from "zod";
import { parseSid } from "../../protocol/access/mod.ts";
import { DroverError, UsageError } from "../../protocol/errors.ts";
import { assertPrivate } from "../os/private_file.ts";
import { passwordHashSchema } from "./password_hash.ts";
import { accountKey } from "./passwords.ts";

/** Bytes of the largest file that is read. */
const largest = 16 * 1024 * 1024;

const accountSchema = z.strictObject({
  /** In lower case, without domain. */
  name: z.string().min(1).max(256),
  /** Its shells run as this system user; default: the service decides. */
  systemUser: z.string().min(1).max(256).optional(),
  disabled: z.boolean().optional(),
  /** SIDs, in the one spelling that they are compared in; default: Administrators. */
  groups: z.array(z.string().refine((text) => parseSid(text) === text, "it is no SID")).max(1000).optional(),
  /** MD4 of the password in UTF-16 ([MS-NLMP] NTOWFv1), hex. It is as good as the password to whoever reads it. */
  ntHash: z.string().regex(/^[0-9a-f]{32}$/).optional(),
  /** For Basic. */
  passwordHash: passwordHashSchema.optional(),
  /** Kept as it is, for certificates that are mapped to the account. */
  certificates: z.array(z.record(z.string(), z.string())).optional(),
});

const fileSchema = z.strictObject({ version: z.literal(1), accounts: z.array(accountSchema).max(100_000) });

/** An account as the file has it. */
export type AccountRecord = z.infer<typeof accountSchema>;

/** The stamp of a file: another one is another file, or one that was changed, or that others may read now. */
export function stampOf({ ino, size, mtime, mode, uid }: Deno.FileInfo): string {
  return [ino, size, mtime?.getTime(), mode, uid].join(" ");
}

/**
 * Reads the accounts.
 *
 * @throws UsageError `AccountFileMissing`, `AccountFileUnreadable`, `AccountFileMalformed`, `FileNotPrivate`
 */
export async function readAccountFile(
  path: string,
): Promise<{ readonly accounts: AccountRecord[]; readonly stamp: string }> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (cause) {
    throw failure(cause, `read accounts: ${path}`);
  }
  try {
    const info = await file.stat();
    assertPrivate("read accounts", path, info);
    if (info.size > largest) throw malformed(path, `it has more than ${largest} bytes`);
    const text = await new Response(file.readable).text();
    return { accounts: parse(path, text), stamp: stampOf(info) };
  } catch (cause) {
    throw failure(cause, `read accounts: ${path}`);
  } finally {
    // Reading to the end has closed it.
    try {
      file.close();
    } catch { /* closed */ }
  }
}

/**
 * Changes the accounts: `change` gets those that there are, and gives what is to be written. Makes the file where there is none.
 *
 * @throws UsageError what `change` throws, and as {@link readAccountFile}, `AccountFileUnwritable`
 */
export async function changeAccountFile(
  path: string,
  change: (accounts: AccountRecord[]) => readonly AccountRecord[],
): Promise<void> {
  let lock: Deno.FsFile;
  try {
    lock = await Deno.open(`${path}.lock`, { create: true, write: true, mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "its folder does not exist; make it, or name another file with --file"
      : "it cannot be locked";
    throw new UsageError("AccountFileUnwritable", `change accounts: ${path}: ${why}`, { cause });
  }
  try {
    await lock.lock(true);
    let before: AccountRecord[] = [];
    let owner: Deno.FileInfo | undefined;
    try {
      before = (await readAccountFile(path)).accounts;
      owner = await Deno.stat(path);
    } catch (error) {
      if (!(error instanceof UsageError) || error.code !== "AccountFileMissing") throw error;
    }
    await replace(path, change(before), owner);
  } finally {
    lock.close();
  }
}

async function replace(
  path: string,
  accounts: readonly AccountRecord[],
  owner: Deno.FileInfo | undefined,
): Promise<void> {
  const fresh = `${path}.${crypto.randomUUID()}`;
  const text = `${JSON.stringify({ version: 1, accounts }, null, 2)}\n`;
  try {
    const file = await Deno.open(fresh, { createNew: true, write: true, mode: 0o600 });
    try {
      await writeAll(file, new TextEncoder().encode(text));
      await file.sync();
    } finally {
      file.close();
    }
    // Root may keep the accounts of a service that is not root's.
    if (owner?.uid != null && owner.uid !== Deno.uid()) await Deno.chown(fresh, owner.uid, owner.gid);
    // The name may be a link to where the file is kept.
    await Deno.rename(fresh, owner === undefined ? path : await Deno.realPath(path));
  } catch (cause) {
    await Deno.remove(fresh).catch(() => {});
    throw new UsageError("AccountFileUnwritable", `change accounts: ${path} cannot be written`, { cause });
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

function parse(path: string, text: string): AccountRecord[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own words would quote the file.
    throw malformed(path, "it is not JSON");
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw malformed(path, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "it cannot be read"}`);
  }
  const names = new Set<string>();
  for (const { name } of parsed.data.accounts) {
    if (name !== accountKey(name)) {
      throw malformed(path, `account ${name}: it is not in lower case, or has a domain`);
    }
    if (names.has(name)) throw malformed(path, `account ${name} is there twice`);
    names.add(name);
  }
  return parsed.data.accounts;
}

function malformed(path: string, why: string): UsageError {
  return new UsageError("AccountFileMalformed", `read accounts: ${path}: ${why}`);
}

function failure(cause: unknown, action: string): unknown {
  if (cause instanceof DroverError) return cause;
  if (cause instanceof Deno.errors.NotFound) {
    return new UsageError(
      "AccountFileMissing",
      `${action}: there is no such file; drover account add makes it`,
      { cause },
    );
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new UsageError("AccountFileUnreadable", `${action}: ${why}`, { cause });
}
