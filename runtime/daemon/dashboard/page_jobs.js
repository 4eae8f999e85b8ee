// @ts-check
/// <reference lib="dom" />
/** All jobs, latest first. @module */
/** @import { Job, PageContext } from "./types.ts" */
import { button, fill, h } from "./dom.js";
import { Grid } from "./grid.js";
import { commandText, count, duration, line } from "./text.js";
import { attempt, ended, heading, jobBadge, moment, progress } from "./widgets.js";
import { every } from "./page_fleet.js";

/** Jobs that are read at once. */
const pageJobs = 100;
/** Milliseconds between looks at jobs of which hosts have ended. */
const freshMs = 500;

/** @param {PageContext} context */
export function jobsPage({ main, api, live, signal, me }) {
  /** By id; ids sort by time. @type {Map<string, Job>} */
  const jobs = new Map();
  /** @type {string | null} */
  let next = null;
  let state = "";
  let reading = false;
  let loaded = false;
  /** @type {Set<string>} */
  const stale = new Set();
  const empty = h("div", { class: "empty", hidden: true });
  const states = h(
    "select",
    { "aria-label": "State", id: "state" },
    ...[["", "All states"], ["queued", "Queued"], ["running", "Running"], ["paused", "Paused"], [
      "cancelling",
      "Cancelling",
    ], ["done", "Done"]]
      .map(([value, label]) => h("option", { value }, label)),
  );
  states.addEventListener("change", () => {
    state = states.value;
    jobs.clear();
    void attempt(readFirst);
  });
  const grid = new Grid({
    label: "Jobs",
    key: (/** @type {Job} */ { id }) => id,
    href: ({ id }) => `#/jobs/${id}`,
    end: () => void attempt(readMore),
    columns: [
      { name: "state", label: "State", cell: jobBadge },
      {
        name: "command",
        label: "Command",
        cell: ({ id, request }) =>
          h(
            "a",
            { href: `#/jobs/${id}`, tabindex: -1, class: "name mono" },
            line(commandText(request.command)).slice(0, 300),
          ),
      },
      {
        name: "target",
        label: "Hosts",
        cell: ({ request }) => h("bdi", {}, line(request.hosts).slice(0, 200)),
      },
      { name: "bar", label: "Progress", cell: progress },
      {
        name: "sum",
        label: "Done",
        cell: (job) => h("span", {}, `${count(ended(job))} / ${count(job.hosts)}`),
      },
      { name: "by", label: "By", cell: ({ createdBy }) => line(createdBy) },
      { name: "when", label: "Asked for", cell: ({ createdAt }) => moment(createdAt) },
      { name: "took", label: "Took", cell: took },
    ],
  }, signal);
  const mayRun = me.scopes.includes("run");
  main.append(
    heading(
      "Jobs",
      mayRun && button("New job", () => location.hash = "#/jobs/new", { class: "button primary" }),
    ),
    h("div", { class: "toolbar" }, states),
    grid.element,
    empty,
  );

  function draw() {
    const shown = [...jobs.values()].sort((a, b) => a.id < b.id ? 1 : -1)
      .filter((job) => state === "" || job.state === state);
    grid.show(shown);
    grid.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    if (!loaded) fill(empty, "Reading the jobs …");
    else if (state !== "") fill(empty, h("strong", {}, "No such jobs"), h("p", {}, "Choose another state."));
    else {
      fill(
        empty,
        h("strong", {}, "No jobs yet"),
        h(
          "p",
          {},
          mayRun ? "Run a first command on your hosts." : "Whoever may run commands has not run any.",
        ),
        mayRun && button("New job", () => location.hash = "#/jobs/new", { class: "button primary" }),
      );
    }
  }

  const query = () => `/v1/jobs?limit=${pageJobs}${state === "" ? "" : `&state=${state}`}`;

  async function readFirst() {
    const asked = state;
    const page =
      /** @type {{items: Job[], next: string | null}} */ (await api.ask("GET", query(), { signal }));
    if (asked !== state) return;
    for (const job of page.items) jobs.set(job.id, job);
    if (!loaded || jobs.size <= pageJobs) next = page.next;
    loaded = true;
    draw();
  }

  async function readMore() {
    if (reading || next === null) return;
    reading = true;
    try {
      const asked = state;
      const path = `${query()}&cursor=${encodeURIComponent(next)}`;
      const page =
        /** @type {{items: Job[], next: string | null}} */ (await api.ask("GET", path, { signal }));
      if (asked !== state) return;
      for (const job of page.items) jobs.set(job.id, job);
      next = page.next;
      draw();
    } finally {
      reading = false;
    }
  }

  live.onEvents((events) => {
    for (const event of events) {
      if (event.type === "job" && event.document !== undefined) jobs.set(event.job, event.document);
      else if (event.type === "result" && jobs.has(event.job)) stale.add(event.job);
    }
    draw();
  }, signal);
  every(freshMs, signal, async () => {
    const some = [...stale].slice(0, 4);
    for (const id of some) {
      stale.delete(id);
      jobs.set(id, await api.ask("GET", `/v1/jobs/${id}`, { signal }));
    }
    if (some.length > 0) draw();
  });
  live.onLook(() => void attempt(readFirst), signal);
  draw();
  void attempt(readFirst);
  return grid;
}

/** @param {Job} job */
export function took({ startedAt, endedAt }) {
  if (startedAt === null) return h("span", { class: "dim" }, "–");
  const ms = (endedAt === null ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt);
  return h("span", {}, duration(Math.max(0, ms)));
}
