/**
 * All XML of the corpus, read by this parser and by an independent one (saxes), compared event by event. Files that the
 * index calls malformed must be refused by both.
 */
import assert from "node:assert/strict";
import { SaxesParser } from "npm:saxes@^6.0.0";
import { ProtocolError } from "../../protocol/errors.ts";
import { type Event, eventsOf, expanded } from "../protocol/xml/events.ts";

const corpus = Deno.env.get("DROVER_CORPUS") ?? new URL("../../../shared/corpus", import.meta.url).pathname;

function* xmlFiles(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* xmlFiles(path);
    else if (entry.name.endsWith(".xml")) yield path;
  }
}

/** UTF-16 where a byte order mark says so, else UTF-8. */
function decode(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

function independent(text: string): Event[] {
  const events: Event[] = [];
  const parser = new SaxesParser({ xmlns: true });
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", () => {
    throw new Error("document type");
  });
  let depth = 0;
  parser.on("opentag", (tag) => {
    depth++;
    const attributes = Object.values(tag.attributes)
      .filter((attribute) => attribute.uri !== "http://www.w3.org/2000/xmlns/")
      .map((attribute) => `${expanded(attribute.uri, attribute.local)}=${attribute.value}`);
    events.push({ start: expanded(tag.uri, tag.local), attributes });
  });
  const add = (value: string): void => {
    if (value === "") return;
    const last = events.at(-1);
    if (last === undefined) return;
    if ("text" in last) events[events.length - 1] = { text: last.text + value };
    else events.push({ text: value });
  };
  parser.on("text", (value) => depth > 0 && add(value));
  parser.on("cdata", add);
  parser.on("closetag", (tag) => {
    depth--;
    events.push({ end: expanded(tag.uri, tag.local) });
  });
  parser.write(text).close();
  return events;
}

/** saxes trims namespace names, which the recommendation does not ask for. */
function trimmed(events: readonly Event[]): Event[] {
  const trim = (name: string): string => name.replace(/^\{\s+/, "{").replace(/\s+\}/, "}");
  return events.map((event) =>
    "start" in event
      ? { start: trim(event.start), attributes: event.attributes.map(trim) }
      : "end" in event
      ? { end: trim(event.end) }
      : event
  );
}

function read<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

const malformed = new Set<string>();
for (const line of Deno.readTextFileSync(`${corpus}/winrm/INDEX.tsv`).split("\n").slice(1)) {
  const [path, , , , kind] = line.split("\t");
  if (kind !== undefined && /malformed|unparsable-xml/.test(kind)) malformed.add(`${corpus}/winrm/${path}`);
}

/** Called malformed by the index, yet both readers find nothing wrong with them as XML. */
const wellFormedAfterAll: readonly string[] = [
  "4.1.2.3_005_First-Pull-Request",
  "4.1.3_009_Modifying-an-Instance",
  "4.1.3_010_Modifying-an-Instance",
  "4.1.4_011_Invoking-a-Method",
  "4.1.4_012_Invoking-a-Method",
  "4.2.1_014_Retrieving-Configuration",
  "4.3_018_Fault-Detail",
].map((name) => `winrm/ms-specs/MS-WSMAN/${name}.xml`);

for (const folder of ["winrm", "wsman-clients"]) {
  Deno.test(`every XML file of ${folder} is read as an independent reader reads it`, () => {
    let compared = 0;
    let refused = 0;
    const repaired: string[] = [];
    for (const path of xmlFiles(`${corpus}/${folder}`)) {
      const bytes = Deno.readFileSync(path);
      const ours = read(() => eventsOf([bytes]));
      const theirs = read(() => independent(decode(bytes)));
      if (malformed.has(path) && !(ours instanceof Error)) repaired.push(path.slice(corpus.length + 1));
      if (ours instanceof Error || theirs instanceof Error) {
        assert.ok(ours instanceof ProtocolError, `${path}: accepted here, elsewhere: ${theirs}`);
        assert.ok(theirs instanceof Error, `${path}: refused here (${ours}), accepted elsewhere`);
        refused++;
      } else {
        assert.deepEqual(trimmed(ours), theirs, path);
        assert.deepEqual(
          eventsOf([bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]),
          ours,
          path,
        );
        compared++;
      }
    }
    assert.ok(compared > 0, "the corpus is empty");
    assert.deepEqual(repaired.toSorted(), folder === "winrm" ? wellFormedAfterAll : []);
    console.log(`${folder}: ${compared} files read alike, ${refused} refused alike`);
  });
}
