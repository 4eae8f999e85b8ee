/// <reference lib="dom" />
/** A daemon with its dashboard, real services behind it, and a real Chromium in front. @module */
import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Secret } from "../../protocol/secret.ts";
import { Daemon, firstToken } from "../../runtime/daemon/daemon.ts";
import { type Inventory, inventoryFromHosts } from "../../runtime/inventory/mod.ts";
import { Accounts } from "../../runtime/security/accounts.ts";
import { startService } from "../../runtime/service/service.ts";
import { openStore } from "../../runtime/store/mod.ts";
import { password } from "../runtime/cli/drover.ts";

/** What a test has. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  /** The first token: everything is allowed. */
  readonly token: string;
  /** Names of the hosts. */
  readonly hosts: readonly string[];
  readonly browser: Browser;
  /** What the daemon called a defect. */
  readonly errors: unknown[];
  /** Asks the API with the first token. */
  // deno-lint-ignore no-explicit-any -- tests look at what they expect
  ask(method: string, path: string, body?: unknown): Promise<any>;
  /** A page in a context of its own, signed in unless `token` is null. */
  open(hash?: string, options?: OpenOptions): Promise<Page>;
  /** Ends the daemon; its store stays. */
  stop(): Promise<void>;
  /** Starts it again, at the same address, with the same store. */
  start(): Promise<void>;
  /** Takes another inventory. */
  setHosts(inventory: Inventory): void;
}

/** How a page is opened. */
export interface OpenOptions {
  readonly token?: string | null;
  readonly theme?: "light" | "dark";
  readonly size?: { readonly width: number; readonly height: number };
}

/** Milliseconds for anything to show itself: they guard against hanging only. */
const patienceMs = 30_000;

/** Where Debian puts it. */
const chromiumPath = Deno.env.get("DROVER_CHROMIUM") ?? "/usr/bin/chromium";

/** Starts it all. */
export async function site(hostCount = 3): Promise<Site> {
  const folder = await Deno.makeTempDir({ prefix: "drover-browser-" });
  await Deno.chmod(folder, 0o700);
  const accounts = new Accounts();
  accounts.add("demo", new Secret(password), undefined);
  const service = await startService({
    listeners: Array.from({ length: hostCount }, () => ({ host: "127.0.0.1", port: 0 })),
    accounts,
    // NTLM refuses, rightly, a challenge that its own process has made.
    auth: ["basic"],
    allowUnencrypted: true,
    onEvent: () => {},
  });
  const hosts = service.addresses.map(({ port }) => `127.0.0.1:${port}`).sort();
  const errors: unknown[] = [];
  let port = 0;
  let token = "";
  const start = async () => {
    const store = await openStore({ path: `${folder}/drover.db` });
    token ||= (await firstToken(store))!;
    const daemon = await Daemon.start({
      store,
      inventory: inventoryFromHosts(hosts),
      connection: { user: "demo", password: new Secret(password), auth: "basic" },
      host: "127.0.0.1",
      port,
      drainMs: 200,
      onError: (error) => errors.push(error),
    });
    port = Number(new URL(daemon.url).port);
    return daemon;
  };
  let daemon = await start();
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ["--disable-dev-shm-usage", ...(Deno.uid() === 0 ? ["--no-sandbox"] : [])],
  });
  const { url } = daemon;
  const contexts: BrowserContext[] = [];
  return {
    url,
    token,
    hosts,
    browser,
    errors,
    async ask(method, path, body) {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      assert.ok(answer.ok, text);
      return text === "" ? undefined : JSON.parse(text);
    },
    async open(hash = "", { token: other, theme = "light", size = { width: 1280, height: 800 } } = {}) {
      const context = await browser.newContext({
        viewport: size,
        colorScheme: theme,
        reducedMotion: "reduce",
      });
      contexts.push(context);
      context.setDefaultTimeout(patienceMs);
      const key = other === undefined ? token : other;
      if (key !== null) {
        await context.addInitScript((value) => sessionStorage.setItem("drover.token", value), key);
      }
      const page = await context.newPage();
      watch(page);
      await page.goto(`${url}/${hash}`);
      return page;
    },
    async stop() {
      await daemon.stop();
    },
    async start() {
      daemon = await start();
    },
    setHosts(inventory) {
      daemon.parts.book.setFile(inventory);
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await daemon.stop();
      await service.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/**
 * Waits until `read` gives what is expected, and says what it gave last when it never does. Rows are drawn a frame after the words
 * beside them, so nothing that a page shows is read only once.
 */
export async function eventually<T>(read: () => Promise<T>, expected: T): Promise<void> {
  const end = Date.now() + patienceMs;
  let found = await read();
  while (found !== expected && Date.now() < end) found = await read();
  assert.equal(found, expected);
}

const complaints = new WeakMap<Page, string[]>();

/** Keeps what the page complains of: errors of scripts, violations of its Content-Security-Policy. */
function watch(page: Page): void {
  const all: string[] = [];
  complaints.set(page, all);
  page.on("pageerror", (error) => all.push(String(error)));
  page.on("console", (message) => {
    // That a request failed is told by whoever made it.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      all.push(message.text());
    }
  });
}

/** Errors of scripts and violations of the Content-Security-Policy so far. */
export function complaintsOf(page: Page): readonly string[] {
  return complaints.get(page) ?? [];
}

/** What axe finds wrong with the page under WCAG 2.1 A and AA. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const { violations } = await axe.run({ runOnly: { type: "tag", values: tags } });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`)
    );
  });
}
