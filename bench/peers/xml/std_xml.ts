import { type Peer } from "./contract.ts";
// Its streaming interface is asynchronous only, so that it cannot be measured by the same synchronous loop: where it
// can be had at all, the synchronous tree parser is measured.
import { parse } from "jsr:@std/xml@0.1/parse";
import { asText, TextFold } from "./contract.ts";
// deno-lint-ignore no-explicit-any
type Node = any;
export const peer: Peer = {
  name: "@std/xml", kind: "javascript", streams: false, aware: true, checks: true,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const walk = (element: Node) => {
      out.start(element.name.uri ?? "", element.name.local);
      for (const node of element.children) {
        if (node.type === "element") walk(node);
        else if (node.type === "text" || node.type === "cdata") out.text(node.text);
      }
      out.end();
    };
    walk(parse(asText(chunks)).root);
  },
};
