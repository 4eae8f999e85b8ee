// @ts-check
/// <reference lib="dom" />
/** The HTTP API. The token lives in this tab's session storage and in the Authorization header, nowhere else. @module */

const storageKey = "drover.token";

/** An answer that is no success. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/**
 * @typedef {object} AskOptions
 * @property {unknown} [body] Sent as JSON.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** Asks with one token. */
export class Api {
  /** @type {string} */
  #token;
  /** @type {() => void} */
  #refused;

  /**
   * @param {string} token
   * @param {() => void} refused Called when the daemon does not take the token (any more).
   */
  constructor(token, refused) {
    this.#token = token;
    this.#refused = refused;
  }

  /** For the one place that cannot send it as a header: the WebSocket's subprotocol. */
  get token() {
    return this.#token;
  }

  /**
   * The answer; throws {@link ApiError} for everything but a success.
   * @param {string} method
   * @param {string} path
   * @param {AskOptions} [options]
   */
  async raw(method, path, { body, headers, signal } = {}) {
    let answer;
    try {
      answer = await fetch(path, {
        method,
        headers: {
          "Authorization": `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw new ApiError(0, "NoAnswer", "the daemon does not answer");
    }
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    if (answer.status === 401) this.#refused();
    const parts = Array.isArray(problem.errors)
      ? problem.errors.map((/** @type {{at: string, detail: string}} */ { at, detail }) => `${at}: ${detail}`)
      : [];
    throw new ApiError(
      answer.status,
      String(problem.code ?? "Unknown"),
      [String(problem.detail ?? `HTTP ${answer.status}`), ...parts].join("; "),
    );
  }

  /**
   * The answer's JSON.
   * @param {string} method
   * @param {string} path
   * @param {AskOptions} [options]
   * @returns {Promise<any>}
   */
  async ask(method, path, options) {
    const answer = await this.raw(method, path, options);
    return answer.status === 204 ? undefined : await answer.json();
  }

  /**
   * All pages of a list, each as it comes; ends early when `take` gives `false`.
   * @template T
   * @param {string} path With its query, without `limit` and `cursor`.
   * @param {(items: T[], page: any) => boolean | void} take
   * @param {AbortSignal} signal
   */
  async pages(path, take, signal) {
    /** @type {string | null} */
    let cursor = "";
    while (cursor !== null) {
      const query = `limit=1000${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page = /** @type {{items: T[], next: string | null}} */ (
        await this.ask("GET", `${path}${path.includes("?") ? "&" : "?"}${query}`, { signal })
      );
      if (take(page.items, page) === false) return;
      cursor = page.next;
    }
  }
}

/** The token of this tab. */
export function storedToken() {
  return sessionStorage.getItem(storageKey);
}

/** @param {string | undefined} token */
export function storeToken(token) {
  if (token === undefined) sessionStorage.removeItem(storageKey);
  else sessionStorage.setItem(storageKey, token);
}
