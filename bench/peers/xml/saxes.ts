import { SaxesParser } from "npm:saxes@6.0.0";
import { eachText, type Peer, TextFold } from "./contract.ts";
export const peer: Peer = {
  name: "saxes", kind: "javascript", streams: true, aware: true, checks: true,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const parser = new SaxesParser({ xmlns: true, position: false });
    parser.on("error", (error) => { throw error; });
    parser.on("opentag", (tag) => out.start(tag.uri, tag.local));
    parser.on("text", (text) => out.text(text));
    parser.on("cdata", (text) => out.text(text));
    parser.on("closetag", () => out.end());
    eachText(chunks, (text) => parser.write(text));
    parser.close();
  },
};
