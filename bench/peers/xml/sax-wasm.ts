import { SaxEventType, SAXParser } from "npm:sax-wasm@3.1.4";
import { type Peer, resolveEntities, Scopes, TextFold } from "./contract.ts";
const wasm = await Deno.readFile(new URL(import.meta.resolve("npm:sax-wasm@3.1.4/lib/sax-wasm.wasm")));
let out: TextFold;
let scopes: Scopes;
const parser = new SAXParser(SaxEventType.Text | SaxEventType.OpenTag | SaxEventType.CloseTag | SaxEventType.Cdata);
await parser.prepareWasm(wasm);
// deno-lint-ignore no-explicit-any
parser.eventHandler = (event: number, data: any) => {
  if (event === SaxEventType.Text) out.text(resolveEntities(data.value));
  else if (event === SaxEventType.Cdata) out.text(data.value);
  else if (event === SaxEventType.OpenTag) {
    // deno-lint-ignore no-explicit-any
    const attributes = data.attributes as any[];
    scopes.open(attributes.length === 0 ? undefined : attributes.map((a) => [a.name.value, a.value.value] as const));
    const [namespace, local] = scopes.resolve(data.name);
    out.start(namespace, local);
  } else {
    out.end();
    scopes.close();
  }
};
export const peer: Peer = {
  name: "sax-wasm", kind: "wasm", streams: true, aware: false, checks: false,
  parse(chunks, fold) {
    out = new TextFold(fold);
    scopes = new Scopes();
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  },
};
