// @ts-check
/// <reference lib="dom" />
/** The form for a new job. @module */
/** @import { Job, PageContext } from "./types.ts" */
import { button, h, icon } from "./dom.js";
import { commandText, counted } from "./text.js";
import { attempt, field, heading } from "./widgets.js";

/**
 * @param {PageContext} context
 * @param {URLSearchParams} query `hosts`: a pattern to begin with; `from`: a job to begin with.
 */
export function newJobPage({ main, api, signal }, query) {
  const command = h("textarea", {
    id: "command",
    rows: 3,
    class: "mono",
    required: true,
    spellcheck: "false",
    autocomplete: "off",
  });
  const hosts = h("input", {
    id: "hosts",
    value: query.get("hosts") ?? "all",
    class: "mono",
    required: true,
    spellcheck: "false",
    autocomplete: "off",
  });
  const throttle = h("input", { type: "number", min: 1, max: 65_536, placeholder: "32" });
  const timeout = h("input", { type: "number", min: 1, max: 2_592_000, placeholder: "none" });
  const wait = h("input", { type: "number", min: 1, max: 2_592_000, placeholder: "none" });
  const priority = h(
    "select",
    {},
    h("option", { value: "high" }, "high"),
    h("option", { value: "normal", selected: true }, "normal"),
    h("option", { value: "low" }, "low"),
  );
  const batch = h("input", { placeholder: "all at once", pattern: "[1-9][0-9]{0,4}%?", autocomplete: "off" });
  const failures = h("input", { type: "number", min: 1, max: 65_536, placeholder: "never" });
  const cwd = h("input", { class: "mono", autocomplete: "off", spellcheck: "false" });
  const stdin = h("textarea", { rows: 3, class: "mono", spellcheck: "false" });
  const matched = h("span", { class: "hint", role: "status", id: "matched" });
  const problem = h("p", { class: "error-text", role: "alert", hidden: true });
  // The same however often the button is pressed: one form is one job.
  const key = crypto.getRandomValues(new Uint8Array(16)).reduce(
    (text, byte) => text + byte.toString(16).padStart(2, "0"),
    "",
  );
  const submit = h("button", { type: "submit", class: "button primary" }, "Run");
  hosts.setAttribute("aria-describedby", "matched");
  const form = h(
    "form",
    { class: "panel form", novalidate: true },
    field("Command", command, "One line goes to the remote shell as it is."),
    h("div", { class: "field" }, h("label", { for: "hosts" }, "Hosts"), hosts, matched),
    h(
      "details",
      {},
      h("summary", {}, "More"),
      h(
        "div",
        { class: "fields" },
        field("Hosts at once", throttle),
        field("Time limit per host, seconds", timeout),
        field("Longest wait for its turn, seconds", wait),
        field("Priority", priority),
        field("Batch", batch, "Hosts of one batch, e.g. 10 or 25%"),
        field("Stop after failed hosts", failures, "Only with batches"),
        field("Working folder", cwd),
      ),
      field("Standard input", stdin, "The same for every host"),
    ),
    problem,
    h("div", { class: "actions" }, submit, button("Back", () => history.back())),
  );
  main.append(h("a", { href: "#/jobs", class: "back" }, icon("back"), "Jobs"), heading("New job"), form);

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  hosts.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void match(), 250);
  });

  async function match() {
    const pattern = hosts.value.trim();
    if (pattern === "") {
      matched.textContent = "";
      return;
    }
    try {
      const page = await api.ask("GET", `/v1/fleet?limit=3&pattern=${encodeURIComponent(pattern)}`, {
        signal,
      });
      if (pattern !== hosts.value.trim()) return;
      matched.textContent = counted(page.total, "host");
    } catch (error) {
      if (!signal.aborted && pattern === hosts.value.trim()) {
        matched.textContent = /** @type {Error} */ (error).message;
      }
    }
  }

  /** @param {HTMLInputElement} input */
  const seconds = (input) => input.value === "" ? undefined : Math.round(Number(input.value) * 1_000);
  /** @param {HTMLInputElement} input */
  const whole = (input) => input.value === "" ? undefined : Number(input.value);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    problem.hidden = true;
    if (!form.checkValidity()) {
      const first =
        /** @type {HTMLInputElement | null} */ (form.querySelector("input:invalid, textarea:invalid"));
      const details = first?.closest("details");
      if (details) details.open = true;
      form.reportValidity();
      return;
    }
    void send();
  });

  async function send() {
    submit.disabled = true;
    const rolling = batch.value.trim() === "" ? undefined : {
      batch: batch.value.trim().endsWith("%") ? batch.value.trim() : Number(batch.value),
      maxFailures: whole(failures),
    };
    const body = {
      command: command.value.replace(/\n+$/, ""),
      hosts: hosts.value.trim(),
      throttle: whole(throttle),
      timeoutMs: seconds(timeout),
      waitTimeoutMs: seconds(wait),
      priority: priority.value === "normal" ? undefined : priority.value,
      rolling,
      shell: cwd.value.trim() === "" ? undefined : { cwd: cwd.value.trim() },
      stdin: stdin.value === "" ? undefined : base64(new TextEncoder().encode(stdin.value)),
    };
    try {
      const job = await api.ask("POST", "/v1/jobs", {
        body,
        headers: { "Idempotency-Key": `dashboard-${key}-${digest(body)}` },
      });
      location.hash = `#/jobs/${job.id}`;
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
      submit.disabled = false;
    }
  }

  /** @param {string} id */
  async function begin(id) {
    const { request } = /** @type {Job} */ (await api.ask("GET", `/v1/jobs/${id}`, { signal }));
    command.value = commandText(request.command);
    hosts.value = request.hosts;
    throttle.value = String(request.throttle ?? "");
    timeout.value = request.timeoutMs === undefined ? "" : String(request.timeoutMs / 1_000);
    wait.value = request.waitTimeoutMs === undefined ? "" : String(request.waitTimeoutMs / 1_000);
    priority.value = request.priority ?? "normal";
    batch.value = String(request.rolling?.batch ?? "");
    failures.value = String(request.rolling?.maxFailures ?? "");
    cwd.value = request.shell?.cwd ?? "";
    await match();
  }

  const from = query.get("from");
  if (from === null) void match();
  else void attempt(() => begin(from));
  return { focus: () => command.focus() };
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

/**
 * A short name of what is asked for: another request of the same form is another job.
 * @param {unknown} body
 */
function digest(body) {
  let hash = 0;
  for (const char of JSON.stringify(body)) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash.toString(16);
}
