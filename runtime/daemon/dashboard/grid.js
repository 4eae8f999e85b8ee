// @ts-check
/// <reference lib="dom" />
/**
 * A table of any length: only the rows that can be seen are in the document. One row has the keyboard (roving focus): arrows, Page Up
 * and Down, Home and End move it, Enter opens it. All rows are equally high, which the style sheet says (`--row`).
 * @module
 */
import { fill, h } from "./dom.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name Class of its cells.
 * @property {string} label
 * @property {(item: T) => import("./dom.js").Child} cell
 */

/**
 * @template T
 * @typedef {object} GridOptions
 * @property {string} label What it lists.
 * @property {readonly Column<T>[]} columns
 * @property {(item: T) => string} key
 * @property {(item: T) => string} [href] Where Enter and a click lead.
 * @property {() => void} [end] Called when the last rows are seen.
 */

/** Rows beyond what can be seen, above and below. */
const margin = 6;

/** @template T */
export class Grid {
  /** @type {GridOptions<T>} */
  #options;
  /** @type {readonly T[]} */
  #items = [];
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** Index of the row that has the keyboard. */
  #active = 0;
  /** @type {string | undefined} */
  #current;
  #drawing = false;
  #body = h("div", { role: "rowgroup", class: "grid-body" });
  #scroll;
  /** What to put into the page. */
  element;

  /**
   * @param {GridOptions<T>} options
   * @param {AbortSignal} signal
   */
  constructor(options, signal) {
    this.#options = options;
    const head = h(
      "div",
      { role: "rowgroup", class: "grid-head" },
      h(
        "div",
        { role: "row", class: "row", "aria-rowindex": 1 },
        ...options.columns.map(({ name, label }) =>
          h("div", { role: "columnheader", class: `cell ${name}` }, label)
        ),
      ),
    );
    this.#scroll = h("div", { class: "grid-scroll", role: "presentation" }, this.#body);
    this.element = h(
      "div",
      { class: "grid", role: "grid", "aria-label": options.label, "aria-colcount": options.columns.length },
      head,
      this.#scroll,
    );
    this.#scroll.addEventListener("scroll", () => this.#drawSoon(), { passive: true });
    this.#body.addEventListener("keydown", (event) => this.#key(event));
    this.#body.addEventListener("focusin", ({ target }) => {
      const row = /** @type {HTMLElement} */ (target).closest("[data-index]");
      if (row instanceof HTMLElement) this.#activate(Number(row.dataset["index"]), false);
    });
    const resized = new ResizeObserver(() => this.#drawSoon());
    resized.observe(this.#scroll);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  /** @param {readonly T[]} items */
  show(items) {
    this.#items = items;
    this.#active = Math.min(this.#active, Math.max(0, items.length - 1));
    this.element.setAttribute("aria-rowcount", String(items.length + 1));
    this.#drawSoon();
  }

  /**
   * Marks the row with this key as the one that is open.
   * @param {string | undefined} key
   */
  mark(key) {
    this.#current = key;
    this.#drawSoon();
  }

  /** Draws again what changed in the items. */
  refresh() {
    this.#drawSoon();
  }

  focus() {
    this.#activate(this.#active, true);
  }

  #drawSoon() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  get #rowHeight() {
    return Number.parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 40;
  }

  #draw() {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.#scroll;
    this.#body.style.height = `${this.#items.length * height}px`;
    const from = Math.max(0, Math.floor(scrollTop / height) - margin);
    const to = Math.min(this.#items.length, Math.ceil((scrollTop + clientHeight) / height) + margin);
    /** @type {Set<number>} */
    const wanted = new Set();
    for (let index = from; index < to; index++) wanted.add(index);
    // The focus must not be lost because its row was scrolled away.
    if (this.#body.contains(document.activeElement)) wanted.add(this.#active);
    /** @type {Set<string>} */
    const keys = new Set();
    for (const index of [...wanted].sort((a, b) => a - b)) {
      const item = this.#items[index];
      if (item === undefined) continue;
      const key = this.#options.key(item);
      keys.add(key);
      this.#row(key, item, index, height);
    }
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    this.#order(keys);
    // A row can be reached by Tab whatever is scrolled to.
    if (this.#items.length > 0 && !wanted.has(this.#active)) {
      const row = this.#body.querySelector("[data-index]");
      if (row instanceof HTMLElement) row.tabIndex = 0;
    }
    if (to === this.#items.length) this.#options.end?.();
  }

  /**
   * @param {string} key
   * @param {T} item
   * @param {number} index
   * @param {number} height
   */
  #row(key, item, index, height) {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = h("div", { role: "row", class: "row" });
      for (const { name } of this.#options.columns) {
        row.append(h("div", { role: "gridcell", class: `cell ${name}` }));
      }
      row.addEventListener("click", (event) => this.#click(event, /** @type {HTMLElement} */ (row)));
      this.#rows.set(key, row);
      this.#body.append(row);
    }
    row.dataset["index"] = String(index);
    row.setAttribute("aria-rowindex", String(index + 2));
    row.tabIndex = index === this.#active ? 0 : -1;
    row.style.transform = `translateY(${index * height}px)`;
    row.classList.toggle("odd", index % 2 === 1);
    if (this.#options.key(item) === this.#current) row.setAttribute("aria-selected", "true");
    else row.removeAttribute("aria-selected");
    for (const [place, { cell }] of this.#options.columns.entries()) {
      const slot = row.children[place];
      if (slot === undefined) continue;
      const child = cell(item);
      // What is as it was is left alone: a selection in it stays.
      if (child instanceof Element && slot.childNodes.length === 1 && slot.firstChild?.isEqualNode(child)) {
        continue;
      }
      fill(slot, child);
    }
  }

  /**
   * Brings the rows into the order in which they are read; one that has the focus is not moved, for it would lose it.
   * @param {ReadonlySet<string>} keys
   */
  #order(keys) {
    let at = this.#body.firstElementChild;
    for (const key of keys) {
      const row = this.#rows.get(key);
      if (row === undefined) continue;
      if (row.contains(document.activeElement)) {
        while (at !== null && at !== row) {
          const next = at.nextElementSibling;
          this.#body.append(at);
          at = next;
        }
      }
      if (at === row) at = row.nextElementSibling;
      else this.#body.insertBefore(row, at);
    }
  }

  /**
   * @param {number} index
   * @param {boolean} focus
   */
  #activate(index, focus) {
    this.#active = Math.max(0, Math.min(this.#items.length - 1, index));
    const height = this.#rowHeight;
    if (focus) {
      const top = this.#active * height;
      const { scrollTop, clientHeight } = this.#scroll;
      if (top < scrollTop) this.#scroll.scrollTop = top;
      else if (top + height > scrollTop + clientHeight) this.#scroll.scrollTop = top + height - clientHeight;
      this.#draw();
      const item = this.#items[this.#active];
      if (item !== undefined) {
        const row = this.#rows.get(this.#options.key(item));
        if (row === undefined) this.#row(this.#options.key(item), item, this.#active, height);
        this.#rows.get(this.#options.key(item))?.focus({ preventScroll: true });
      }
    }
    for (const row of this.#rows.values()) {
      row.tabIndex = Number(row.dataset["index"]) === this.#active ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#scroll.clientHeight / this.#rowHeight) - 1);
    const moves = /** @type {Record<string, number>} */ ({
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#items.length - 1,
    });
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.#activate(to, true);
    } else if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.role === "row") {
      event.preventDefault();
      this.#go(this.#active);
    }
  }

  /**
   * @param {MouseEvent} event
   * @param {HTMLElement} row
   */
  #click(event, row) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("a, button, input, select") !== null || getSelection()?.isCollapsed === false) return;
    this.#go(Number(row.dataset["index"]));
  }

  /** @param {number} index */
  #go(index) {
    const item = this.#items[index];
    const href = item === undefined ? undefined : this.#options.href?.(item);
    if (href !== undefined) location.hash = href;
  }
}
