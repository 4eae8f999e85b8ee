/**
 * The foreign peers: a Python virtual environment with pywinrm, pypsrp, pyspnego and clients of the API, and a program around
 * masterzen/winrm (Go). Both are made once, below `build/interop`, and made anew when their manifests change.
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Paths of the peers that could be made, and what has to be installed for the others. */
export interface InteropEnvironment {
  /** The virtual environment's `python`. */
  readonly python: string | undefined;
  /** The program built from `peers/masterzen`. */
  readonly go: { readonly masterzen: string } | undefined;
  /** One sentence for each missing peer: what to install, and why it is missing. */
  readonly missing: readonly string[];
}

const PEERS = fileURLToPath(new URL("peers/", import.meta.url));
const CACHE = fileURLToPath(new URL("../../build/interop/", import.meta.url));

/** Longest that one step of the preparation may take, in milliseconds: other suites run beside it. */
const STEP_TIMEOUT = 420_000;

let prepared: Promise<InteropEnvironment> | undefined;

/** Prepares the peers, or finds them prepared. Never throws for a peer that cannot be made. */
export function interopEnvironment(): Promise<InteropEnvironment> {
  return prepared ??= prepare();
}

async function prepare(): Promise<InteropEnvironment> {
  await Deno.mkdir(CACHE, { recursive: true });
  // Two runs at once (tests beside a benchmark) must not build into the same folder.
  using lock = await Deno.open(join(CACHE, "lock"), { create: true, write: true });
  await lock.lock(true);
  const missing: string[] = [];
  async function attempt<T>(peer: string, make: () => Promise<T>): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      missing.push(`${peer}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }
  const [python, masterzen] = await Promise.all([
    attempt("pywinrm, pypsrp, pyspnego, schemathesis, openapi-python-client", pythonPeers),
    attempt("masterzen/winrm", goPeer),
  ]);
  return { python, go: masterzen === undefined ? undefined : { masterzen }, missing };
}

function pythonPeers(): Promise<string> {
  return pythonEnvironment("venv", join(PEERS, "requirements.txt"));
}

/** A virtual environment with the packages of a file; what is built on the way is built with `env`. */
export async function pythonEnvironment(
  name: string,
  requirements: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = join(CACHE, `${name}-${await digest([requirements])}`);
  const python = Deno.build.os === "windows"
    ? join(folder, "Scripts", "python.exe")
    : join(folder, "bin", "python");
  await once(folder, async () => {
    const system = Deno.build.os === "windows" ? "python" : "python3";
    await run(
      [system, "-m", "venv", folder],
      "install python3 with venv and pip (Debian: apt-get install python3-venv)",
    );
    await run(
      [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        requirements,
      ],
      "let pip reach PyPI",
      undefined,
      env,
    );
  });
  return python;
}

async function goPeer(): Promise<string> {
  const sources = ["go.mod", "go.sum", "main.go"].map((name) => join(PEERS, "masterzen", name));
  const folder = join(CACHE, `masterzen-${await digest(sources)}`);
  const program = join(folder, Deno.build.os === "windows" ? "masterzen.exe" : "masterzen");
  await once(folder, async () => {
    await run(
      ["go", "build", "-mod=readonly", "-o", program, "."],
      "install Go 1.22 or newer (https://go.dev/dl), and let it reach proxy.golang.org",
      join(PEERS, "masterzen"),
    );
  });
  return program;
}

/** Makes a folder, unless it was completed before; once more when that fails, as a download does now and then. */
async function once(folder: string, make: () => Promise<void>): Promise<void> {
  const mark = join(folder, ".complete");
  if (await exists(mark)) return;
  const begin = async () => {
    if (await exists(folder)) await Deno.remove(folder, { recursive: true });
    await Deno.mkdir(folder, { recursive: true });
    await make();
  };
  await begin().catch(begin);
  await Deno.writeTextFile(mark, "");
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

async function digest(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(await Deno.readFile(file));
  return hash.digest("hex").slice(0, 12);
}

/** Runs one step; an error begins with what to do about it. */
async function run(
  command: readonly [string, ...string[]],
  remedy: string,
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [program, ...args] = command;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, {
      args,
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...env },
      stdin: "null",
      signal: AbortSignal.timeout(STEP_TIMEOUT),
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`${remedy} (there is no ${program})`);
    throw error;
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim() ||
    new TextDecoder().decode(output.stdout).trim();
  throw new Error(
    `${remedy} (${program}: ${said.split("\n").slice(-3).join(" / ") || `ended with ${output.code}`})`,
  );
}
