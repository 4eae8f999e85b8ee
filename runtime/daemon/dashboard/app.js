// @ts-check
/// <reference lib="dom" />
/** The dashboard: who is signed in, which page is shown, keys that work everywhere. @module */
/** @import { PageContext, Token } from "./types.ts" */
import { Api, storedToken, storeToken } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { Live } from "./live.js";
import { fleetPage } from "./page_fleet.js";
import { hostPage } from "./page_host.js";
import { jobPage } from "./page_job.js";
import { jobsPage } from "./page_jobs.js";
import { newJobPage } from "./page_new_job.js";
import { settingsPage } from "./page_settings.js";
import { signIn } from "./sign_in.js";
import { switchTheme } from "./theme.js";
import { choices, dialog } from "./widgets.js";

const main = /** @type {HTMLElement} */ (document.querySelector("#main"));
const bar = /** @type {HTMLElement} */ (document.querySelector("#bar"));

/** What a page gives back: where its keys lead. @typedef {{focus(): void} | void} Page */

/** @type {{api: Api, live: Live, me: Token} | undefined} */
let session;
let leaving = new AbortController();
/** @type {Page} */
let page;

const pages = /** @type {const} */ ([["fleet", "Fleet", "#/fleet"], ["jobs", "Jobs", "#/jobs"], [
  "settings",
  "Settings",
  "#/settings",
]]);
/** @type {Record<import("./live.js").LiveState, string>} */
const liveTexts = { connecting: "Connecting", live: "Live", polling: "Polling", offline: "Offline" };

/** @param {string} note */
function signedOut(note) {
  leaving.abort();
  session?.live.close();
  session = undefined;
  storeToken(undefined);
  bar.hidden = true;
  for (const open of document.querySelectorAll("dialog")) open.close();
  document.title = "Sign in – Drover";
  signIn(main, note, begin);
}

/**
 * @param {string} token
 * @param {Token} me
 */
function begin(token, me) {
  storeToken(token);
  const api = new Api(
    token,
    () => session?.api === api && signedOut("You were signed out: the token is expired or revoked."),
  );
  const state = h(
    "span",
    { class: "live is-connecting", role: "status" },
    h("span", {}, liveTexts.connecting),
  );
  session = {
    api,
    me,
    live: new Live(api, (now) => {
      state.className = `live is-${now}`;
      fill(state, h("span", {}, liveTexts[now]));
    }),
  };
  fill(
    bar,
    h(
      "a",
      { href: "#/fleet", class: "brand" },
      h("img", { src: "/assets/icon.svg", alt: "", width: 22, height: 22 }),
      "Drover",
    ),
    h(
      "nav",
      { "aria-label": "Pages" },
      ...pages.map(([name, label, href]) => h("a", { href, "data-page": name }, label)),
    ),
    h(
      "div",
      { class: "bar-end" },
      state,
      button("", switchTheme, {
        class: "button plain",
        "aria-label": "Switch between light and dark",
        title: "Light or dark",
      }, icon("theme")),
      button("", help, { class: "button plain", "aria-label": "Keys", title: "Keys (?)" }, "?"),
      button("Sign out", () => signedOut(""), { class: "button plain", title: `Signed in as ${me.name}` }),
    ),
  );
  bar.hidden = false;
  route(false);
}

/** @param {boolean} focus Whether the page was changed by somebody, whose focus it takes then. */
function route(focus) {
  if (session === undefined) return;
  leaving.abort();
  leaving = new AbortController();
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decode);
  const scrolled = main.scrollTop;
  main.replaceChildren();
  main.scrollTop = 0;
  /** @type {PageContext} */
  const context = { main, signal: leaving.signal, ...session };
  const titles = /** @type {Record<string, string>} */ ({
    fleet: "Fleet",
    hosts: rest[0] ?? "",
    jobs: "Jobs",
    settings: "Settings",
  });
  document.title = `${titles[name ?? ""] ?? "Fleet"} – Drover`;
  main.dataset["page"] = name ?? "";
  if (name === "jobs" && rest[0] === "new") page = newJobPage(context, new URLSearchParams(search));
  else if (name === "jobs" && rest[0] !== undefined && rest[0] !== "") {
    page = jobPage(context, rest[0], rest[1] === "hosts" ? rest[2] : undefined);
    if (rest[1] === "hosts") main.scrollTop = scrolled;
  } else if (name === "jobs") page = jobsPage(context);
  else if (name === "hosts" && rest[0] !== undefined) page = hostPage(context, rest[0]);
  else if (name === "settings") page = settingsPage(context);
  else page = fleetPage(context);
  const current = name === "hosts" || name === undefined || name === "" ? "fleet" : name;
  for (const link of bar.querySelectorAll("[data-page]")) {
    if (link.getAttribute("data-page") === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!focus) return;
  if (name === "jobs" && rest[0] === "new") page?.focus();
  else main.querySelector("h1")?.focus();
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @type {readonly (readonly [string, string])[]} */
const keys = [
  ["/", "Search"],
  ["↑ ↓", "Move in a list"],
  ["Page Up, Page Down, Home, End", "Move far"],
  ["Enter", "Open"],
  ["l", "Go to the list"],
  ["g f", "Fleet"],
  ["g j", "Jobs"],
  ["g s", "Settings"],
  ["n", "New job"],
  ["t", "Light or dark"],
  ["Esc", "Leave the search, close this"],
  ["?", "These keys"],
];

function help() {
  if (document.querySelector("dialog[open]") !== null) return;
  const list = h("dl", { class: "keys" });
  for (const [key, text] of keys) {
    list.append(
      h("div", {}, h("dt", {}, ...key.split(", ").map((one) => h("kbd", {}, one))), h("dd", {}, text)),
    );
  }
  const box = dialog("Keys", list);
  choices(box, button("Close", () => box.close(), { class: "button primary" }));
}

/** Whether `g` was the last key: the next one names a page. */
let going = false;

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.altKey || event.metaKey || session === undefined) return;
  if (target.closest("input, textarea, select") !== null) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (document.querySelector("dialog[open]") !== null) return;
  const went = going;
  going = event.key === "g";
  const to = went ? { f: "#/fleet", j: "#/jobs", s: "#/settings" }[event.key] : undefined;
  if (to !== undefined) location.hash = to;
  else if (event.key === "/") {
    const input = main.querySelector("[data-search]");
    if (!(input instanceof HTMLInputElement)) return;
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === "?") help();
  else if (event.key === "t") switchTheme();
  else if (event.key === "l") page?.focus();
  else if (event.key === "n" && session.me.scopes.includes("run")) location.hash = "#/jobs/new";
}

addEventListener("hashchange", () => route(true));
addEventListener("keydown", onKey);
// A link to where the reader is already must not be taken for a page.
document.querySelector("#skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

/** Goes on with the token of this tab; a daemon that does not answer now is no reason to forget it. */
async function resume() {
  const known = storedToken();
  if (known === null) return signedOut("");
  try {
    begin(known, await new Api(known, () => {}).ask("GET", "/v1/token"));
  } catch (error) {
    const { status, message } = /** @type {import("./api.js").ApiError} */ (error);
    if (status === 401) return signedOut("You were signed out: the token is expired or revoked.");
    const again = button("Try again", () => void resume(), { class: "button primary" });
    fill(
      main,
      h("div", { class: "empty" }, h("strong", {}, "The daemon does not answer"), h("p", {}, message), again),
    );
    again.focus();
  }
}

void resume();
