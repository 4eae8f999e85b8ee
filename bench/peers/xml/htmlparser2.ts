import { Parser } from "npm:htmlparser2@12.0.0";
import { eachText, type Peer, Scopes, TextFold } from "./contract.ts";
export const peer: Peer = {
  name: "htmlparser2", kind: "javascript", streams: true, aware: false, checks: false,
  parse(chunks, fold) {
    const out = new TextFold(fold);
    const scopes = new Scopes();
    const parser = new Parser({
      onopentag(name: string, attributes: Record<string, string>) {
        scopes.open(Object.entries(attributes));
        const [namespace, local] = scopes.resolve(name);
        out.start(namespace, local);
      },
      ontext(text: string) { out.text(text); },
      onclosetag() { out.end(); scopes.close(); },
    }, { xmlMode: true, decodeEntities: true });
    eachText(chunks, (text) => parser.write(text));
    parser.end();
  },
};
