/// <reference lib="dom" />
/** The fleet, a host, the settings, and how all of it looks. */
import assert from "node:assert/strict";
import { inventoryFromHosts } from "../../runtime/inventory/mod.ts";
import { axeFindings, complaintsOf, eventually, site } from "./site.ts";

Deno.test("ten thousand hosts scroll with few elements, and the last ones are where they belong", async () => {
  await using s = await site(1);
  const names = Array.from({ length: 10_000 }, (_, i) => `h${String(i).padStart(5, "0")}.example`);
  s.setHosts(inventoryFromHosts(names));
  const page = await s.open("#/fleet");
  await page.getByText("10,000 hosts").waitFor();
  const rows = () => page.locator(".grid-body .row").count();
  const first = () =>
    page.evaluate(() => {
      const box = document.querySelector(".grid-scroll")!.getBoundingClientRect();
      return document.elementFromPoint(box.left + 60, box.top + 10)?.closest(".row")?.querySelector(".host")
        ?.textContent;
    });
  await page.locator(".grid-body .row").first().waitFor();
  assert.ok(await rows() < 60);
  await eventually(first, names[0]);
  // Far, in steps, and to the end: what can be seen is what belongs there.
  for (const top of [12_345, 200_000, 379_000]) {
    await page.locator(".grid-scroll").evaluate((element, to) => element.scrollTop = to, top);
    await page.waitForFunction(
      ({ name }) =>
        [...document.querySelectorAll(".grid-body .host")].some(({ textContent }) => textContent === name),
      { name: names[Math.floor((top + 5) / 38)] },
    );
    assert.ok(await rows() < 60, "few rows are in the document");
  }
  await page.locator(".grid-scroll").evaluate((element) => element.scrollTop = element.scrollHeight);
  await page.getByRole("row", { name: names[9_999]! }).waitFor();
  assert.ok(await rows() < 60, "few rows are in the document");
  await page.locator(".grid-body .row").last().focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(
    (name) => document.activeElement?.querySelector(".host")?.textContent === name,
    names[0],
  );
  await page.keyboard.press("End");
  await page.waitForFunction(
    (name) => document.activeElement?.querySelector(".host")?.textContent === name,
    names[9_999],
  );
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-rowindex")), "10001");
  assert.ok(await page.evaluate(() => document.querySelectorAll("*").length) < 1_500);

  await page.getByLabel("Search hosts").fill("h0999");
  await page.getByText("10 of 10,000 hosts").waitFor();
  await page.getByLabel("Search hosts").fill("h000*:!h0000?.example");
  await page.getByText("90 of 10,000 hosts").waitFor();
  await page.getByLabel("Search hosts").fill("nothing");
  await page.getByText("No host matches").waitFor();
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("the fleet shows who works and how it ended; a host's page has its actor, its runs and a ping", async () => {
  await using s = await site(2);
  const [host = ""] = s.hosts;
  const page = await s.open("#/fleet");
  const { id } = await s.ask("POST", "/v1/jobs", { command: "read line", hosts: host });
  const row = page.getByRole("row", { name: host });
  await row.getByText("active").waitFor();
  await row.getByText("1 held").waitFor();
  await page.getByRole("button", { name: "Active" }).click();
  await page.getByText("1 of 2 hosts").waitFor();
  await row.getByRole("link").click();
  await page.getByRole("heading", { name: host }).waitFor();
  await page.getByText("1 held, 0 waiting").waitFor();
  await page.getByText("/fleet/").waitFor();
  await page.getByRole("button", { name: "Ping" }).click();
  await page.getByText("answered in").waitFor();
  await s.ask("POST", `/v1/jobs/${id}/cancel`, {});
  await page.locator(".grid-body .row", { hasText: "cancelled" }).waitFor();
  await page.goBack();
  await row.getByText("cancelled").waitFor();
  await page.getByRole("button", { name: "Last run not ok" }).click();
  await page.getByText("1 of 2 hosts").waitFor();
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("settings: the theme stays, a token is made, shown once and revoked", async () => {
  await using s = await site(1);
  const page = await s.open("#/settings");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("radio", { name: "Dark" }).check();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole("radio", { name: "Dark" }).waitFor();
  await eventually(ground, dark);
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  await eventually(ground, light);
  await page.getByText("The file that the daemon was started with").waitFor();
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("deploy");
  await page.getByLabel("Scope").selectOption("run");
  await page.getByRole("button", { name: "Make the token" }).click();
  const made = await page.locator(".secret").textContent();
  assert.match(made ?? "", /^drv_[\w-]{43}$/);
  await page.getByRole("button", { name: "Done" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByRole("cell", { name: "deploy", exact: true }).waitFor();
  assert.equal(await page.evaluate((token) => document.body.textContent?.includes(token!), made), false);
  await page.getByRole("button", { name: "Revoke deploy" }).click();
  await page.getByRole("button", { name: "Revoke", exact: true }).last().click();
  await page.getByRole("cell", { name: "deploy", exact: true }).waitFor({ state: "detached" });
  assert.deepEqual((await s.ask("GET", "/v1/tokens")).items.map(({ name }: { name: string }) => name), [
    "first",
  ]);
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("every page is accessible in both themes, and fits from a phone to a wide screen", async () => {
  await using s = await site(2);
  const failed = await s.ask("POST", "/v1/jobs", { command: "echo no >&2; exit 3" });
  await s.ask("POST", "/v1/jobs", { command: "read line", hosts: s.hosts[0] });
  const host = encodeURIComponent(s.hosts[0]!);
  const pages: Record<string, string> = {
    "": ".sign-in",
    "#/fleet": ".grid-body .row",
    "#/jobs": ".grid-body .row",
    [`#/jobs/${failed.id}/hosts/${host}`]: ".output",
    "#/jobs/new": ".form",
    [`#/hosts/${host}`]: ".grid-body .row",
    "#/settings": "td",
  };
  const found: string[] = [];
  for (const theme of ["light", "dark"] as const) {
    for (const token of [null, s.token]) {
      const page = await s.open("", { theme, token });
      for (const [hash, ready] of Object.entries(pages)) {
        if ((token === null) !== (hash === "")) continue;
        await page.goto(`${s.url}/${hash}`);
        await page.locator(ready).first().waitFor();
        await page.locator("#announcer").waitFor({ state: "attached" });
        found.push(...(await axeFindings(page)).map((text) => `${theme} ${hash} ${text}`));
        for (const width of [360, 900, 1920]) {
          await page.setViewportSize({ width, height: 800 });
          const over = await page.evaluate(() =>
            Math.max(document.documentElement.scrollWidth, document.querySelector("main")!.scrollWidth) -
            innerWidth
          );
          if (over > 0) found.push(`${hash} is ${over} pixels wider than ${width}`);
        }
        // The small one has parts of its own.
        await page.setViewportSize({ width: 390, height: 844 });
        if (theme === "dark") found.push(...(await axeFindings(page)).map((text) => `phone ${hash} ${text}`));
        await page.setViewportSize({ width: 1280, height: 800 });
      }
      found.push(...complaintsOf(page));
    }
  }
  assert.deepEqual(found, []);
  const answer = await fetch(`${s.url}/`);
  const policy = answer.headers.get("Content-Security-Policy") ?? "";
  await answer.text();
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.match(policy, /default-src 'none'/);
});
