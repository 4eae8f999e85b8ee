// @ts-check
/// <reference lib="dom" />
/**
 * Elements without HTML: every text that comes from elsewhere goes through a text node, so nothing in it can be markup.
 * @module
 */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @typedef {Record<string, string | number | boolean | null | undefined> & { on?: never }} Attributes
 */

/**
 * An element. `attributes`: `true` is present without a value; `false`, `null` and `undefined` are absent.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  add(element, ...children);
  return element;
}

/**
 * Puts children into a node in place of those that it has.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, ...children);
}

/**
 * Adds children behind those that it has.
 * @param {Element} element
 * @param {...Child} children
 */
export function add(element, ...children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/**
 * A button.
 * @param {string} label
 * @param {() => void} click
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...Child} before
 */
export function button(label, click, attributes = {}, ...before) {
  const element = h("button", { type: "button", class: "button", ...attributes }, ...before, label);
  element.addEventListener("click", click);
  return element;
}

/** Outlines of 16 by 16; `currentColor`, stroke 1.6. */
const icons = {
  succeeded: "M3.500 8.5 6.5 11.5 12.5 5",
  failed: "M4.500 4.5 11.5 11.5 M11.500 4.5 4.5 11.5",
  unreachable: "M8 2.5 14 13.5 2 13.500Z M8 6.5 8 9.5 M8 11.5 8 11.700",
  denied: "M4 7.5 12 7.5 12 13.5 4 13.500Z M5.500 7.5 5.5 5A2.500 2.5 0 0 1 10.5 5L10.500 7.5",
  timedOut: "M8 2.500A5.500 5.5 0 1 0 8 13.500A5.500 5.5 0 1 0 8 2.5 M8 5 8 8 10.5 9.5",
  cancelled: "M8 2.500A5.500 5.5 0 1 0 8 13.500A5.500 5.5 0 1 0 8 2.5 M4.200 4.200 11.800 11.800",
  unknown: "M5.500 6A2.500 2.5 0 1 1 8 8.500L8 9.800 M8 12.300 8 12.5",
  running: "M5 3.5 12 8 5 12.500Z",
  waiting:
    "M4.500 2.5 11.5 2.5 M4.500 13.5 11.5 13.5 M5 2.5 5 4.5 11 11.5 11 13.5 M11 2.5 11 4.5 5 11.5 5 13.5",
  paused: "M5.500 3.5 5.5 12.5 M10.500 3.5 10.5 12.5",
  idle: "M8 6.500A1.500 1.5 0 1 0 8 9.500A1.500 1.5 0 1 0 8 6.5",
  connected: "M8 5A3 3 0 1 0 8 11A3 3 0 1 0 8 5",
  back: "M10 3 5 8 10 13",
  search: "M7 2.500A4.500 4.5 0 1 0 7 11.500A4.500 4.5 0 1 0 7 2.5 M10.300 10.300 13.5 13.5",
  plus: "M8 3 8 13 M3 8 13 8",
  theme:
    "M8 2.500A5.500 5.5 0 1 0 8 13.500A5.500 5.5 0 1 0 8 2.5 M8 2.5 8 13.5 M9.500 3 9.5 13 M11 4 11 12 M12.500 5.5 12.5 10.5",
};

/** @typedef {keyof typeof icons} IconName */

/**
 * A picture that says nothing of its own: what it stands for is written beside it.
 * @param {IconName} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}
