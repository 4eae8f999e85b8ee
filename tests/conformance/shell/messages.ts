/** Every message in clear of `corpus/winrm` and `corpus/wsman-clients`, with what the index says of it. @module */

/** Folder of the corpus. */
export const corpus = Deno.env.get("DROVER_CORPUS") ??
  new URL("../../../../shared/corpus", import.meta.url).pathname;

/** One document, wherever it was stored. */
export interface Message {
  /** Path below the corpus, with `#number` inside of files of several messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** `request` or `response` where the place says it. */
  readonly side: "request" | "response" | undefined;
  /** Columns `kind` and `operation` of INDEX.tsv for this very document. */
  readonly kind: string;
  readonly operation: string;
  /** The file that it is from. */
  readonly file: string;
}

/** Rows of INDEX.tsv by path. */
export const index: ReadonlyMap<string, { readonly kind: string; readonly operation: string }> = new Map(
  Deno.readTextFileSync(`${corpus}/winrm/INDEX.tsv`).trimEnd().split("\n").slice(1).map((line) => {
    const columns = line.split("\t");
    return [`winrm/${columns[0]}`, { kind: columns[4] ?? "", operation: columns[5] ?? "" }];
  }),
);

function* files(folder: string): Generator<string> {
  const entries = [...Deno.readDirSync(`${corpus}/${folder}`)].toSorted((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* files(path);
    else if (entry.isFile) yield path;
  }
}

/** The strings inside of a JSON value that hold an envelope, each with the name of its property. */
function* envelopesIn(value: unknown, key: string): Generator<{ key: string; text: string }> {
  if (typeof value === "string") {
    if (/^\s*<(\?xml|[\w.-]*:?Envelope\b)/.test(value)) yield { key, text: value };
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield* envelopesIn(inner, Array.isArray(value) ? key : name);
    }
  }
}

function sideOf(name: string): Message["side"] {
  return /request/.test(name) ? "request" : /response/.test(name) ? "response" : undefined;
}

/** Body of a stored HTTP message where it is SOAP in clear. */
function clearBody(bytes: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end < 0 || end + 4 >= bytes.length) return undefined;
  const type = /^content-type:\s*([^;\r\n]+)/im.exec(text.slice(0, end))?.[1]?.trim().toLowerCase();
  return type === "application/soap+xml" ? bytes.subarray(end + 4) : undefined;
}

/** All of them. */
export function* messages(): Generator<Message> {
  for (const folder of ["winrm", "wsman-clients"]) {
    for (const file of files(folder)) {
      const row = index.get(file);
      const kind = row?.kind ?? "";
      if (file.endsWith(".xml")) {
        const bytes = Deno.readFileSync(`${corpus}/${file}`);
        if (bytes.length === 0) continue;
        const operation = row?.operation ?? "";
        yield { path: file, bytes, side: sideOf(file.split("/").at(-1)!), kind, operation, file };
      } else if (file.endsWith(".json")) {
        let number = 0;
        const whole: unknown = JSON.parse(Deno.readTextFileSync(`${corpus}/${file}`));
        for (const { key, text } of envelopesIn(whole, "")) {
          const path = `${file}#${++number}`;
          yield { path, bytes: new TextEncoder().encode(text), side: sideOf(key), kind, operation: "", file };
        }
      } else if (file.endsWith(".http")) {
        const bytes = clearBody(Deno.readFileSync(`${corpus}/${file}`));
        if (bytes === undefined) continue;
        yield { path: file, bytes, side: sideOf(file.split("/").at(-1)!), kind, operation: "", file };
      }
    }
  }
}
