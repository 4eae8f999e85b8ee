/** Arbitrary texts, ids and bytes as shells meet them, for property tests. @module */
import fc from "fast-check";

/** Any character that XML can say, those that need escapes often. */
const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...`abc <>&"'\t\n\r\u0085\u2028\u{1F600}\uFFFD]]>_%$\\`) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0x20, max: 0x10ffff })
      .filter((code) => !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff)
      .map((code) => String.fromCodePoint(code)),
  },
);

/** Text that XML can say. */
export const text = fc.string({ unit: character, maxLength: 40 });

/** Text without white space around it, for values that readers trim. */
export const trimmedText = text.map((value) => value.trim());

/** Text without white space around it that is not empty. */
export const word = trimmedText.filter((value) => value !== "");

/** GUIDs in upper case. */
export const guid = fc.uuid().map((value) => value.toUpperCase());

/** Bytes of a stream. */
export const bytes = fc.uint8Array({ maxLength: 300 });

/** Names of environment variables; some are names that objects have by themselves. */
export const variableName = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: character, minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom("constructor", "toString", "PATH", "1", "0") },
).filter((name) => !name.includes("=") && name !== "__proto__");
