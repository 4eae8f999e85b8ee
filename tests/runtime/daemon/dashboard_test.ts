/** The files of the dashboard, as the daemon serves them. */
import assert from "node:assert/strict";
import { dashboardAssets } from "../../../runtime/daemon/dashboard_assets.ts";
import { problemCode, world } from "./world.ts";

Deno.test("a link of another site may lead to the dashboard, and to nothing else", async () => {
  await using w = await world({ hosts: 1 });
  const link = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
  };
  const get = async (path: string, headers: Record<string, string>, method = "GET") => {
    const answer = await w.ask(method, path, { headers });
    await answer.text();
    return answer.status;
  };
  assert.deepEqual([await get("/", link), await get("/docs", link)], [200, 200]);
  for (
    const [path, headers, method] of [
      ["/v1/jobs", link, "GET"],
      ["/openapi.json", link, "GET"],
      ["/assets/app.js", link, "GET"],
      ["/", link, "POST"],
      ["/", { ...link, "Sec-Fetch-Dest": "iframe" }, "GET"],
      ["/", { ...link, "Sec-Fetch-Mode": "no-cors" }, "GET"],
      ["/", { ...link, "Origin": "https://other.example" }, "GET"],
    ] as const
  ) assert.equal(await get(path, headers, method), 403, `${method} ${path}`);
});

Deno.test("the dashboard is served whole, without a token, under a policy that lets in nothing else", async () => {
  await using w = await world({ hosts: 1 });
  const folder = new URL("../../../runtime/daemon/dashboard/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    !["types.ts", "index.html"].includes(name)
  );
  assert.deepEqual(
    [...dashboardAssets.keys()].sort(),
    ["/", ...files.map((name) => `/assets/${name}`)].sort(),
  );
  for (const path of dashboardAssets.keys()) {
    const answer = await w.ask("GET", path, { token: null });
    const text = await answer.text();
    assert.equal(
      text,
      Deno.readTextFileSync(new URL(path === "/" ? "index.html" : path.slice("/assets/".length), folder)),
    );
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    assert.match(policy, /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(answer.headers.get("X-Content-Type-Options"), "nosniff");
    // Nothing is fetched from elsewhere, and no text becomes markup.
    assert.doesNotMatch(
      text.replaceAll("http://www.w3.org/2000/svg", ""),
      /https?:\/\/|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage\.setItem\("drover\.token/,
    );
    const again = await w.ask("GET", path, {
      token: null,
      headers: { "If-None-Match": answer.headers.get("ETag") ?? "" },
    });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
  }
  assert.equal(
    await problemCode(await w.ask("GET", "/assets/../deno.json", { token: null }), 404),
    "NotFound",
  );
  assert.equal(await problemCode(await w.ask("POST", "/", { token: null }), 405), "MethodNotAllowed");
});
