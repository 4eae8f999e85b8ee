import { XMLParser } from "npm:fast-xml-parser@5.12.1";
import { asText, type Peer, Scopes, TextFold } from "./contract.ts";
const parser = new XMLParser({
  preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: "", trimValues: false, parseTagValue: false,
  parseAttributeValue: false, ignoreDeclaration: true, ignorePiTags: true,
});
// deno-lint-ignore no-explicit-any
type Node = Record<string, any>;
export const peer: Peer = {
  name: "fast-xml-parser", kind: "javascript", streams: false, aware: false, checks: false,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const scopes = new Scopes();
    const walk = (nodes: Node[]) => {
      for (const node of nodes) {
        for (const name in node) {
          if (name === ":@") continue;
          if (name === "#text") { out.text(node[name]); continue; }
          scopes.open(node[":@"] && Object.entries(node[":@"]));
          const [namespace, local] = scopes.resolve(name);
          out.start(namespace, local);
          walk(node[name]);
          out.end();
          scopes.close();
        }
      }
    };
    walk(parser.parse(asText(chunks)));
  },
};
