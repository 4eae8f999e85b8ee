/// <reference lib="dom" />
/** Jobs in the dashboard, from the form to their end. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { complaintsOf, eventually, site } from "./site.ts";

/** The row of a list that has this text. */
const row = (page: Page, text: string) => page.locator(".grid-body .row", { hasText: text });

Deno.test("signing in keeps the token in the tab and out of every address; signing out forgets it", async () => {
  await using s = await site(1);
  const page = await s.open("", { token: null });
  const requested: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  const field = page.getByLabel("Token");
  await field.fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("That is no token").waitFor();
  await field.fill(`drv_${"A".repeat(43)}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("does not take this token").waitFor();
  await field.fill(s.token);
  await field.press("Enter");
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await row(page, s.hosts[0]!).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("drover.token")), s.token);
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie), "{}");
  assert.equal(
    await page.evaluate((token) => document.documentElement.outerHTML.includes(token), s.token),
    false,
  );
  await page.reload();
  await row(page, s.hosts[0]!).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await field.waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.ok(
    requested.length > 10 && requested.every((url) => url.startsWith(s.url) && !url.includes(s.token)),
  );
  assert.deepEqual(complaintsOf(page), []);
});

Deno.test("a job is asked for, seen live to its end, its failures picked out, and retried", async () => {
  await using s = await site(3);
  const folder = await Deno.makeTempDir();
  try {
    const page = await s.open("#/jobs");
    await page.getByText("No jobs yet").waitFor();
    await page.getByRole("button", { name: "New job" }).first().click();
    await page.getByText("3 hosts").waitFor();
    // The first host fails at once, the others wait for a file.
    const mine = `mkdir '${folder}/first' 2>/dev/null && { echo sorry >&2; exit 3; }`;
    await page.getByLabel("Command").fill(
      `${mine}; until [ -e '${folder}/go' ]; do sleep 0.1; done; echo done`,
    );
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Time limit per host, seconds").fill("60");
    await page.getByRole("button", { name: "Run" }).click();
    const bar = page.getByRole("progressbar");
    await page.locator("[role=progressbar][aria-valuenow='1']").waitFor();
    await row(page, "running").first().waitFor();
    await page.getByText("1 failed").first().waitFor();
    await page.getByLabel("Failed only").check();
    await page.getByText("1 of 3 hosts").first().waitFor();
    await eventually(() => page.locator(".grid-body .row").count(), 1);
    await row(page, "failed").click();
    await page.locator(".output", { hasText: "sorry" }).waitFor();
    await eventually(() => page.getByRole("tab", { name: "stderr" }).getAttribute("aria-selected"), "true");
    await page.getByText("Exit code").waitFor();

    // The list of jobs moves as well.
    const list = await s.open("#/jobs");
    await row(list, "1 / 3").waitFor();
    await Deno.writeTextFile(`${folder}/go`, "");
    await row(list, "3 / 3").waitFor();
    await row(list, "failed").waitFor();
    await page.locator("[role=progressbar][aria-valuenow='3']").waitFor();
    assert.match(await bar.getAttribute("aria-valuetext") ?? "", /3 of 3 hosts/);
    await page.getByText("Job done: 3 of 3 hosts done, 1 did not succeed").waitFor({ state: "attached" });

    await page.getByRole("button", { name: "Retry 1 not ok" }).click();
    await page.getByText("Retry of").waitFor();
    await page.locator("[role=progressbar][aria-valuenow='1']").waitFor();
    await row(page, "succeeded").click();
    await page.locator(".output", { hasText: "done" }).waitFor();
    assert.equal((await s.ask("GET", "/v1/jobs")).items.length, 2);
    assert.deepEqual([...complaintsOf(page), ...complaintsOf(list), ...s.errors], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a job is paused, resumed and cancelled, with the keyboard alone", async () => {
  await using s = await site(2);
  const page = await s.open("#/fleet");
  await row(page, s.hosts[0]!).waitFor();
  await page.keyboard.press("n");
  await page.getByLabel("Command").waitFor();
  await page.keyboard.type("echo begun; read line");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(s.hosts[0]!);
  await page.keyboard.press("Enter");
  await row(page, "running").waitFor();
  const press = async (name: string) => {
    await page.getByRole("button", { name, exact: true }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    for (let tries = 0; tries < 200 && await focused() !== name; tries++) await page.keyboard.press("Tab");
    assert.ok(
      await page.evaluate(() => document.activeElement?.matches(":focus-visible")),
      `${name} shows the focus`,
    );
    await page.keyboard.press("Enter");
  };
  await press("Pause");
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await press("Resume");
  await page.getByRole("button", { name: "Pause" }).waitFor();
  // The list, its row, the output.
  await page.keyboard.press("l");
  await page.keyboard.press("Enter");
  await page.locator(".output", { hasText: "begun" }).waitFor();
  await press("Cancel");
  await page.getByRole("dialog").waitFor();
  await press("Cancel the job");
  await row(page, "cancelled").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(s.hosts[1]!.slice(-5));
  await page.getByText("1 of 2 hosts").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("l");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: s.hosts[1]! }).waitFor();
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("output and commands full of markup, control sequences and directions stay text", async () => {
  await using s = await site(1);
  const hostile = `<script>globalThis.hacked=1</script><img src=x onerror="globalThis.hacked=1">`;
  const command = `printf '%s' '${hostile}'; printf '\\033[31mred\\033[0m \\342\\200\\256rtl \\377'`;
  const { id } = await s.ask("POST", "/v1/jobs", { command });
  // Each page of 128 KiB ends inside of a character.
  const big = await s.ask("POST", "/v1/jobs", { command: "seq 30000 | sed 's/$/–––/'" });
  const page = await s.open(`#/jobs/${id}/hosts/${encodeURIComponent(s.hosts[0]!)}`);
  await page.locator(".output", { hasText: "red" }).waitFor();
  assert.equal(
    await page.locator(".output").textContent(),
    `${hostile}\\x1b[31mred\\x1b[0m \\u{202e}rtl \ufffd`,
  );
  assert.match(await page.locator("h1").textContent() ?? "", /<script>globalThis\.hacked=1<\/script>/);
  while ((await s.ask("GET", `/v1/jobs/${big.id}`)).state !== "done");
  await page.goto(`${s.url}/#/jobs/${big.id}/hosts/${encodeURIComponent(s.hosts[0]!)}`);
  await page.getByRole("button", { name: "Next" }).waitFor();
  const texts: string[] = [await page.locator(".output").textContent() ?? ""];
  while (await page.getByRole("button", { name: "Next" }).isEnabled()) {
    const before = texts.at(-1);
    await page.getByRole("button", { name: "Next" }).click();
    await page.waitForFunction((old) => document.querySelector(".output")?.textContent !== old, before);
    texts.push(await page.locator(".output").textContent() ?? "");
  }
  // No character is lost or torn where pages meet.
  assert.equal(texts.length, 4);
  const expected = Array.from({ length: 30_000 }, (_, index) => `${index + 1}–––\n`).join("");
  assert.ok(texts.join("") === expected);
  for (
    const hash of [
      "#/jobs",
      "#/fleet",
      `#/hosts/${encodeURIComponent(s.hosts[0]!)}`,
      "#/hosts/%3Cimg%20src%3Dx%3E",
    ]
  ) {
    await page.goto(`${s.url}/${hash}`);
    await page.locator("main *").first().waitFor();
  }
  assert.equal(await page.evaluate(() => "hacked" in globalThis), false);
  assert.equal(await page.locator("main script, main img").count(), 0);
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("when the daemon comes back after an end, the page goes on where it was", async () => {
  await using s = await site(2);
  const page = await s.open("#/jobs");
  await page.getByText("Live", { exact: true }).waitFor();
  const first = await s.ask("POST", "/v1/jobs", { command: "echo one" });
  await row(page, "echo one").waitFor();
  await row(page, "2 / 2").waitFor();
  await s.stop();
  await page.getByText("Offline", { exact: true }).waitFor();
  await row(page, "echo one").waitFor();
  await s.start();
  const { id } = await s.ask("POST", "/v1/jobs", { command: "echo two" });
  await row(page, "echo two").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await s.ask("POST", "/v1/jobs", { command: "echo three" });
  await row(page, "echo three").waitFor();
  await eventually(() => page.locator(".grid-body .row").count(), 3);
  assert.ok(first.id < id);
  // A token that is revoked meanwhile signs out.
  const made = await s.ask("POST", "/v1/tokens", { name: "guest", scope: "read" });
  const guest = await s.open("#/jobs", { token: made.token });
  await row(guest, "echo one").waitFor();
  assert.equal(await guest.getByRole("button", { name: "New job" }).count(), 0);
  await guest.goto(`${s.url}/#/fleet`);
  await guest.getByText("2 hosts", { exact: true }).waitFor();
  assert.equal(await guest.getByRole("button", { name: "Run a command" }).count(), 0);
  await s.ask("DELETE", "/v1/tokens/guest");
  await guest.goto(`${s.url}/#/jobs`);
  await guest.getByText("You were signed out").waitFor();
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});

Deno.test("where there is no WebSocket the page looks for itself", async () => {
  await using s = await site(1);
  const page = await s.open("", { token: null });
  await page.routeWebSocket(/\/v1\/events/, (socket) => void socket.close());
  await page.getByLabel("Token").fill(s.token);
  await page.getByLabel("Token").press("Enter");
  await page.getByText("Polling", { exact: true }).waitFor();
  await page.goto(`${s.url}/#/jobs`);
  await s.ask("POST", "/v1/jobs", { command: "echo seen" });
  await row(page, "echo seen").waitFor();
  await row(page, "1 / 1").waitFor();
  assert.deepEqual([...complaintsOf(page), ...s.errors], []);
});
