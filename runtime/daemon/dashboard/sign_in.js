// @ts-check
/// <reference lib="dom" />
/** Asks for a token. @module */
/** @import { Token } from "./types.ts" */
import { Api } from "./api.js";
import { h } from "./dom.js";
import { field } from "./widgets.js";

/**
 * Shows the form, and calls `done` with a token that the daemon takes.
 * @param {HTMLElement} main
 * @param {string} note Why it is shown; empty: for the first time.
 * @param {(token: string, me: Token) => void} done
 */
export function signIn(main, note, done) {
  const token = h("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    class: "mono",
    placeholder: "drv_…",
  });
  const problem = h("p", { class: "error-text", role: "alert" }, note);
  problem.hidden = note === "";
  const submit = h("button", { type: "submit", class: "button primary" }, "Sign in");
  const form = h(
    "form",
    { class: "panel form sign-in" },
    h("img", { src: "/assets/icon.svg", alt: "", width: 48, height: 48 }),
    h("h1", { tabindex: -1 }, "Sign in to Drover"),
    field("Token", token, "It stays in this tab, and is gone when you close it."),
    problem,
    submit,
    h(
      "p",
      { class: "dim" },
      "The daemon's first start wrote one to ",
      h("code", {}, "daemon.token"),
      " beside its store; ",
      h("code", {}, "drover token create"),
      " makes others.",
    ),
  );
  main.replaceChildren(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = token.value.trim();
    problem.hidden = true;
    if (!/^drv_[\w-]{43}$/.test(value)) {
      return refuse("That is no token: it has the form drv_ and 43 characters.");
    }
    submit.disabled = true;
    new Api(value, () => {}).ask("GET", "/v1/token").then(
      (me) => done(value, me),
      (error) =>
        refuse(
          error.status === 401
            ? "The daemon does not take this token: it is wrong, expired or revoked."
            : error.message,
        ),
    );
  });

  /** @param {string} text */
  function refuse(text) {
    submit.disabled = false;
    problem.textContent = text;
    problem.hidden = false;
    token.focus();
  }

  token.focus();
}
