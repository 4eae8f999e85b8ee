// @ts-check
/// <reference lib="dom" />
/**
 * What happens in the daemon, by WebSocket from a cursor on. After a break it goes on behind the last event; where there is no
 * WebSocket, pages are told to look again every few seconds.
 * @module
 */
/** @import { Event } from "./types.ts" */

/**
 * `connecting`: for the first time, or again; `live`; `polling`: without a WebSocket, the daemon answers; `offline`: it does not.
 * @typedef {"connecting" | "live" | "polling" | "offline"} LiveState
 */

/** Events are handed on in bunches: a run on thousands of hosts must not draw thousands of times. */
const bunchMs = 120;
/** Milliseconds without a heartbeat after which a connection counts as lost. */
const silentMs = 45_000;
/** Milliseconds between looks while there is no connection. */
const pollMs = 3_000;
const firstRetryMs = 400;
const longestRetryMs = 8_000;

/** See the module. */
export class Live {
  /** @type {import("./api.js").Api} */
  #api;
  /** @type {number | undefined} */
  #cursor;
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {Set<(events: readonly Event[]) => void>} */
  #listeners = new Set();
  /** @type {Set<() => void>} */
  #lookers = new Set();
  /** @type {(state: LiveState) => void} */
  #told;
  /** @type {LiveState} */
  #state = "connecting";
  /** @type {Event[]} */
  #bunch = [];
  #retryMs = firstRetryMs;
  #closed = false;
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  #timers = {};

  /**
   * @param {import("./api.js").Api} api
   * @param {(state: LiveState) => void} told
   */
  constructor(api, told) {
    this.#api = api;
    this.#told = told;
    this.#open();
  }

  get state() {
    return this.#state;
  }

  /**
   * Calls `listener` with what happens.
   * @param {(events: readonly Event[]) => void} listener
   * @param {AbortSignal} signal
   */
  onEvents(listener, signal) {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener));
  }

  /**
   * Calls `look` whenever something may have been missed: then the page reads anew what it shows.
   * @param {() => void} look
   * @param {AbortSignal} signal
   */
  onLook(look, signal) {
    this.#lookers.add(look);
    signal.addEventListener("abort", () => this.#lookers.delete(look));
  }

  /** For good. */
  close() {
    this.#closed = true;
    for (const name of Object.keys(this.#timers)) this.#clear(name);
    this.#socket?.close();
  }

  #open() {
    if (this.#closed) return;
    const url = new URL("/v1/events", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("types", "job,progress,result");
    if (this.#cursor !== undefined) url.searchParams.set("after", String(this.#cursor));
    const socket = new WebSocket(url, ["drover.events", `drover.token.${this.#api.token}`]);
    this.#socket = socket;
    socket.onopen = () => {
      this.#retryMs = firstRetryMs;
      this.#clear("poll");
      this.#become("live");
      this.#heard();
      // What was shown may be older than what comes now.
      for (const look of this.#lookers) look();
    };
    socket.onmessage = ({ data }) => {
      this.#heard();
      const event = JSON.parse(data);
      if (event.type === "heartbeat") return;
      if (event.type === "trimmed") {
        for (const look of this.#lookers) look();
        return;
      }
      this.#cursor = event.seq;
      this.#bunch.push(event);
      this.#timers["bunch"] ??= setTimeout(() => this.#hand(), bunchMs);
    };
    socket.onclose = () => {
      if (this.#closed || this.#socket !== socket) return;
      this.#clear("silence");
      if (this.#state === "live") this.#become("connecting");
      this.#timers["poll"] ??= setTimeout(() => void this.#poll(), pollMs / 3);
      this.#timers["open"] = setTimeout(() => this.#open(), this.#retryMs * (0.75 + Math.random() / 2));
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
    };
  }

  #hand() {
    this.#clear("bunch");
    const events = this.#bunch;
    this.#bunch = [];
    for (const listener of this.#listeners) listener(events);
  }

  #heard() {
    this.#clear("silence");
    this.#timers["silence"] = setTimeout(() => this.#socket?.close(), silentMs);
  }

  async #poll() {
    try {
      await this.#api.ask("GET", "/v1/token");
      if (this.#state === "live" || this.#closed) return;
      this.#become("polling");
      for (const look of this.#lookers) look();
    } catch {
      if (this.#state !== "live" && !this.#closed) this.#become("offline");
    } finally {
      this.#timers["poll"] = undefined;
      if (this.#state !== "live" && !this.#closed) {
        this.#timers["poll"] = setTimeout(() => void this.#poll(), pollMs);
      }
    }
  }

  /** @param {LiveState} state */
  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#told(state);
  }

  /** @param {string} name */
  #clear(name) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = undefined;
  }
}
