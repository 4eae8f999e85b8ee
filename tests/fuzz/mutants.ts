/**
 * Bugs planted in a copy of the sources, one after the other, to show that the fuzzers find them within the budget that they
 * have in the suite. The product is not touched, and has no switches for this.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suiteSeed, targets } from "./targets.ts";

/** One planted bug: a text that occurs once in a file, and what stands there instead. */
export interface Mutant {
  readonly name: string;
  /** The target that has to find it. */
  readonly target: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutant = (name: string, target: string, file: string, from: string, to: string): Mutant => ({
  name,
  target,
  file,
  from,
  to,
});

/** All planted bugs. */
export const mutants: readonly Mutant[] = [
  mutant(
    "a server's name may have any character",
    "x509",
    "protocol/auth/server_names.ts",
    "bytes.every((byte) => isNameByte(byte))",
    "bytes.every((byte) => byte > 0 || isNameByte(byte))",
  ),
  mutant(
    "leading zeros make another serial number",
    "x509",
    "protocol/auth/crl.ts",
    'return content.toHex().replace(/^(00)+/, "");',
    "return content.toHex();",
  ),
  mutant(
    "a proxy's answer is read without end",
    "proxy",
    "runtime/transports/proxy_answer.ts",
    "if (this.#total <= longestAnswer) return undefined;",
    "if (this.#total >= 0) return undefined;",
  ),
  mutant(
    "the rest of a proxy's answer is left on the connection",
    "proxy",
    "runtime/transports/proxy_answer.ts",
    "if (head.status !== 407 || !staysOpen(head)) return answer(head, false);",
    "if (head.status !== 407 || !staysOpen(head)) return answer(head, head.keepAlive);",
  ),
  mutant(
    "a token of any mechanism passes for one of Kerberos",
    "kerberos",
    "protocol/auth/kerberos_token.ts",
    "return equalBytes(frame.expect(DerTag.objectIdentifier).content, Oid.kerberos);",
    "return frame.expect(DerTag.objectIdentifier).content.length > 0;",
  ),
  mutant(
    "the length of a sealed message's token is not held against the message",
    "kerberos",
    "protocol/auth/kerberos_token.ts",
    "if (length < 16 || length > sealed.length - 4) {",
    "if (length < 16) {",
  ),
  mutant(
    "of two Content-Lengths the first counts",
    "http_request",
    "protocol/http/framing.ts",
    "if (lengths.length > 1) {",
    "if (lengths.length > 99) {",
  ),
  mutant(
    "a chunk's data may be followed by anything",
    "http_request",
    "protocol/http/chunked_decoder.ts",
    "if (byte !== CR) throw malformed(",
    "if (byte > 0x7f) throw malformed(",
  ),
  mutant(
    "a line may end in a bare LF",
    "http_request",
    "protocol/http/head_scanner.ts",
    'throw malformed("read HTTP head: a line ends in a bare LF");',
    "",
  ),
  mutant(
    "a response to HEAD has a body",
    "http_response",
    "protocol/http/response_parser.ts",
    'if (method === "HEAD" || status === 304)',
    "if (status === 304)",
  ),
  mutant(
    "a quoted string without end is read beyond it",
    "http_fields",
    "protocol/http/text_scanner.ts",
    'throw this.error("a quoted string does not end");',
    "throw new RangeError(value);",
  ),
  mutant(
    "a CR at a chunk's end is forgotten",
    "xml",
    "protocol/xml/parser.ts",
    "if (at + 1 === length) {\n          wait = at;\n          break;\n        }\n        returns = true;",
    "returns = true;",
  ),
  mutant(
    "`]]>` may stand in text",
    "xml",
    "protocol/xml/parser.ts",
    'this.#fail("XmlMalformed", "`]]>` in character data", at);',
    "",
  ),
  mutant(
    "an undeclared prefix is none",
    "xml",
    "protocol/xml/parser.ts",
    "resolveIn(scope, name.prefix) ?? this.#unbound(name, at);",
    'resolveIn(scope, name.prefix) ?? (at < 0 ? this.#unbound(name, at) : "");',
  ),
  mutant(
    "an exit code of any size is believed",
    "soap",
    "protocol/shell/client.ts",
    "code < -0x8000_0000 || code > 0xffff_ffff",
    "Number.isNaN(code)",
  ),
  mutant(
    "MaxElements is any number",
    "soap",
    "protocol/shell/server.ts",
    "return /^\\d{1,9}$/.test(trimmed) && Number(trimmed) > 0 ? Number(trimmed) : fallback;",
    'return trimmed === "" ? fallback : Number(trimmed);',
  ),
  mutant(
    "a field may end behind the message",
    "ntlm",
    "protocol/auth/ntlm_messages.ts",
    "|| to > this.#bytes.length) {",
    ") {",
  ),
  mutant(
    "a length of DER need not be the shortest",
    "ntlm",
    "protocol/auth/der.ts",
    "if (length < 0x80 || length < 256 ** (octets - 1)) {",
    "if (length < 0) {",
  ),
  mutant(
    "groups of a PAC may end behind it",
    "pac",
    "protocol/access/ndr_reader.ts",
    'if (length > this.left) throw malformed("it ends too early");',
    "",
  ),
  mutant(
    "between the entries of a descriptor may stand what nobody reads",
    "sddl",
    "protocol/access/sddl.ts",
    'if (text[at] !== "(" || close === -1)',
    "if (close === -1)",
  ),
  mutant(
    "the MIC is not compared",
    "dialogue",
    "protocol/auth/ntlm_verify.ts",
    "if (!sameSecret(expected, message.mic)) {",
    "if (expected.length !== message.mic.length) {",
  ),
  mutant(
    "the first boundary counts although the length is known",
    "multipart",
    "protocol/http/sealed_end.ts",
    "if (tokenBytes <= maxTokenBytes) {",
    "if (tokenBytes < 0) {",
  ),
  mutant(
    "the search for a boundary forgets what a piece began",
    "multipart",
    "protocol/http/sealed_end.ts",
    "        this.#at = at;\n        return undefined;",
    "        this.#at = bytes.length;\n        return undefined;",
  ),
  mutant(
    "a seal is not verified",
    "sealed_body",
    "protocol/auth/ntlm_session.ts",
    'this.#verify("unseal message", plaintext, sealed.subarray(4, headerLength));',
    "this.#incoming.signNext(plaintext, this.#expected, 0);",
  ),
  mutant(
    "a CR alone ends no line",
    "inventory_list",
    "runtime/inventory/list.ts",
    "text.split(/\\r\\n|\\n|\\r/)",
    "text.split(/\\r\\n|\\n/)",
  ),
  mutant(
    "a ! pattern takes away what does not match",
    "inventory_ini",
    "runtime/inventory/patterns.ts",
    'if (sign === "!") {',
    'if (sign === "&") {',
  ),
  mutant(
    "a number without digits is one",
    "inventory_yaml",
    "runtime/inventory/values.ts",
    "if (/^[bx]?$/.test(body)) return source;",
    "",
  ),
];

const top = fileURLToPath(new URL("../../", import.meta.url));
/** A planted bug may be an endless loop. */
const limitMs = 120_000;

/** Plants each of `chosen` in a copy, and hands what became of it to `tell`. The copy is gone afterwards. */
export async function tryMutants(
  chosen: readonly Mutant[],
  tell: (mutant: Mutant, found: string | undefined) => void,
): Promise<void> {
  const copy = await Deno.makeTempDir({ prefix: "drover-fuzz-" });
  try {
    for (
      const name of ["protocol", "actors", "runtime", "tests/fuzz", "tests/helpers", "tests/protocol/http"]
    ) {
      await copyFolder(join(top, name), join(copy, name));
    }
    for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(join(top, name), join(copy, name));
    for (const mutant of chosen) tell(mutant, await tryOne(mutant, copy));
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** What the fuzzer says of a planted bug; `undefined` when it does not find it. Throws when it cannot be planted. */
async function tryOne({ file, from, to, target, name }: Mutant, copy: string): Promise<string | undefined> {
  const path = join(copy, file);
  const text = await Deno.readTextFile(path);
  if (text.split(from).length !== 2) throw new Error(`${name}: ${file} has changed, fit the mutant to it`);
  const execs = targets.find((planned) => planned.target.name === target)?.execs;
  if (execs === undefined) throw new Error(`${name}: there is no target ${target}`);
  await Deno.writeTextFile(path, text.replace(from, () => to));
  try {
    const { stdout, code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "tests/fuzz/main.ts",
        target,
        `--execs=${execs}`,
        `--seed=${suiteSeed}`,
      ],
      cwd: copy,
      stderr: "null",
      signal: AbortSignal.timeout(limitMs),
    }).output();
    if (code === 0) return undefined;
    return /FINDING ([^\n]*)/.exec(new TextDecoder().decode(stdout))?.[1] ?? `ended with code ${code}`;
  } finally {
    await Deno.copyFile(join(top, file), path);
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** Tries those mutants whose name has one of `parts` (all when there are none) and prints a table; false when one is missed. */
export async function showMutants(parts: readonly string[]): Promise<boolean> {
  const chosen = mutants.filter(({ name, target }) =>
    parts.length === 0 || parts.some((part) => name.includes(part) || target === part)
  );
  let found = 0;
  await tryMutants(chosen, ({ name, target }, finding) => {
    if (finding !== undefined) found++;
    console.log(
      `${target.padEnd(18)} ${name.padEnd(56)} ${
        finding === undefined ? "MISSED" : "found: " + finding.slice(0, 110)
      }`,
    );
  });
  console.log(`${found} of ${chosen.length} planted bugs were found`);
  return found === chosen.length && chosen.length > 0;
}
