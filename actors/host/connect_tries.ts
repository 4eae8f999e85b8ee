/**
 * Whether a connection that could not be opened is tried again, and when. Nothing of an exchange was written by then, so that a
 * further try repeats nothing but the logon.
 * @module
 */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { RandomSource } from "../ports.ts";
import { jittered } from "./jitter.ts";

/** Further tries where a target does not say how many. */
export const defaultConnectRetries = 2;

/** Milliseconds before the first further try, doubled for each one after it. */
const firstMs = 500;
/** Longest pause between tries, in milliseconds. */
const longestMs = 4_000;
/** No try begins later than so many milliseconds after the first one: a host that does not answer at all is not asked twice. */
const patienceMs = 10_000;

/** Failures by which the host, or the way to it, says that it is not there now. */
const ofHost = [
  "ConnectRefused",
  "ConnectTimeout",
  "HostUnreachable",
  "ConnectionReset",
  "ConnectionClosed",
  "AuthenticationTimeout",
];
/** Failures of this machine or its proxy, which say nothing about the host. */
const ofOurs = ["NameServiceUnavailable", "TooManyOpenFiles", "ProxyUnreachable"];

/** Whether `error`, by which a connection was not opened, says that the host is not there now. */
export function isAbsence(error: DroverError): boolean {
  return error instanceof NetworkError && ofHost.includes(error.code);
}

/** Whether the next try may end otherwise. Refused credentials and certificates, and answers that are no WinRM, stay what they are. */
export function mayPass(error: DroverError): boolean {
  return error instanceof NetworkError && (ofHost.includes(error.code) || ofOurs.includes(error.code));
}

/** The tries to open the first connection to one host, from the first one to a success or the last failure. */
export class ConnectTries {
  readonly #retries: number;
  readonly #until: number;
  #failures = 0;
  #last: DroverError | undefined;

  /** The first try began at `since`, in monotonic milliseconds; at most `retries` others follow it. */
  constructor(retries: number, since: number) {
    this.#retries = retries;
    this.#until = since + patienceMs;
  }

  /**
   * Counts a failure at `now`. Milliseconds until the next try, half of them random, so that many who were refused together do
   * not return together; `undefined`: that was the last one.
   */
  failed(error: DroverError, now: number, random: RandomSource): number | undefined {
    const failures = ++this.#failures;
    this.#last = error;
    if (!mayPass(error) || failures > this.#retries) return undefined;
    const pause = jittered(Math.min(longestMs, firstMs * 2 ** (failures - 1)), random);
    return now + pause < this.#until ? pause : undefined;
  }

  /** The error of the last try, with the number of tries. */
  get last(): DroverError | undefined {
    const error = this.#last;
    if (this.#failures < 2 || !(error instanceof NetworkError)) return error;
    return new NetworkError(error.code, `${error.message} (tried ${this.#failures} times)`, { cause: error });
  }
}
