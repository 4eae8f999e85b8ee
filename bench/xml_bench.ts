/**
 * The XML benchmark: `deno run -A bench/xml_bench.ts [--quick]`.
 *
 * What is measured: bytes in, and for every element its namespace, local name and text out, the text of `rsp:Stream`
 * decoded from base64. Before anything is timed, every implementation's events are hashed character by character; while
 * time runs they are counted and their lengths summed. Both digests must be equal among implementations, or the bench fails.
 *
 * Not all peers do the same work. saxes and sax resolve namespaces, stream and check well-formedness: they are the ones
 * to beat ("best peer"). htmlparser2 and sax-wasm stream, but do not resolve namespaces (a shim here does) and accept
 * malformed documents; fast-xml-parser and txml build a tree out of a string without either; libxml2-wasm resolves and
 * checks, but builds a tree in WebAssembly; @std/xml can only be had where JSR can.
 *
 * `floor` is no parser: it decodes the bytes to a string, hops from tag to tag with `indexOf`, slices the texts, and
 * decodes base64 with `setFromBase64`. Nothing that delivers the same can do less.
 *
 * Implementations take turns in rounds (A B C A B C), so that a busy machine hits all alike; figures are medians.
 * @module
 */
import { XmlParser } from "../protocol/xml/mod.ts";
import { Fold, type Peer, STREAM } from "./peers/xml/contract.ts";
import { enumerate, inPieces, receive, small } from "./xml_inputs.ts";

const quick = Deno.args.includes("--quick");
const rounds = quick ? 9 : 21;
const sampleMs = quick ? 20 : 40;

const drover: Peer = {
  name: "drover",
  kind: "javascript",
  streams: true,
  aware: true,
  checks: true,
  parse(chunks, fold) {
    const parser = new XmlParser({
      startElement(namespace, local) {
        fold.start(namespace, local);
        return local === "Stream" && `${namespace} ${local}` === STREAM ? "base64" : "text";
      },
      text(value) {
        fold.text(value);
      },
      base64(bytes) {
        fold.binary(bytes);
      },
      endElement() {
        fold.end();
      },
    });
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  },
};

/** See the head of this file. Texts longer than this are taken for base64. */
const LONG = 500;
const decoder = new TextDecoder();
let floorSink = 0;
const floor: Peer = {
  name: "floor",
  kind: "javascript",
  streams: true,
  aware: false,
  checks: false,
  parse(chunks) {
    for (const chunk of chunks) {
      const text = decoder.decode(chunk);
      let at = 0;
      while (at < text.length) {
        let open = text.indexOf("<", at);
        if (open < 0) open = text.length;
        if (open - at > LONG) {
          const bytes = new Uint8Array(((open - at) >>> 2) * 3);
          floorSink +=
            bytes.setFromBase64(text.slice(at, open), { lastChunkHandling: "stop-before-partial" }).written;
        } else if (open > at) floorSink += text.slice(at, open).length;
        const close = text.indexOf(">", open);
        if (close < 0) break;
        at = close + 1;
      }
    }
  },
};

async function peers(): Promise<Peer[]> {
  const found: Peer[] = [];
  for (
    const name of [
      "saxes",
      "sax",
      "htmlparser2",
      "fast-xml-parser",
      "txml",
      "sax-wasm",
      "libxml2-wasm",
      "std_xml",
    ]
  ) {
    // Not a literal: what a peer imports may not be there, and must not be looked for before.
    const specifier = `./peers/xml/${name}.ts`;
    try {
      found.push((await import(specifier) as { peer: Peer }).peer);
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
      console.log(`BENCH suite=xml case=all impl=${name === "std_xml" ? "@std/xml" : name} absent=1`);
      console.log(`# ${name} cannot be had: ${reason}`);
    }
  }
  return found;
}

interface Case {
  readonly name: string;
  readonly documents: readonly (readonly Uint8Array[])[];
  readonly impls: readonly Peer[];
  /** The same documents in one chunk each, which `drover-whole` reads in the same rounds. */
  readonly whole?: readonly (readonly Uint8Array[])[];
}

/** What `times` readings fold to: the counters grow with every reading. */
function digestOf(impl: Peer, documents: Case["documents"], full: boolean, times: number): string {
  const fold = new Fold(full);
  for (let i = 0; i < times; i++) for (const chunks of documents) impl.parse(chunks, fold);
  return fold.digest;
}

function check(name: string, impl: Peer, got: string, expected: string): void {
  if (got === expected) return;
  console.error(`xml bench: ${impl.name} read case ${name} wrongly: ${got}, expected ${expected}`);
  Deno.exit(1);
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Median MB/s of every implementation. */
function measure({ name, documents, impls, whole }: Case): Map<string, number> {
  let size = 0;
  for (const chunks of documents) for (const chunk of chunks) size += chunk.length;
  const expected = digestOf(impls.find((impl) => impl.name === "saxes") ?? drover, documents, true, 1);
  const lights = new Map<number, string>();
  const expectedLight = (times: number): string => {
    let light = lights.get(times);
    if (light === undefined) lights.set(times, light = digestOf(drover, documents, false, times));
    return light;
  };
  const runners = impls.map((impl) => ({ label: impl.name, impl, documents }));
  if (whole !== undefined) runners.push({ label: "drover-whole", impl: drover, documents: whole });
  const plan = runners.map((runner) => {
    const { impl, documents } = runner;
    if (impl !== floor) check(name, impl, digestOf(impl, documents, true, 1), expected);
    let times = 1;
    while (true) {
      const begin = performance.now();
      digestOf(impl, documents, false, times);
      const took = performance.now() - begin;
      if (took >= sampleMs / 2) {
        times = Math.max(1, Math.round(times * sampleMs / took));
        break;
      }
      times *= 2;
    }
    return { ...runner, times, speeds: [] as number[] };
  });
  for (let round = 0; round < rounds; round++) {
    for (const { impl, documents, times, speeds } of plan) {
      const begin = performance.now();
      const got = digestOf(impl, documents, false, times);
      speeds.push(size * times / (performance.now() - begin) / 1000);
      if (impl !== floor) check(name, impl, got, expectedLight(times));
    }
  }
  const result = new Map<string, number>();
  for (const { label, speeds } of plan) {
    const mbps = median(speeds);
    result.set(label, mbps);
    console.log(`BENCH suite=xml case=${name} impl=${label} mbps=${mbps.toFixed(1)}`);
  }
  return result;
}

const others = await peers();
const all = [drover, floor, ...others];
const streaming = [drover, floor, ...others.filter((peer) => peer.name === "saxes")];
const answers = receive(12);
const items = enumerate(500);
const wide = enumerate(500, true);
const wholeAnswers = answers.map((bytes) => [bytes]);
const cases: Case[] = [
  { name: "receive", documents: wholeAnswers, impls: all },
  { name: "enumerate", documents: [[items]], impls: all },
  { name: "small", documents: [[small()]], impls: all },
  { name: "enumerate-wide", documents: [[wide]], impls: streaming },
  {
    name: "receive-16k",
    documents: answers.map((bytes) => inPieces(bytes, 16384)),
    impls: streaming,
    whole: wholeAnswers,
  },
  { name: "enumerate-16k", documents: [inPieces(items, 16384)], impls: streaming, whole: [[items]] },
  {
    name: "receive-1k",
    documents: answers.map((bytes) => inPieces(bytes, 1024)),
    impls: streaming,
    whole: wholeAnswers,
  },
  { name: "enumerate-1k", documents: [inPieces(items, 1024)], impls: streaming, whole: [[items]] },
];
const figures = new Map(cases.map((each) => [each.name, measure(each)]));
if (floorSink === 0) throw new Error("the floor did nothing");

function ratio(name: string, metric: string, value: number, target: number, more = ""): void {
  console.log(
    `BENCH suite=xml case=${name} metric=${metric} value=${value.toFixed(2)}${more} target=${target}`,
  );
}

for (const name of ["enumerate", "small"]) {
  const speeds = figures.get(name)!;
  const rivals = others.filter((peer) =>
    peer.kind === "javascript" && peer.streams && peer.aware && peer.checks
  );
  const best = rivals.toSorted((a, b) => speeds.get(b.name)! - speeds.get(a.name)!)[0];
  if (best === undefined) continue;
  ratio(
    name,
    "ratio_to_best_peer",
    speeds.get("drover")! / speeds.get(best.name)!,
    2.5,
    ` peer=${best.name}`,
  );
}
const to = (name: string, impl: string): number => figures.get(name)!.get(impl)!;
ratio("receive", "ratio_to_floor", to("receive", "drover") / to("receive", "floor"), 0.4);
for (const name of ["receive-16k", "enumerate-16k"]) {
  ratio(name, "ratio_to_whole", to(name, "drover") / to(name, "drover-whole"), 0.75);
}
ratio("receive-1k", "ratio_to_floor", to("receive-1k", "drover") / to("receive-1k", "floor"), 0.33);
ratio("enumerate-1k", "ratio_to_floor", to("enumerate-1k", "drover") / to("enumerate-1k", "floor"), 0.33);
