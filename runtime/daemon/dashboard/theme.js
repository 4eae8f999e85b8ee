// @ts-check
/// <reference lib="dom" />
/** Light, dark, or as the system has it. @module */

const storageKey = "drover.theme";

/** @typedef {"auto" | "light" | "dark"} Theme */

/** @type {readonly (readonly [Theme, string])[]} */
export const themes = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]];

/** The theme that was chosen. @returns {Theme} */
export function theme() {
  const value = localStorage.getItem(storageKey);
  return value === "light" || value === "dark" ? value : "auto";
}

/** @param {Theme} value */
export function setTheme(value) {
  if (value === "auto") {
    localStorage.removeItem(storageKey);
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem(storageKey, value);
    document.documentElement.dataset["theme"] = value;
  }
}

/** The other one of light and dark. */
export function switchTheme() {
  const dark = theme() === "dark" ||
    (theme() === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(dark ? "light" : "dark");
}
