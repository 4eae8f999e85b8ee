import { XmlCData, XmlDocument, XmlElement, XmlText } from "npm:libxml2-wasm@0.7.2";
import { type Peer, TextFold } from "./contract.ts";
export const peer: Peer = {
  name: "libxml2-wasm", kind: "wasm", streams: false, aware: true, checks: true,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const bytes = chunks.length === 1 ? chunks[0]! : new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const document = XmlDocument.fromBuffer(bytes);
    try {
      const walk = (element: XmlElement) => {
        out.start(element.namespaceUri, element.name);
        for (let node = element.firstChild; node !== null; node = node.next) {
          if (node instanceof XmlElement) walk(node);
          else if (node instanceof XmlText || node instanceof XmlCData) out.text(node.content);
        }
        out.end();
      };
      walk(document.root);
    } finally {
      document.dispose();
    }
  },
};
