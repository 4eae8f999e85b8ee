// @ts-check
/// <reference lib="dom" />
/** All hosts: what each does, and how its last run ended. @module */
/** @import { FleetHost, FleetPage, PageContext } from "./types.ts" */
import { button, fill, h } from "./dom.js";
import { Grid } from "./grid.js";
import { count, counted, line } from "./text.js";
import { attempt, badge, heading, moment, search, word } from "./widgets.js";

/** Milliseconds between looks at the hosts that have work. */
const busyMs = 1_500;
/** Milliseconds after which the list of hosts itself is read again. */
const wholeMs = 60_000;

/** @type {readonly (readonly [string, string, (host: FleetHost) => boolean])[]} */
const filters = [
  ["all", "All hosts", () => true],
  ["active", "Active", ({ work }) => work.state === "active"],
  ["waiting", "Waiting", ({ work }) => work.permits.waiting > 0],
  ["breaker", "Breaker open", ({ work }) => work.breaker.state !== "closed"],
  ["bad", "Last run not ok", ({ last }) => last !== null && last.status !== "succeeded"],
];

/** @param {PageContext} context */
export function fleetPage({ main, api, live, me, signal }) {
  /** @type {Map<string, FleetHost>} */
  let hosts = new Map();
  /** @type {FleetPage["permits"]} */
  let permits = null;
  let filter = "all";
  let text = "";
  let loaded = false;
  /** Names that the daemon says the pattern selects. @type {Set<string> | undefined} */
  let selected;
  const tiles = h("div", { class: "tiles", role: "group", "aria-label": "Show only" });
  const empty = h("div", { class: "empty", hidden: true });
  const found = h("p", { class: "found dim", role: "status" });
  const box = search("Search hosts", "Name, group or pattern: web*:!web07", (value) => {
    text = value;
    void pick();
  });
  const grid = new Grid({
    label: "Hosts",
    key: (/** @type {FleetHost} */ { name }) => name,
    href: ({ name }) => `#/hosts/${encodeURIComponent(name)}`,
    columns: [
      {
        name: "host",
        label: "Host",
        cell: ({ name, address }) =>
          h(
            "a",
            { href: `#/hosts/${encodeURIComponent(name)}`, tabindex: -1, class: "name" },
            h("bdi", {}, line(name)),
            address === name || name.startsWith(`${address}:`) ? null : h("small", {}, line(address)),
          ),
      },
      { name: "groups", label: "Groups", cell: ({ groups }) => line(groups.join(", ")) },
      { name: "state", label: "State", cell: ({ work }) => badge(work.state) },
      { name: "permits", label: "Permits", cell: permitsCell },
      { name: "mailbox", label: "Mailbox", cell: ({ work }) => number(work.mailbox) },
      { name: "breaker", label: "Breaker", cell: breakerCell },
      { name: "last", label: "Last result", cell: ({ last }) => last?.status ? badge(last.status) : none() },
      { name: "when", label: "When", cell: ({ last }) => moment(last?.endedAt ?? null) },
    ],
  }, signal);
  main.append(
    heading(
      "Fleet",
      me.scopes.includes("run") &&
        button("Run a command", () => location.hash = "#/jobs/new", { class: "button primary" }),
    ),
    tiles,
    h("div", { class: "toolbar" }, box.element, found),
    grid.element,
    empty,
  );

  function draw() {
    const all = [...hosts.values()];
    const passes = filters.find(([name]) => name === filter)?.[2] ?? (() => true);
    const wanted = text.toLowerCase();
    const shown = all.filter((host) =>
      passes(host) &&
      (selected !== undefined ? selected.has(host.name) : wanted === "" ||
        host.name.toLowerCase().includes(wanted) || host.address.toLowerCase().includes(wanted) ||
        host.groups.some((group) => group.toLowerCase().includes(wanted)))
    );
    grid.show(shown);
    grid.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    if (!loaded) fill(empty, "Reading the fleet …");
    else if (all.length === 0) {
      fill(
        empty,
        h("strong", {}, "No hosts yet"),
        h("p", {}, "Start the daemon with -i INVENTORY, or add hosts through the API."),
      );
    } else {fill(
        empty,
        h("strong", {}, "No host matches"),
        h("p", {}, "Change the search, or show all hosts."),
      );}
    const sum = shown.length === all.length
      ? counted(all.length, "host")
      : `${count(shown.length)} of ${counted(all.length, "host")}`;
    if (loaded && found.textContent !== sum) found.textContent = sum;
    drawTiles(all);
  }

  /** @param {readonly FleetHost[]} all */
  function drawTiles(all) {
    for (const [place, [name, label, passes]] of filters.entries()) {
      let tile = tiles.children[place];
      if (tile === undefined) {
        tile = button(
          "",
          () => {
            filter = filter === name ? "all" : name;
            draw();
          },
          { class: `tile tile-${name}` },
          h("b", {}),
          h("span", {}, label),
        );
        tiles.append(tile);
      }
      tile.setAttribute("aria-pressed", String(filter === name));
      const sum = count(all.filter(passes).length);
      const value = /** @type {Element} */ (tile.firstElementChild);
      if (value.textContent !== sum) value.textContent = sum;
    }
    let tile = tiles.querySelector(".tile-permits");
    if (tile === null) {
      tiles.append(tile = h("div", { class: "tile tile-permits" }, h("b", {}), h("span", {})));
    }
    tile.toggleAttribute("hidden", permits === null);
    if (permits !== null) {
      /** @type {Element} */ (tile.firstElementChild).textContent = `${count(permits.held)} / ${
        count(permits.slots)
      }`;
      /** @type {Element} */ (tile.lastElementChild).textContent = permits.waiting > 0
        ? `Permits held, ${count(permits.waiting)} wait`
        : "Permits held";
    }
  }

  /** A text that looks like a pattern is one of the inventory's, and the daemon knows what it selects. */
  async function pick() {
    const asked = text;
    if (!/[*?:,!&[\]]/.test(asked) || hosts.has(asked)) {
      selected = undefined;
      draw();
      return;
    }
    /** @type {Set<string>} */
    const names = new Set();
    try {
      await api.pages(
        `/v1/hosts?pattern=${encodeURIComponent(asked)}`,
        (/** @type {{name: string}[]} */ items) => {
          for (const { name } of items) names.add(name);
          return text === asked;
        },
        signal,
      );
    } catch {
      // Half a pattern selects nothing yet.
    }
    if (text !== asked || signal.aborted) return;
    selected = names;
    draw();
  }

  async function readAll() {
    /** @type {Map<string, FleetHost>} */
    const fresh = new Map();
    await api.pages("/v1/fleet", (/** @type {FleetHost[]} */ items, /** @type {FleetPage} */ page) => {
      for (const host of items) fresh.set(host.name, host);
      permits = page.permits;
      // The first page is there to look at while the others come.
      if (!loaded) {
        hosts = fresh;
        loaded = true;
        draw();
      }
    }, signal);
    hosts = fresh;
    draw();
  }

  /** Who works, in place of who worked. */
  async function readBusy() {
    /** @type {Map<string, FleetHost>} */
    const busy = new Map();
    await api.pages(
      "/v1/fleet?busy=true",
      (/** @type {FleetHost[]} */ items, /** @type {FleetPage} */ page) => {
        for (const host of items) busy.set(host.name, host);
        permits = page.permits;
      },
      signal,
    );
    for (const [name, host] of hosts) {
      const now = busy.get(name);
      if (now !== undefined) hosts.set(name, now);
      else if (host.work.state !== "idle" || host.work.breaker.state !== "closed") {
        hosts.set(name, { ...host, work: quiet(host.work) });
      }
    }
    draw();
  }

  live.onEvents((events) => {
    for (const event of events) {
      if (event.type !== "result" || event.host === undefined || event.status === undefined) continue;
      const host = hosts.get(event.host);
      if (host === undefined) continue;
      hosts.set(event.host, {
        ...host,
        last: {
          job: event.job,
          status: event.status,
          exitCode: event.exitCode ?? null,
          durationMs: event.durationMs ?? 0,
          endedAt: event.at,
        },
      });
    }
    draw();
  }, signal);
  live.onLook(() => void attempt(readAll), signal);
  every(busyMs, signal, () => loaded ? readBusy() : Promise.resolve());
  every(wholeMs, signal, readAll);
  draw();
  void attempt(readAll);
  return grid;
}

/**
 * Does something again and again, while the page can be seen; what fails is tried again.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} act
 */
export function every(ms, signal, act) {
  const run = async () => {
    if (document.visibilityState === "visible") await act().catch(() => {});
    if (!signal.aborted) timer = setTimeout(run, ms);
  };
  let timer = setTimeout(run, ms);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

/**
 * @param {FleetHost["work"]} work
 * @returns {FleetHost["work"]}
 */
function quiet(work) {
  return {
    ...work,
    state: "idle",
    actor: null,
    mailbox: 0,
    connections: 0,
    permits: { running: 0, waiting: 0 },
    breaker: { state: "closed", failures: 0, until: null },
  };
}

/** @param {FleetHost} host */
function permitsCell({ work: { permits } }) {
  if (permits.running + permits.waiting === 0) return none();
  return h("span", {}, `${permits.running} held${permits.waiting > 0 ? `, ${permits.waiting} wait` : ""}`);
}

/** @param {{readonly work: FleetHost["work"]}} host */
export function breakerCell({ work: { breaker } }) {
  if (breaker.state === "closed") return h("span", { class: "dim" }, "closed");
  const until = breaker.until === null ? "" : ` until ${new Date(breaker.until).toLocaleTimeString()}`;
  return h(
    "span",
    { class: "badge is-unreachable", title: `after ${breaker.failures} failures` },
    `${word(breaker.state)}${until}`,
  );
}

/** @param {number} value */
function number(value) {
  return value === 0 ? none() : h("span", {}, count(value));
}

function none() {
  return h("span", { class: "dim" }, "–");
}
