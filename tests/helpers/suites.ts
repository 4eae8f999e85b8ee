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
  /** Seconds after which the suite counts as hung and is killed with all its processes. */
  readonly budget: number;
  /** Whether it may share the machine's cores with another such suite. */
  readonly concurrent: boolean;
  /** What has to be there; without it the suite is left out. */
  readonly needs: readonly Need[];
}

/** All suites, cheap ones first: the order in which they run. */
export const suites: readonly Suite[] = [
  suite("architecture", "tests/architecture_test.ts", ["--allow-read", "--allow-run=git"], 60, true, ["git"]),
  suite("protocol", "tests/protocol/", [], 120, true),
  suite("actors", "tests/actors/", [], 120, true),
  suite("property", "tests/property/", [], 180, true),
  suite("fuzz", "tests/fuzz/", ["--allow-env=LOG_TOKENS,LOG_STREAM"], 180, true),
  suite("simulation", "tests/simulation/", ["--allow-read"], 180, true),
  suite("conformance", "tests/conformance/", ["--allow-read", "--allow-env"], 180, true, ["corpus"]),
  suite("runtime", "tests/runtime/", ["-A"], 420, false),
  suite("browser", "tests/browser/", ["-A"], 180, false, ["chromium"]),
  suite("interop", "tests/interop/", ["-A"], 420, false, ["interop peers"]),
  suite("auth", "tests/auth/", ["-A"], 240, false, ["kerberos", "interop peers"]),
];

function suite(
  name: string,
  path: string,
  permissions: readonly string[],
  budget: number,
  concurrent: boolean,
  needs: readonly Need[] = [],
): Suite {
  return { name, path, permissions, budget, concurrent, needs };
}

/** Names of the suites that a test file belongs to (it should be one). */
export function suiteOf(file: string): string[] {
  return suites.filter(({ path }) => path.endsWith("/") ? file.startsWith(path) : file === path)
    .map(({ name }) => name);
}
