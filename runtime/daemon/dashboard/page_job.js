// @ts-check
/// <reference lib="dom" />
/** One job: how far it is, its hosts, their output, and what can be done with it. @module */
/** @import { Event, Job, JobHost, PageContext, Status } from "./types.ts" */
import { button, fill, h, icon } from "./dom.js";
import { Grid } from "./grid.js";
import { outputView } from "./output_view.js";
import { every } from "./page_fleet.js";
import { took } from "./page_jobs.js";
import { commandText, count, counted, duration, line, sanitize } from "./text.js";
import {
  announce,
  attempt,
  badge,
  confirmed,
  ended,
  facts,
  jobBadge,
  moment,
  progress,
  search,
  statuses,
  toast,
  word,
} from "./widgets.js";

/** Milliseconds between looks at a job of which hosts have ended. */
const freshMs = 400;
/** Milliseconds between words about how far it is. */
const announceMs = 4_000;

/**
 * @param {PageContext} context
 * @param {string} id
 * @param {string | undefined} opened Name of the host whose output is shown.
 */
export function jobPage(context, id, opened) {
  const { main, api, live, signal, me } = context;
  /** @type {Job | undefined} */
  let job;
  /** By place. @type {JobHost[]} */
  let hosts = [];
  let failedOnly = false;
  let text = "";
  let stale = false;
  let announcedAt = 0;
  const top = h("div", {});
  const title = h("h1", { tabindex: -1, class: "mono job-command" }, "Job");
  const actions = h("div", { class: "actions" });
  const legend = h("div", { class: "legend" });
  const about = h("div", {});
  const bar = h("div", {});
  const failed = h("input", { type: "checkbox", id: "failed-only" });
  failed.addEventListener("change", () => {
    failedOnly = failed.checked;
    draw();
  });
  const box = search("Search hosts of this job", "Host name", (value) => {
    text = value.toLowerCase();
    draw();
  });
  const found = h("p", { class: "found dim", role: "status" });
  const empty = h("div", { class: "empty small", hidden: true });
  const grid = new Grid({
    label: "Hosts of the job",
    key: (/** @type {JobHost} */ { index }) => String(index),
    href: ({ host }) => `#/jobs/${id}/hosts/${encodeURIComponent(host)}`,
    columns: [
      {
        name: "host",
        label: "Host",
        cell: ({ host }) =>
          h(
            "a",
            { href: `#/jobs/${id}/hosts/${encodeURIComponent(host)}`, tabindex: -1, class: "name" },
            h("bdi", {}, line(host)),
          ),
      },
      { name: "state", label: "Result", cell: ({ status, state }) => badge(status ?? state) },
      {
        name: "exit",
        label: "Exit",
        cell: ({ exitCode }) =>
          exitCode === null ? h("span", { class: "dim" }, "–") : h("span", {}, String(exitCode)),
      },
      {
        name: "took",
        label: "Took",
        cell: ({ state, durationMs }) =>
          state === "done" ? h("span", {}, duration(durationMs)) : h("span", { class: "dim" }, "–"),
      },
      {
        name: "error",
        label: "Why",
        cell: ({ error }) => error === null ? null : h("span", { title: line(error.message) }, error.code),
      },
    ],
  }, signal);
  grid.element.classList.add("job-hosts");
  const side = h("div", { class: "side" });
  main.append(
    h("a", { href: "#/jobs", class: "back" }, icon("back"), "Jobs"),
    top,
    h(
      "div",
      { class: `split${opened === undefined ? "" : " opened"}` },
      h(
        "div",
        { class: "list" },
        h(
          "div",
          { class: "toolbar" },
          box.element,
          h("label", { class: "check", for: "failed-only" }, failed, "Failed only"),
          found,
        ),
        grid.element,
        empty,
      ),
      side,
    ),
  );
  top.append(h("div", { class: "heading" }, title, actions), about, bar, legend);
  if (opened === undefined) {
    side.append(
      h(
        "div",
        { class: "panel empty" },
        h("strong", {}, "No host is chosen"),
        h("p", {}, "Choose one to see its output."),
      ),
    );
  } else {
    side.append(
      h("a", { href: `#/jobs/${id}`, class: "back only-narrow" }, icon("back"), "All hosts of the job"),
      outputView(context, id, opened),
    );
  }

  function draw() {
    if (job === undefined) return;
    const now = job;
    const command = commandText(now.request.command);
    title.textContent = sanitize(command);
    document.title = `${line(command).slice(0, 60)} – Drover`;
    const { request } = now;
    fill(
      about,
      facts([
        ["State", jobBadge(now)],
        ["Hosts", h("span", {}, h("bdi", {}, line(request.hosts).slice(0, 400)), ` (${count(now.hosts)})`)],
        ["Asked for", h("span", {}, moment(now.createdAt), ` by ${line(now.createdBy)}`)],
        ["Took", took(now)],
        ...optional("Throttle", request.throttle),
        ...optional("Priority", request.priority),
        ...optional("Time limit", request.timeoutMs === undefined ? undefined : duration(request.timeoutMs)),
        ...optional("Folder", request.shell?.cwd === undefined ? undefined : line(request.shell.cwd)),
        ...optional("Batches", request.rolling === undefined ? undefined : String(request.rolling.batch)),
        ...(now.retryOf === null ? [] : [
          /** @type {const} */ (["Retry of", h("a", { href: `#/jobs/${now.retryOf}` }, "the job before")]),
        ]),
      ]),
    );
    fill(bar, progress(now));
    fill(
      legend,
      h("span", {}, h("b", {}, count(ended(now))), ` of ${counted(now.hosts, "host")} done`),
      ...statuses.filter((status) => now.counts[status] > 0).map((status) =>
        badge(status, `${count(now.counts[status])} ${word(status)}`)
      ),
    );
    drawActions(now);
    const shown = hosts.filter((host) =>
      (!failedOnly || (host.status !== null && host.status !== "succeeded")) &&
      (text === "" || host.host.toLowerCase().includes(text))
    );
    grid.show(shown);
    grid.mark(
      opened === undefined ? undefined : String(hosts.find(({ host }) => host === opened)?.index ?? ""),
    );
    grid.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    empty.textContent = failedOnly && text === ""
      ? now.state === "done" ? "No host has failed." : "No host has failed so far."
      : "No host matches.";
    const sum = shown.length === hosts.length
      ? counted(hosts.length, "host")
      : `${count(shown.length)} of ${counted(hosts.length, "host")}`;
    if (found.textContent !== sum) found.textContent = sum;
    say(now);
  }

  /** @param {Job} now */
  function say(now) {
    const over = now.state === "done";
    if (!over && Date.now() - announcedAt < announceMs) return;
    announcedAt = Date.now();
    const bad = ended(now) - now.counts.succeeded;
    announce(
      `${over ? "Job done: " : ""}${count(ended(now))} of ${counted(now.hosts, "host")} done${
        bad > 0 ? `, ${count(bad)} did not succeed` : ""
      }`,
    );
  }

  let drawnActions = "";

  /** @param {Job} now */
  function drawActions(now) {
    if (!me.scopes.includes("run")) return;
    const bad = statuses.filter((status) => status !== "succeeded" && status !== "unknown")
      .reduce((sum, status) => sum + now.counts[status], 0);
    const key = `${now.state} ${bad} ${now.counts.unknown} ${opened}`;
    // Drawn anew they would lose the focus.
    if (key === drawnActions) return;
    drawnActions = key;
    const again = () => location.hash = `#/jobs/new?from=${id}`;
    fill(
      actions,
      ["queued", "running"].includes(now.state) && button("Pause", () => void change("pause")),
      now.state === "paused" && button("Resume", () => void change("resume")),
      ["queued", "running", "paused"].includes(now.state) &&
        button("Cancel", () => void cancel(), { class: "button danger" }),
      now.state === "done" && opened !== undefined && button("Retry this host", () => void retryOne(opened)),
      now.state === "done" && bad > 0 && button(`Retry ${count(bad)} not ok`, () => void retry({})),
      now.state === "done" && now.counts.unknown > 0 &&
        button(`Retry ${count(now.counts.unknown)} unknown`, () => void retryUnknown()),
      now.state === "done" && button("Run again", again),
    );
  }

  /** @param {"cancel" | "pause" | "resume"} what */
  async function change(what) {
    await attempt(async () => {
      job = await api.ask("POST", `/v1/jobs/${id}/${what}`, { signal });
      toast(
        {
          cancel: "The job is being cancelled",
          pause: "No further host begins",
          resume: "The job goes on",
        }[what],
      );
      draw();
    });
  }

  async function cancel() {
    const yes = await confirmed(
      "Cancel the job?",
      "What runs is stopped, and hosts that have not begun never will. Every host still gets its result.",
      "Cancel the job",
    );
    if (yes) await change("cancel");
  }

  /** @param {{hosts?: string[], statuses?: Status[]}} which */
  async function retry(which) {
    await attempt(async () => {
      const made = await api.ask("POST", `/v1/jobs/${id}/retry`, { body: which, signal });
      location.hash = `#/jobs/${made.id}`;
    });
  }

  /** @param {string} name */
  async function retryOne(name) {
    const status = hosts.find(({ host }) => host === name)?.status;
    const sure = status !== "unknown" || await confirmed("It may have run", mayHaveRun, "Run it again");
    if (sure) await retry({ hosts: [name] });
  }

  async function retryUnknown() {
    if (await confirmed("They may have run", mayHaveRun, "Run again")) await retry({ statuses: ["unknown"] });
  }

  async function readHosts() {
    /** @type {JobHost[]} */
    const fresh = [];
    await api.pages(`/v1/jobs/${id}/hosts`, (/** @type {JobHost[]} */ items) => {
      fresh.push(...items);
      if (hosts.length === 0) {
        hosts = fresh;
        draw();
      }
    }, signal);
    hosts = fresh;
  }

  async function readJob() {
    stale = false;
    job = await api.ask("GET", `/v1/jobs/${id}`, { signal });
    draw();
  }

  async function readAll() {
    await readJob();
    await readHosts();
    draw();
  }

  live.onEvents((events) => {
    const ours = events.filter((event) => event.job === id);
    if (ours.length === 0) return;
    for (const event of ours) {
      if (event.type === "job" && event.document !== undefined) job = event.document;
      else take(hosts, event);
    }
    stale = true;
    draw();
  }, signal);
  live.onLook(() => void attempt(readAll), signal);
  every(freshMs, signal, () => stale ? readJob() : Promise.resolve());
  // Seconds go on also where nothing happens.
  every(1_000, signal, () => {
    if (job !== undefined && job.state !== "done") draw();
    return Promise.resolve();
  });
  void attempt(readAll);
  return grid;
}

const mayHaveRun =
  "Whether the command has run is not known. To run it again may do twice what should be done once.";

/**
 * Takes what happened to a host. What is done stays done, whichever way the list and the events have overtaken each other.
 * @param {JobHost[]} hosts
 * @param {Event} event
 */
function take(hosts, event) {
  const { index } = event;
  const host = index === undefined ? undefined : hosts[index];
  if (host === undefined || index === undefined || host.state === "done") return;
  if (event.type === "progress") hosts[index] = { ...host, state: "running" };
  else if (event.type === "result" && event.status !== undefined) {
    hosts[index] = {
      ...host,
      state: "done",
      status: event.status,
      exitCode: event.exitCode ?? null,
      durationMs: event.durationMs ?? 0,
      error: event.error ?? null,
      endedAt: event.at,
    };
  }
}

/**
 * @param {string} name
 * @param {string | number | undefined} value
 * @returns {(readonly [string, string])[]}
 */
function optional(name, value) {
  return value === undefined ? [] : [[name, String(value)]];
}
