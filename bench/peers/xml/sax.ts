import sax from "npm:sax@1.6.1";
import { eachText, type Peer, TextFold } from "./contract.ts";
// Its well-formedness checks are fewer than saxes', but it is strict about tags, entities and namespaces.
export const peer: Peer = {
  name: "sax", kind: "javascript", streams: true, aware: true, checks: true,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    // deno-lint-ignore no-explicit-any
    const parser = (sax as any).parser(true, { xmlns: true, position: false });
    parser.onerror = (error: Error) => { throw error; };
    // deno-lint-ignore no-explicit-any
    parser.onopentag = (tag: any) => out.start(tag.uri, tag.local);
    parser.ontext = (text: string) => out.text(text);
    parser.oncdata = (text: string) => out.text(text);
    parser.onclosetag = () => out.end();
    eachText(chunks, (text) => parser.write(text));
    parser.close();
  },
};
