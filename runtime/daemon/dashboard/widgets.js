// @ts-check
/// <reference lib="dom" />
/** Small parts that several pages show. @module */
/** @import { Job, Status } from "./types.ts" */
import { button, h, icon } from "./dom.js";
import { ago, count, counted } from "./text.js";

/** What a host can end as, in the order in which it is shown. @type {readonly Status[]} */
export const statuses = ["succeeded", "failed", "unreachable", "denied", "timedOut", "cancelled", "unknown"];

/** @type {Record<string, string>} */
const words = { timedOut: "timed out", halfOpen: "half-open" };

/**
 * How a status or state is written.
 * @param {string} name
 */
export function word(name) {
  return words[name] ?? name;
}

/** @type {Record<string, import("./dom.js").IconName>} */
const iconsOf = { queued: "waiting", done: "succeeded", cancelling: "cancelled", active: "running" };

/**
 * A status or state with its sign: colour is never all that tells it.
 * @param {string} name
 * @param {string} [text]
 */
export function badge(name, text = word(name)) {
  const sign = iconsOf[name] ?? /** @type {import("./dom.js").IconName} */ (name);
  return h("span", { class: `badge is-${name}` }, icon(sign), h("span", {}, text));
}

/**
 * How a job stands in one word: that it is done says less than how.
 * @param {Job} job
 */
export function jobBadge(job) {
  if (job.state !== "done") return badge(job.state);
  const bad = statuses.filter((status) => status !== "succeeded" && job.counts[status] > 0);
  if (bad.length === 0) return badge("succeeded");
  const worst = bad.reduce((most, status) => job.counts[status] > job.counts[most] ? status : most);
  return badge(
    worst,
    job.hosts === 1 ? word(worst) : `${count(sum(job, bad))} ${bad.length > 1 ? "not ok" : word(worst)}`,
  );
}

/**
 * @param {Job} job
 * @param {readonly Status[]} some
 */
function sum(job, some) {
  return some.reduce((total, status) => total + job.counts[status], 0);
}

/**
 * Hosts of a job that have a result.
 * @param {Job} job
 */
export function ended(job) {
  return sum(job, statuses);
}

/**
 * How far a job is, as a bar.
 * @param {Job} job
 */
export function progress(job) {
  const done = ended(job);
  const bar = h("div", {
    class: "progress",
    role: "progressbar",
    "aria-label": "Hosts done",
    "aria-valuemin": 0,
    "aria-valuemax": job.hosts,
    "aria-valuenow": done,
    "aria-valuetext": `${count(done)} of ${counted(job.hosts, "host")}`,
  });
  for (const status of statuses) {
    if (job.counts[status] === 0) continue;
    const part = h("span", { class: `is-${status}` });
    part.style.width = `${100 * job.counts[status] / Math.max(1, job.hosts)}%`;
    bar.append(part);
  }
  return bar;
}

/**
 * A moment, as how long ago it was.
 * @param {string | null} at
 */
export function moment(at) {
  if (at === null) return h("span", { class: "dim" }, "–");
  return h("time", { datetime: at, title: new Date(at).toLocaleString() }, ago(at, Date.now()));
}

/**
 * Names of things and what they are.
 * @param {readonly (readonly [string, import("./dom.js").Child])[]} rows
 */
export function facts(rows) {
  const list = h("dl", { class: "facts" });
  for (const [name, value] of rows) list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return list;
}

/**
 * A heading of a page; it gets the focus when the page is opened.
 * @param {string} text
 * @param {...import("./dom.js").Child} more
 */
export function heading(text, ...more) {
  return h(
    "div",
    { class: "heading" },
    h("h1", { tabindex: -1 }, text),
    h("div", { class: "actions" }, ...more),
  );
}

/**
 * Says something to who hears the page instead of seeing it.
 * @param {string} text
 */
export function announce(text) {
  const place = document.querySelector("#announcer");
  if (place !== null && place.textContent !== text) place.textContent = text;
}

/**
 * Shows a short message for some seconds.
 * @param {string} text
 * @param {"ok" | "bad"} [kind]
 */
export function toast(text, kind = "ok") {
  const place = document.querySelector("#toasts");
  const message = h("div", { class: `toast ${kind}` }, h("span", {}, text));
  message.append(button("Dismiss", () => message.remove(), { class: "button plain" }));
  place?.append(message);
  setTimeout(() => message.remove(), kind === "ok" ? 6_000 : 15_000);
}

/**
 * Does something and shows the error that it ends with.
 * @param {() => Promise<unknown>} act
 */
export async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError") {
      toast(/** @type {Error} */ (error).message, "bad");
    }
  }
}

/**
 * Asks before something that cannot be undone.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text, yes) {
  return new Promise((resolve) => {
    const box = dialog(title, h("p", {}, text));
    box.addEventListener("close", () => resolve(box.returnValue === "yes"));
    choices(
      box,
      button("Back", () => box.close("no")),
      button(yes, () => box.close("yes"), { class: "button primary" }),
    );
  });
}

/**
 * An open dialog; it leaves the page when it is closed.
 * @param {string} title
 * @param {...import("./dom.js").Child} children
 */
export function dialog(title, ...children) {
  const box = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  box.append(h("h2", { id: "dialog-title" }, title), h("div", {}, ...children));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * What can be done with a dialog; the first of it gets the focus.
 * @param {HTMLDialogElement} box
 * @param {...HTMLButtonElement} buttons
 */
export function choices(box, ...buttons) {
  box.append(h("div", { class: "actions" }, ...buttons));
  buttons[0]?.focus();
}

/**
 * A field with its label.
 * @template {HTMLElement} Control
 * @param {string} label
 * @param {Control} control
 * @param {string} [hint]
 */
export function field(label, control, hint) {
  control.id ||= `field-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  const note = hint === undefined ? undefined : h("span", { class: "hint", id: `${control.id}-hint` }, hint);
  if (note !== undefined) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

/**
 * The search field of a page; `/` leads to it.
 * @param {string} label
 * @param {string} placeholder
 * @param {(text: string) => void} change Called when typing has paused.
 */
export function search(label, placeholder, change) {
  const input = h("input", {
    type: "search",
    class: "search",
    "aria-label": label,
    placeholder,
    "data-search": true,
    spellcheck: "false",
    autocomplete: "off",
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change(input.value.trim()), 150);
  });
  return { input, element: h("div", { class: "searchbox" }, icon("search"), input) };
}
