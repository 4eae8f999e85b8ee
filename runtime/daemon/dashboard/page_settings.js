// @ts-check
/// <reference lib="dom" />
/** Appearance, the own token, and for administrators: tokens and inventories. @module */
/** @import { Inventory, PageContext, Token } from "./types.ts" */
import { add, button, fill, h } from "./dom.js";
import { counted, line } from "./text.js";
import { setTheme, theme, themes } from "./theme.js";
import { attempt, confirmed, dialog, facts, field, heading, moment, toast } from "./widgets.js";

/** @param {PageContext} context */
export function settingsPage({ main, api, signal, me }) {
  const admin = me.scopes.includes("admin");
  const tokens = h("div", {});
  const inventories = h("div", {});
  add(
    main,
    heading("Settings"),
    h(
      "div",
      { class: "cards" },
      h("section", { class: "panel", "aria-label": "Appearance" }, h("h2", {}, "Appearance"), themeChoice()),
      h(
        "section",
        { class: "panel", "aria-label": "This session" },
        h("h2", {}, "This session"),
        session(me),
      ),
    ),
    admin &&
      h(
        "section",
        { class: "panel", "aria-label": "Tokens" },
        h(
          "div",
          { class: "heading" },
          h("h2", {}, "Tokens"),
          h("div", { class: "actions" }, button("New token", () => create(), { class: "button" })),
        ),
        tokens,
      ),
    admin &&
      h("section", { class: "panel", "aria-label": "Inventories" }, h("h2", {}, "Inventories"), inventories),
    !admin && h("p", { class: "dim" }, "Tokens and inventories are for administrators."),
  );

  async function readTokens() {
    const { items } = /** @type {{items: Token[]}} */ (await api.ask("GET", "/v1/tokens", { signal }));
    fill(
      tokens,
      table(
        "List of tokens",
        ["Name", "Scope", "Hosts", "Made", "Expires", ""],
        items.map((token) => [
          h("strong", {}, token.name),
          token.scopes.at(-1) ?? "",
          line(token.hosts.join(", ")),
          h("span", {}, moment(token.createdAt), ` by ${line(token.createdBy)}`),
          token.expiresAt === null ? "never" : moment(token.expiresAt),
          button("Revoke", () => void attempt(() => revoke(token.name)), {
            class: "button small danger",
            "aria-label": `Revoke ${token.name}`,
          }),
        ]),
      ),
    );
  }

  /** @param {string} name */
  async function revoke(name) {
    const own = name === me.name ? " It is the one that you are signed in with." : "";
    if (!await confirmed(`Revoke ${name}?`, `Whoever uses it is locked out at once.${own}`, "Revoke")) return;
    await api.ask("DELETE", `/v1/tokens/${encodeURIComponent(name)}`, { signal });
    toast(`The token ${name} is revoked`);
    await readTokens();
  }

  function create() {
    const name = h("input", { required: true, pattern: "[A-Za-z0-9][\\w.@\\-]{0,63}", autocomplete: "off" });
    const scope = h("select", {}, ...["read", "run", "admin"].map((value) => h("option", { value }, value)));
    const hosts = h("input", { value: "all", required: true, class: "mono", autocomplete: "off" });
    const days = h("input", { type: "number", min: 1, max: 3_660, placeholder: "never" });
    const problem = h("p", { class: "error-text", role: "alert", hidden: true });
    const form = h(
      "form",
      { class: "form" },
      field("Name", name, "Jobs and audit records name it"),
      field("Scope", scope, "Each includes those before it"),
      field("May see and work on", hosts, "Host patterns, separated by spaces"),
      field("Expires after days", days),
      problem,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "submit", class: "button primary" }, "Make the token"),
        button("Back", () => box.close()),
      ),
    );
    const box = dialog("New token", form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      problem.hidden = true;
      const body = {
        name: name.value,
        scope: scope.value,
        hosts: hosts.value.trim().split(/\s+/),
        expiresInSeconds: days.value === "" ? undefined : Number(days.value) * 86_400,
      };
      api.ask("POST", "/v1/tokens", { body, signal }).then((made) => {
        box.close();
        showToken(made.name, made.token);
        return readTokens();
      }).catch((error) => {
        problem.textContent = error.message;
        problem.hidden = false;
      });
    });
    name.focus();
  }

  async function readInventories() {
    /** @type {Map<string, number>} */
    const origins = new Map();
    await api.pages("/v1/hosts", (/** @type {{origin: {kind: string, name?: string}}[]} */ items) => {
      for (const { origin } of items) {
        const key = `${origin.kind} ${origin.name ?? ""}`;
        origins.set(key, (origins.get(key) ?? 0) + 1);
      }
    }, signal);
    const { items } =
      /** @type {{items: Inventory[]}} */ (await api.ask("GET", "/v1/inventories?limit=1000", { signal }));
    const hosts = (/** @type {string} */ key) => counted(origins.get(key) ?? 0, "host");
    fill(
      inventories,
      table("List of inventories", ["Where hosts come from", "Format", "In use", "Changed"], [
        ["The file that the daemon was started with", "–", hosts("file "), "–"],
        ...items.map((
          one,
        ) => [
          h("strong", {}, one.name),
          one.format,
          hosts(`inventory ${one.name}`),
          h("span", {}, moment(one.updatedAt), ` by ${line(one.updatedBy)}`),
        ]),
        ["Added one by one through the API", "–", hosts("api "), "–"],
      ]),
    );
  }

  if (admin) {
    void attempt(readTokens);
    void attempt(readInventories);
  }
}

/** @param {Token} me */
function session(me) {
  return h(
    "div",
    {},
    facts([
      ["Signed in as", me.name],
      ["May", me.scopes.join(", ")],
      ["Hosts", line(me.hosts.join(", "))],
      ["Expires", me.expiresAt === null ? "never" : moment(me.expiresAt)],
    ]),
    h("p", { class: "dim" }, "The token is kept in this tab only, until it is closed or you sign out. "),
    h("p", {}, h("a", { href: "/docs" }, "Description of the API")),
  );
}

function themeChoice() {
  const group = h("fieldset", { class: "choices" }, h("legend", {}, "Theme"));
  for (const [value, label] of themes) {
    const input = h("input", {
      type: "radio",
      name: "theme",
      value,
      id: `theme-${value}`,
      checked: theme() === value,
    });
    input.addEventListener("change", () => setTheme(value));
    group.append(h("label", { class: "check", for: input.id }, input, label));
  }
  return group;
}

/**
 * @param {string} name
 * @param {string} token
 */
function showToken(name, token) {
  const text = h("code", { class: "secret" }, token);
  const box = dialog(
    `Token ${name}`,
    h("p", {}, "Copy it now: it is shown this once, and kept nowhere."),
    text,
    h(
      "div",
      { class: "actions" },
      button("Copy", () =>
        void attempt(async () => {
          await navigator.clipboard.writeText(token);
          toast("Copied");
        })),
      button("Done", () => box.close(), { class: "button primary" }),
    ),
  );
}

/**
 * @param {string} label
 * @param {readonly string[]} heads
 * @param {readonly (readonly import("./dom.js").Child[])[]} rows
 */
function table(label, heads, rows) {
  return h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, ...heads.map((text) => text === "" ? h("td", {}) : h("th", { scope: "col" }, text))),
      ),
      h(
        "tbody",
        {},
        ...rows.map((cells) =>
          h("tr", {}, ...cells.map((cell, place) => h("td", { "data-label": heads[place] }, cell)))
        ),
      ),
    ),
  );
}
