/** What suite `api` measures against: hono on `Deno.serve` and nothing else. Gives a document of so many bytes (its argument). @module */
import { Hono } from "hono";

const document = JSON.parse(Deno.args[0]!) as Record<string, string>;
const app = new Hono();
app.get("/v1/jobs/:id", (context) => context.json(document));
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
console.log(JSON.stringify({ url: `http://127.0.0.1:${server.addr.port}` }));
// Ends with its input.
for await (const _ of Deno.stdin.readable);
await server.shutdown();
