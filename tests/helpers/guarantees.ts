/**
 * Holds the guarantees that a document writes down against the tests that it names for them: `(K "a name", "another"; KP "…")`,
 * after a legend `**K** \`tests/…_test.ts\``. A quoted text must be part of the name of a test in that file.
 * @module
 */

/** What is wrong in `document`, one line each. `read` gives the text of a file, `undefined` when there is none. */
export function checkGuarantees(document: string, read: (path: string) => string | undefined): string[] {
  const text = document.replace(/\s+/g, " ");
  const wrong: string[] = [];
  const names = new Map<string, readonly string[]>();
  for (const [, key = "", path = ""] of text.matchAll(/\*\*([A-Z]+)\*\* `([^`]+)`/g)) {
    const source = read(path);
    if (source === undefined) wrong.push(`${key}: ${path} does not exist`);
    names.set(key, testNames(source ?? ""));
  }
  for (const [, path = ""] of text.matchAll(/(tests\/[\w/]+\.ts)/g)) {
    if (read(path) === undefined) wrong.push(`${path} does not exist`);
  }
  for (const [, key = "", quoted = ""] of text.matchAll(/\b([A-Z]+) ("[^"]+"(?:,? (?:and )?"[^"]+")*)/g)) {
    const known = names.get(key);
    for (const [, name = ""] of quoted.matchAll(/"([^"]+)"/g)) {
      if (known === undefined) wrong.push(`${key} "${name}": the legend has no ${key}`);
      else if (!known.some((one) => one.includes(name))) {
        wrong.push(`${key} "${name}": there is no such test`);
      }
    }
  }
  return [...new Set(wrong)];
}

/** The names of the tests in a source. */
function testNames(source: string): string[] {
  return [...source.matchAll(/Deno\.test\(\s*(?:\{\s*name:\s*)?"((?:[^"\\]|\\.)*)"/g)].map(([, name = ""]) =>
    name.replaceAll('\\"', '"')
  );
}
