/** The page at /docs: reads /openapi.json and shows it, without anything from other hosts. @module */
import { createHash } from "node:crypto";

const style =
  `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.92em}pre{overflow:auto;padding:.6rem;border:1px solid #8886;border-radius:4px}
summary{cursor:pointer;padding:.35rem 0}summary b{display:inline-block;min-width:4.5rem}
details{border-bottom:1px solid #8884}table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}`;

const script = `
const el=(name,text,...children)=>{const node=document.createElement(name);if(text)node.textContent=text;node.append(...children);return node};
const root=document.querySelector("main");
fetch("/openapi.json").then((answer)=>answer.json()).then((api)=>{
  root.append(el("p",api.info.description));
  root.append(el("h2","Routes"));
  for(const [path,item] of Object.entries(api.paths))for(const [method,op] of Object.entries(item)){
    const box=el("details",undefined,el("summary",undefined,el("b",method.toUpperCase()),el("code",path),document.createTextNode(" "+(op.summary||""))));
    if(op.description)box.append(el("p",op.description));
    if(op.parameters&&op.parameters.length){const table=el("table",undefined,el("tr",undefined,el("th","Parameter"),el("th","in"),el("th","Type"),el("th","")));
      for(const p of op.parameters)table.append(el("tr",undefined,el("td",p.name+(p.required?" *":"")),el("td",p.in),el("td",(p.schema.enum||[p.schema.type||""]).join(" | ")),el("td",p.description||p.schema.description||"")));box.append(table)}
    const body=op.requestBody&&Object.entries(op.requestBody.content)[0];
    if(body)box.append(el("p","Body: "+body[0]),el("pre",JSON.stringify(body[1].schema,null,1)));
    const answers=el("table");for(const [status,answer] of Object.entries(op.responses))answers.append(el("tr",undefined,el("td",status),el("td",answer.description)));
    box.append(el("p","Answers:"),answers);root.append(box)}
  root.append(el("h2","Schemas"));
  for(const [name,schema] of Object.entries(api.components.schemas||{}))root.append(el("details",undefined,el("summary",name),el("pre",JSON.stringify(schema,null,1))));
}).catch((error)=>root.append(el("p","The description cannot be read: "+error)));
`;

const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The page, and the Content-Security-Policy that lets in only what it is made of. */
export const docsPage = {
  html: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Drover API</title>` +
    `<meta name="viewport" content="width=device-width"><style>${style}</style></head><body><main><h1>Drover API</h1>` +
    `<p><a href="/openapi.json">openapi.json</a></p></main><script>${script}</script></body></html>`,
  policy: `default-src 'none'; connect-src 'self'; style-src ${hash(style)}; script-src ${hash(script)}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};
