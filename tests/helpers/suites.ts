/**
 * The test suites: which files, which permissions, how long, and what has to be there.
 * @module
 */

/** What a suite needs beside Deno. */
export type Need = "git" | "corpus" | "interop peers" | "chromium" | "kerberos";

/** One suite of `deno task test`. */
export interface Suite {
  /** Name on the command line and in the table. */
  readonly name: string;
  /** Test file, or the folder below which every `*_test.ts` belongs to the suite. */
  readonly path: string;
  /** Permission flags of `deno test`. */
  readonly permissions: readonly string[];
  /** Seconds after which the suite, or one part of it, counts as hung and is killed with all its processes. */
  readonly budget: number;
  /** Whether it may share the machine's cores with another such suite. */
  readonly concurrent: boolean;
  /** What has to be there; without it the suite is left out. */
  readonly needs: readonly Need[];
  /** Into how many runs its files are dealt: they share the machine's cores as suites do. */
  readonly parts: number;
}

/**
 * All suites, cheap ones first: the order in which they run. Budgets only end what hangs: they are several times what a suite takes
 * on two idle cores.
 */
export const suites: readonly Suite[] = [
  suite("architecture", "tests/architecture_test.ts", ["--allow-read", "--allow-run=git"], 120, true, [
    "git",
  ]),
  suite("protocol", "tests/protocol/", [], 240, true),
  suite("actors", "tests/actors/", [], 300, true),
  suite("property", "tests/property/", [], 300, true),
  suite("fuzz", "tests/fuzz/", ["--allow-env=LOG_TOKENS,LOG_STREAM"], 300, true),
  suite("simulation", "tests/simulation/", ["--allow-read"], 300, true),
  suite("conformance", "tests/conformance/", ["--allow-read", "--allow-env"], 300, true, ["corpus"]),
  suite("runtime", "tests/runtime/", ["-A"], 420, true, [], 4),
  suite("auth", "tests/auth/", ["-A"], 420, true, ["kerberos", "interop peers"]),
  suite("interop", "tests/interop/", ["-A"], 420, true, ["interop peers"]),
  suite("browser", "tests/browser/", ["-A"], 240, false, ["chromium"]),
];

function suite(
  name: string,
  path: string,
  permissions: readonly string[],
  budget: number,
  concurrent: boolean,
  needs: readonly Need[] = [],
  parts = 1,
): Suite {
  return { name, path, permissions, budget, concurrent, needs, parts };
}

/** Names of the suites that a test file belongs to (it should be one). */
export function suiteOf(file: string): string[] {
  return suites.filter(({ path }) => path.endsWith("/") ? file.startsWith(path) : file === path)
    .map(({ name }) => name);
}
