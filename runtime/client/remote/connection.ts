/** The way to a daemon: requests that are asked again where that is safe, and errors with types. @module */
import { concat } from "../../../protocol/bytes.ts";
import {
  DeniedError,
  DroverError,
  NetworkError,
  ProtocolError,
  UsageError,
} from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { Patience } from "./patience.ts";
import { errorOf } from "./problem_errors.ts";

/** How to reach a daemon. */
export interface RemoteFleetOptions {
  /** Where it listens, e.g. `http://127.0.0.1:7520`. */
  readonly url: string;
  /** A token of `drover token create`; text is wrapped in a {@link Secret} at once. */
  readonly token: Secret | string;
  /** Where the token was found, e.g. `the variable DEPLOY_TOKEN`: told when the daemon refuses it. */
  readonly tokenFrom?: string;
  /** PEM of certificate authorities to trust beside the system's. */
  readonly ca?: string;
  /** PEM of our own certificate, with those between it and its authority, for a daemon that asks for one (`--client-ca`). */
  readonly clientCert?: string;
  /** PEM of the key of `clientCert`; text is wrapped in a {@link Secret} at once. */
  readonly clientKey?: Secret | string;
  /**
   * Milliseconds for which a daemon may be away (it is restarted, the network is down) before that is an error; default 60,000. One
   * that has never answered is given up after 2 seconds.
   */
  readonly reconnectTimeout?: number;
  /**
   * Milliseconds for which a daemon may say that it is starting or stopping before that is an error; default: as
   * `reconnectTimeout`, so that a script goes on over a restart.
   */
  readonly notReadyTimeout?: number;
}

/** One request. */
export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** It may be asked again although nobody knows whether it was done. Default: of GET, and with an Idempotency-Key. */
  readonly repeatable?: boolean;
}

/** Milliseconds until a daemon that has never answered is given up. */
const firstContactMs = 2_000;
/** Milliseconds after which a connection counts as lost. */
export interface ConnectionTimes {
  /** Without a byte in the middle of an answer. Default 60,000: four heartbeats of a stream. */
  readonly silenceMs: number;
  /** Until an answer begins. Default 120,000: a ping of a dead host takes its time. */
  readonly answerMs: number;
}
/** Answers after which a request may be asked again: the daemon, or what stands before it, is not ready. */
const notNow: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** How `fetch` says that it has no connection yet; whatever else it says, the request may have been sent. */
const beforeSending = /client error \(Connect\)/;

/** How it says that TLS does not take the server's certificate. */
const untrusted = /client error \(Connect\).*certificate/s;

/** How it says that the server does not take ours (RFC 8446, section 6.2: alerts). */
const refusedIdentity = /received fatal alert: (?:\w*Certificate\w*|UnknownCA|AccessDenied)/;

/** A daemon, as one token sees it. */
export class DaemonConnection implements Disposable {
  readonly #url: string;
  readonly #token: Secret;
  readonly #tokenFrom: string | undefined;
  readonly #client: Deno.HttpClient | undefined;
  readonly #reconnectMs: number;
  readonly #notReadyMs: number;
  readonly #times: ConnectionTimes;
  #reached = false;
  #closed = false;

  /**
   * Connects to nothing yet.
   *
   * @throws UsageError `DaemonUnknown`, `TokenMissing`, `BadOption`
   */
  constructor(
    options: RemoteFleetOptions,
    times: ConnectionTimes = { silenceMs: 60_000, answerMs: 120_000 },
  ) {
    const { url, token, reconnectTimeout = 60_000, notReadyTimeout = reconnectTimeout } = options;
    this.#times = times;
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new UsageError("DaemonUnknown", "find daemon: its URL has to begin with http:// or https://");
    }
    this.#token = typeof token === "string" ? new Secret(token) : token;
    if (!/^[\x21-\x7e]+$/.test(this.#token.reveal())) {
      throw new UsageError("TokenMissing", "find token: it is empty, or has characters that no token has");
    }
    this.#tokenFrom = options.tokenFrom;
    if (!(reconnectTimeout >= 0)) {
      throw new UsageError("BadOption", `connect fleet: reconnectTimeout is ${reconnectTimeout}`);
    }
    if (!(notReadyTimeout >= 0)) {
      throw new UsageError("BadOption", `connect fleet: notReadyTimeout is ${notReadyTimeout}`);
    }
    this.#url = url.replace(/\/+$/, "");
    this.#reconnectMs = reconnectTimeout;
    this.#notReadyMs = notReadyTimeout;
    this.#client = httpClient(options);
  }

  /** How long this daemon is waited for; `most` is asked at each failure. */
  patience(most: () => number = () => Infinity): Patience {
    return new Patience(() =>
      Math.min(most(), this.#reached ? this.#reconnectMs : Math.min(firstContactMs, this.#reconnectMs))
    );
  }

  /**
   * Sends a request, and gives back what is a success, as soon as its body begins.
   *
   * @throws UsageError, DeniedError, ProtocolError or DroverError with the code of the problem; NetworkError `DaemonUnreachable`
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return await this.#ask(method, path, options, (answer) => Promise.resolve(answer));
  }

  /** The same for bytes: all of the body. */
  async bytes(method: string, path: string, options: RequestOptions = {}): Promise<Uint8Array> {
    return await this.#ask(method, path, options, async (answer) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.chunks(answer)) chunks.push(chunk);
      return concat(chunks);
    });
  }

  /** The same for JSON. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const text = new TextDecoder().decode(await this.bytes(method, path, options));
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new ProtocolError("BadAnswer", `ask daemon: ${this.#url} does not answer with JSON`, {
        cause: error,
      });
    }
  }

  /**
   * The body of an answer as it comes.
   *
   * @throws NetworkError `ConnectionLost` when it breaks, or is silent for too long
   */
  async *chunks(answer: Response): AsyncGenerator<Uint8Array, void, undefined> {
    if (answer.body === null) return;
    const reader = answer.body.getReader();
    try {
      while (true) {
        let read: ReadableStreamReadResult<Uint8Array>;
        try {
          read = await within(this.#times.silenceMs, reader.read());
        } catch (error) {
          throw new NetworkError("ConnectionLost", "ask daemon: the connection broke", { cause: error });
        }
        if (read.done) return;
        yield read.value;
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#client?.close();
  }

  async #ask<T>(
    method: string,
    path: string,
    options: RequestOptions,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    const { signal, headers } = options;
    const repeatable = options.repeatable ??
      (method === "GET" || headers?.["Idempotency-Key"] !== undefined);
    /** It has said that it is starting or stopping. */
    let notReady = false;
    const patience = this.patience(() => notReady ? this.#notReadyMs : Infinity);
    /** The daemon may have got it, whatever it made of it. */
    let sent = false;
    while (true) {
      if (this.#closed) throw new UsageError("FleetClosed", "ask daemon: the fleet is closed");
      let error: DroverError;
      let again: boolean;
      let afterMs = 0;
      try {
        const answer = await this.#fetch(method, path, options);
        this.#reached = true;
        if (answer.ok) return await read(answer);
        error = this.#withSource(errorOf(answer.status, answer.statusText, await answer.text()));
        notReady ||= error.code === "NotReady";
        // What was refused for being too much was certainly not done.
        again = answer.status === 429 || (repeatable && notNow.has(answer.status));
        afterMs = retryAfterMs(answer.headers.get("Retry-After"));
      } catch (failure) {
        signal?.throwIfAborted();
        if (failure instanceof DroverError && !(failure instanceof NetworkError)) throw failure;
        const why = wholeMessage(failure);
        if (untrusted.test(why)) {
          throw new NetworkError(
            "CertificateUntrusted",
            `ask daemon: the certificate of ${this.#url} is not trusted; give the PEM of its authority`,
            { cause: failure },
          );
        }
        if (refusedIdentity.test(why)) {
          throw new DeniedError(
            "CertificateRefused",
            `ask daemon: ${this.#url} wants a certificate of an authority that it trusts; give clientCert and clientKey`,
            { cause: failure },
          );
        }
        sent ||= !beforeSending.test(why);
        again = repeatable || !sent;
        const known = method === "GET" || !sent ? "" : "; whether it was done is not known";
        const state = notReady ? "was starting or stopping, and does not answer any more" : "does not answer";
        error = new NetworkError("DaemonUnreachable", `ask daemon: ${this.#url} ${state}${known}`, {
          cause: failure,
        });
      }
      if (!again || !await patience.wait(signal, afterMs)) throw error;
    }
  }

  /** Of several tokens one may be old: which one it was helps. */
  #withSource(error: DroverError): DroverError {
    if (error.code !== "TokenRefused" || this.#tokenFrom === undefined) return error;
    return new DeniedError(error.code, `${error.message}; the one that was sent is from ${this.#tokenFrom}`);
  }

  #fetch(method: string, path: string, { body, headers, signal }: RequestOptions): Promise<Response> {
    return within(
      this.#times.answerMs,
      fetch(`${this.#url}${path}`, {
        method,
        // A token goes to the daemon that it is for, and nowhere else.
        redirect: "error",
        headers: {
          "Authorization": `Bearer ${this.#token.reveal()}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
        ...(this.#client === undefined ? {} : { client: this.#client }),
      }),
      (late) => void late.body?.cancel(),
    );
  }
}

/** What TLS is done with; `undefined`: as the platform does it. */
function httpClient({ ca, clientCert, clientKey }: RemoteFleetOptions): Deno.HttpClient | undefined {
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw new UsageError("BadOption", "connect fleet: clientCert and clientKey go together");
  }
  if (ca === undefined && clientCert === undefined) return undefined;
  const key = clientKey instanceof Secret ? clientKey.reveal() : clientKey;
  try {
    return Deno.createHttpClient({
      ...(ca === undefined ? {} : { caCerts: [ca] }),
      ...(clientCert === undefined || key === undefined ? {} : { cert: clientCert, key }),
    });
  } catch {
    // Not as the cause: nobody knows what the platform says of a key.
    throw new UsageError(
      "BadOption",
      "connect fleet: ca, clientCert or clientKey is no PEM that TLS takes, or the key is of another certificate",
    );
  }
}

/** Rejects when `promise` takes longer; `late` gets what comes all the same. */
function within<T>(ms: number, promise: Promise<T>, late: (value: T) => void = () => {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new NetworkError("Timeout", `ask daemon: nothing came for ${ms / 1_000} s`));
      promise.then(late, () => {});
    }, ms);
    promise.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

/** The texts of an error and of those below it. */
function wholeMessage(error: unknown): string {
  return error instanceof Error ? `${error.message} ${wholeMessage(error.cause)}` : "";
}

/** Retry-After in seconds (RFC 9110, section 10.2.3); a date is not what the daemon sends. */
function retryAfterMs(value: string | null): number {
  return value !== null && /^\d{1,4}$/.test(value) ? Number(value) * 1_000 : 0;
}
