// @ts-check
/// <reference lib="dom" />
/** One host: where it is, what its actor does, what was run there. @module */
/** @import { HostDetail, HostRun, PageContext, Ping } from "./types.ts" */
import { button, fill, h, icon } from "./dom.js";
import { Grid } from "./grid.js";
import { breakerCell, every } from "./page_fleet.js";
import { commandText, count, duration, line } from "./text.js";
import { attempt, badge, facts, heading, moment } from "./widgets.js";

/** Milliseconds between looks at what it does. */
const lookMs = 1_500;

/**
 * @param {PageContext} context
 * @param {string} name
 */
export function hostPage({ main, api, live, signal, me }, name) {
  const path = `/v1/hosts/${encodeURIComponent(name)}`;
  /** By job and place. @type {Map<string, HostRun>} */
  const runs = new Map();
  /** @type {string | null} */
  let next = null;
  let reading = false;
  let loaded = false;
  let stale = true;
  const where = h("div", {});
  const work = h("div", {});
  const pinged = h("p", { class: "ping", role: "status" });
  const empty = h("div", { class: "empty small", hidden: true });
  const mayRun = me.scopes.includes("run");
  const grid = new Grid({
    label: "Runs on this host",
    key: keyOf,
    href: ({ job }) => `#/jobs/${job.id}/hosts/${encodeURIComponent(name)}`,
    end: () => void attempt(readMore),
    columns: [
      { name: "state", label: "Result", cell: ({ status, state }) => badge(status ?? state) },
      {
        name: "command",
        label: "Command",
        cell: ({ job }) =>
          h(
            "a",
            { href: `#/jobs/${job.id}/hosts/${encodeURIComponent(name)}`, tabindex: -1, class: "name mono" },
            line(commandText(job.request.command)).slice(0, 300),
          ),
      },
      {
        name: "exit",
        label: "Exit",
        cell: ({ exitCode }) => h("span", {}, exitCode === null ? "–" : String(exitCode)),
      },
      {
        name: "took",
        label: "Took",
        cell: ({ state, durationMs }) => h("span", {}, state === "done" ? duration(durationMs) : "–"),
      },
      { name: "by", label: "By", cell: ({ job }) => line(job.createdBy) },
      { name: "when", label: "Asked for", cell: ({ job }) => moment(job.createdAt) },
    ],
  }, signal);
  main.append(
    h("a", { href: "#/fleet", class: "back" }, icon("back"), "Fleet"),
    heading(
      line(name),
      mayRun && button("Ping", () => void attempt(ping)),
      mayRun &&
        button("Run a command", () => location.hash = `#/jobs/new?hosts=${encodeURIComponent(name)}`, {
          class: "button primary",
        }),
    ),
    pinged,
    h(
      "div",
      { class: "cards" },
      h("section", { class: "panel", "aria-label": "Where it is" }, h("h2", {}, "Where"), where),
      h("section", { class: "panel", "aria-label": "What it does" }, h("h2", {}, "Now"), work),
    ),
    h("h2", {}, "Runs"),
    grid.element,
    empty,
  );

  /** @param {HostDetail} host */
  function draw(host) {
    const { kind, name: from } = host.origin;
    fill(
      where,
      facts([
        ["Address", `${line(host.address)}${host.port === null ? "" : `:${host.port}`}`],
        ["Scheme", host.scheme ?? "default"],
        ["Authentication", host.auth ?? "default"],
        ["Groups", host.groups.length === 0 ? "–" : line(host.groups.join(", "))],
        [
          "Comes from",
          kind === "file"
            ? "the daemon's inventory"
            : kind === "api"
            ? "the API"
            : `inventory ${line(from ?? "")}`,
        ],
      ]),
      host.refusal === null
        ? null
        : h("p", { class: "error-text" }, h("code", {}, host.refusal.code), ` ${line(host.refusal.message)}`),
    );
    fill(
      work,
      facts([
        ["State", badge(host.work.state)],
        ["Permits", `${host.work.permits.running} held, ${host.work.permits.waiting} waiting`],
        ["Breaker", breakerCell(host)],
        ["Mailbox", count(host.work.mailbox)],
        ["Connections", count(host.work.connections)],
        ["Restarts", count(host.work.restarts)],
        [
          "Actor",
          host.actor === null
            ? "none: it has no work"
            : h("span", {}, `${host.actor.state}, `, h("code", {}, line(host.actor.path))),
        ],
        ["Doing", line(host.actor?.work ?? "–")],
      ]),
    );
  }

  function drawRuns() {
    const shown = [...runs.values()].sort((a, b) => a.job.id < b.job.id ? 1 : -1);
    grid.show(shown);
    grid.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    empty.textContent = loaded ? "Nothing was run here yet." : "Reading …";
  }

  const readHost = async () => draw(await api.ask("GET", path, { signal }));

  async function readRuns() {
    stale = false;
    const page = await api.ask("GET", `${path}/runs?limit=100`, { signal });
    for (const run of page.items) runs.set(keyOf(run), run);
    if (!loaded) next = page.next;
    loaded = true;
    drawRuns();
  }

  async function readMore() {
    if (reading || next === null) return;
    reading = true;
    try {
      const page = await api.ask("GET", `${path}/runs?limit=100&cursor=${encodeURIComponent(next)}`, {
        signal,
      });
      for (const run of page.items) runs.set(keyOf(run), run);
      next = page.next;
      drawRuns();
    } finally {
      reading = false;
    }
  }

  async function ping() {
    pinged.textContent = "Asking …";
    try {
      const found = /** @type {Ping} */ (await api.ask("POST", `${path}/ping`, { signal }));
      pinged.textContent = found.answered
        ? `${line(found.vendor ?? "")} ${line(found.version ?? "")} answered in ${
          duration(found.durationMs ?? 0)
        }${found.logon === null ? "" : ` (${found.logon.mechanism})`}`
        : `No answer: ${found.error?.code} ${line(found.error?.message ?? "")}`;
    } catch (error) {
      pinged.textContent = "";
      throw error;
    }
  }

  live.onEvents((events) => {
    stale ||= events.some(({ host, type }) => host === name || type === "job");
  }, signal);
  live.onLook(() => stale = true, signal);
  every(lookMs, signal, async () => {
    await readHost();
    if (stale) await readRuns();
  });
  drawRuns();
  void attempt(async () => {
    await readHost();
    await readRuns();
  });
  return grid;
}

/** @param {HostRun} run */
function keyOf({ job, index }) {
  return `${job.id} ${index}`;
}
