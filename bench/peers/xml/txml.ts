import { parse } from "npm:txml@6.0.3";
import { asText, type Peer, resolveEntities, Scopes, TextFold } from "./contract.ts";
export const peer: Peer = {
  name: "txml", kind: "javascript", streams: false, aware: false, checks: false,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const scopes = new Scopes();
    // deno-lint-ignore no-explicit-any
    const walk = (nodes: any[]) => {
      for (const node of nodes) {
        if (typeof node === "string") { out.text(resolveEntities(node)); continue; }
        if (node.tagName[0] === "?") { if (node.children.length) walk(node.children); continue; }
        scopes.open(Object.entries(node.attributes));
        const [namespace, local] = scopes.resolve(node.tagName);
        out.start(namespace, local);
        walk(node.children);
        out.end();
        scopes.close();
      }
    };
    walk(parse(asText(chunks), { keepWhitespace: true, noChildNodes: [] }));
  },
};
