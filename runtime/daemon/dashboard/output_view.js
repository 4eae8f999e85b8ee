// @ts-check
/// <reference lib="dom" />
/** Output of one host of a job, as text, page by page; while it runs it is read on. @module */
/** @import { JobHost, PageContext } from "./types.ts" */
import { button, fill, h } from "./dom.js";
import { count, duration, line, sanitize, size } from "./text.js";
import { attempt, badge, facts } from "./widgets.js";
import { every } from "./page_fleet.js";

/** Bytes of a page. */
const pageBytes = 128 * 1024;
/** Milliseconds between looks at the output of what runs. */
const readMs = 800;
/** Bytes that a character of UTF-8 may have beyond its first. */
const restBytes = 3;

/**
 * @param {PageContext} context
 * @param {string} job
 * @param {string} name Of the host.
 */
export function outputView({ api, live, signal }, job, name) {
  const path = `/v1/jobs/${job}/hosts/${encodeURIComponent(name)}`;
  /** @type {"stdout" | "stderr"} */
  let stream = "stdout";
  let chosen = false;
  let page = 0;
  /** Whether new output is followed: until somebody turns to another page. */
  let follow = true;
  /** @type {JobHost | undefined} */
  let host;
  let shown = "";
  const head = h("div", { class: "output-head" });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Streams" });
  const text = h("pre", { class: "output", tabindex: 0, id: "output", role: "tabpanel", dir: "ltr" });
  const pager = h("div", { class: "pager" });
  const element = h(
    "section",
    { class: "panel output-panel", "aria-label": `Output of ${line(name)}` },
    head,
    tabs,
    text,
    pager,
  );
  for (const which of /** @type {const} */ (["stdout", "stderr"])) {
    tabs.append(
      button(which, () => choose(which), {
        class: "tab",
        role: "tab",
        id: `tab-${which}`,
        "aria-controls": "output",
      }),
    );
  }
  tabs.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    choose(stream === "stdout" ? "stderr" : "stdout");
    /** @type {HTMLElement | null} */ (element.querySelector(`#tab-${stream}`))?.focus();
  });

  const total = () => host === undefined ? 0 : stream === "stdout" ? host.stdoutBytes : host.stderrBytes;
  const pages = () => Math.max(1, Math.ceil(total() / pageBytes));

  /** @param {"stdout" | "stderr"} which */
  function choose(which) {
    chosen = true;
    stream = which;
    page = 0;
    follow = true;
    void attempt(read);
  }

  /** @param {number} to */
  function turn(to) {
    page = Math.max(0, Math.min(pages() - 1, to));
    follow = page === pages() - 1;
    void attempt(read);
  }

  let reading = false;
  let again = false;

  /** One at a time: an older answer must not stand in place of a newer one. */
  async function read() {
    again = true;
    if (reading) return;
    reading = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        await readOnce();
      }
    } finally {
      reading = false;
    }
  }

  async function readOnce() {
    const found = /** @type {JobHost} */ (await api.ask("GET", path, { signal }));
    host = found;
    // What went wrong is what is looked for.
    if (!chosen && found.stdoutBytes === 0 && found.stderrBytes > 0) stream = "stderr";
    if (follow && found.state !== "done") page = pages() - 1;
    drawHead(found);
    const [at, end] = [page * pageBytes, Math.min(total(), (page + 1) * pageBytes)];
    const key = `${stream} ${at} ${end}`;
    if (key !== shown) {
      const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
      text.textContent = end > at ? await readText(at, end) : "";
      shown = key;
      if (follow && found.state !== "done" && atEnd) text.scrollTop = text.scrollHeight;
    }
    text.classList.toggle("none", end === 0);
    if (end === 0) {
      text.textContent = found.state === "done"
        ? `no ${stream}`
        : found.state === "waiting"
        ? "it has not begun"
        : `no ${stream} yet`;
    }
    drawPager(at, end);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  async function readText(from, to) {
    const last = Math.min(total(), to + restBytes) - 1;
    const answer = await api.raw("GET", `${path}/output/${stream}`, {
      headers: { "Range": `bytes=${from}-${last}`, "Accept": "application/octet-stream" },
      signal,
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    // A character at the edge of two pages belongs to the first.
    let start = 0;
    while (from > 0 && start < restBytes && isRest(bytes[start])) start++;
    let stop = Math.min(bytes.length, to - from);
    while (stop < bytes.length && isRest(bytes[stop])) stop++;
    return sanitize(new TextDecoder().decode(bytes.subarray(start, stop)));
  }

  /** @param {JobHost} found */
  function drawHead(found) {
    const { status, state, exitCode, error, durationMs } = found;
    fill(
      head,
      h(
        "div",
        { class: "output-title" },
        h("h2", {}, h("a", { href: `#/hosts/${encodeURIComponent(name)}` }, h("bdi", {}, line(name)))),
        badge(status ?? state),
      ),
      facts([
        ["Exit code", exitCode === null ? "–" : String(exitCode)],
        ["Took", state === "done" ? duration(durationMs) : "–"],
      ]),
      error === null
        ? null
        : h("p", { class: "error-text" }, h("code", {}, error.code), ` ${line(error.message)}`),
    );
    for (const which of /** @type {const} */ (["stdout", "stderr"])) {
      const tab = /** @type {HTMLElement} */ (element.querySelector(`#tab-${which}`));
      tab.textContent = `${which} ${size(which === "stdout" ? found.stdoutBytes : found.stderrBytes)}`;
      tab.setAttribute("aria-selected", String(which === stream));
      tab.tabIndex = which === stream ? 0 : -1;
    }
    text.setAttribute("aria-labelledby", `tab-${stream}`);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  function drawPager(from, to) {
    const focused = document.activeElement instanceof HTMLElement && pager.contains(document.activeElement)
      ? document.activeElement.textContent
      : undefined;
    const last = pages() - 1;
    const step = (/** @type {string} */ label, /** @type {number} */ target, /** @type {boolean} */ off) =>
      button(label, () => turn(target), { class: "button small", disabled: off });
    fill(
      pager,
      last > 0 && step("First", 0, page === 0),
      last > 0 && step("Previous", page - 1, page === 0),
      last > 0 && h("span", { class: "dim" }, `${count(from)}–${count(to)} of ${count(total())} bytes`),
      last > 0 && step("Next", page + 1, page >= last),
      last > 0 && step("Last", last, page >= last),
      total() > 0 && button("Download", () => void attempt(download), { class: "button small right" }),
    );
    if (focused === undefined) return;
    for (const one of pager.querySelectorAll("button")) {
      if (one.textContent === focused && !one.disabled) one.focus();
    }
  }

  async function download() {
    const answer = await api.raw("GET", `${path}/output/${stream}`, {
      headers: { "Accept": "application/octet-stream" },
      signal,
    });
    const url = URL.createObjectURL(await answer.blob());
    const link = h("a", { href: url, download: `${name.replace(/[^\w.-]/g, "_")}.${stream}.txt` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  live.onEvents((events) => {
    const ours = events.some((event) => event.job === job && event.host === name);
    if (ours) void attempt(read);
  }, signal);
  live.onLook(() => void attempt(read), signal);
  every(readMs, signal, () => host?.state === "done" ? Promise.resolve() : read());
  void attempt(read);
  return element;
}

/** @param {number | undefined} byte Whether it goes on with a character of UTF-8. */
function isRest(byte) {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
