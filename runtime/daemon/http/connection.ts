/**
 * One connection of the API: requests one after the other, each answered before the next is looked at. What a client sends ahead waits
 * in the system's buffers, and so does what it does not take: nothing is kept for a slow one but the piece that is being written.
 * @module
 */
import {
  continueResponse,
  HttpError,
  type HttpEvent,
  type HttpRequestEvent,
  HttpRequestParser,
} from "../../../protocol/http/mod.ts";
import { AdaptiveReader } from "../../transports/adaptive_reader.ts";
import type { Handler } from "../context.ts";
import { Problem, problemOf } from "../problems.ts";
import { type Agreement, isHandshake, openSocket } from "../upgrades.ts";
import type { PartSource } from "../live/part_source.ts";
import { ConnectionDuplex } from "./duplex.ts";
import { Pump } from "./pump.ts";
import { answerHead, encodeHead, requestOf, wholeBody } from "./messages.ts";

/** Bodies are bounded by the routes, which know what they need. */
const limits = Object.freeze({ maxHeaderBytes: 32 * 1024, maxBodyBytes: Infinity });

/** Milliseconds that a connection may say nothing between two requests. */
const idleMs = 120_000;
/** Milliseconds for a head from its first byte on. */
const headMs = 15_000;
/** Milliseconds for a client to take an answer that is no stream: those have a limit of their own. */
const answerMs = 120_000;
/** Milliseconds in which a client that still sends may see why it was refused. */
const lingerMs = 2_000;

const { BadResource, BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, NotConnected, TimedOut } =
  Deno.errors;
const passing = [
  BadResource,
  BrokenPipe,
  ConnectionAborted,
  ConnectionReset,
  Interrupted,
  NotConnected,
  TimedOut,
];

/** What a connection needs of its listener. */
export interface ConnectionOwner {
  readonly handler: Handler;
  /** Whether it closes: answers are the last ones of their connections. */
  readonly closing: boolean;
  /** Told about what nobody foresaw. */
  readonly onError: (error: unknown) => void;
}

/** See the head of this file. */
export class HttpConnection {
  readonly #conn: Deno.TcpConn;
  readonly #owner: ConnectionOwner;
  readonly #from: string;
  readonly #reader: AdaptiveReader;
  readonly #parser = new HttpRequestParser(limits);
  /** What was read. Shifting many chunks out of an array takes the square of them, so `#taken` counts those that were taken. */
  #events: readonly HttpEvent[] = [];
  #taken = 0;
  /** What is wrong behind the last of them. */
  #fault: HttpError | undefined;
  /** A read that was begun to see whether the client leaves. */
  #ahead: Promise<Uint8Array | undefined> | undefined;
  /** The end of the request's body was not seen yet. */
  #inBody = false;
  #agreement: Agreement | undefined;
  /** The body of the answer, where it has no other. */
  #source: PartSource | undefined;
  #closed = false;
  /** Its head came too late: the client is told so, and nothing more of it is looked at. */
  #refusing: Promise<void> | undefined;
  #waiting = true;
  #deadline = performance.now() + idleMs;

  /** Takes over `conn`. */
  constructor(conn: Deno.TcpConn, owner: ConnectionOwner) {
    this.#conn = conn;
    this.#owner = owner;
    this.#from = conn.remoteAddr.hostname;
    this.#reader = new AdaptiveReader(conn);
    conn.setNoDelay(true);
  }

  /** Whether it has no request under way. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Serves until either side has enough. Never rejects. */
  async serve(): Promise<void> {
    try {
      for (let head = await this.#nextHead(); head !== undefined; head = await this.#nextHead()) {
        // What began before the listener closed was not told that it is the last one.
        if (!await this.#answer(head) || this.#owner.closing) break;
      }
    } catch (error) {
      if (!(error instanceof HttpError)) this.#failed(error);
      else if (error.code !== "HttpIncomplete") {
        await this.#refuse(new Problem(error.status, "RequestMalformed", error.message)).catch(() => {});
      }
    } finally {
      this.close();
    }
  }

  /** Cuts it. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // A WebSocket has closed it.
    }
  }

  /** Cuts it when its client has been silent, or deaf, for too long. */
  check(now: number): void {
    if (now < this.#deadline) return;
    if (!this.#waiting || this.#parser.idle) return this.close();
    this.#waiting = false;
    const late = new Problem(408, "RequestLate", "the head of the request did not come in time");
    this.#refusing = this.#refuse(late).catch(() => {}).finally(() => this.close());
  }

  /** What a socket throws says that its client is gone. */
  #failed(error: unknown): void {
    const gone = this.#closed || passing.some((kind) => error instanceof kind);
    if (!gone) this.#owner.onError(error);
  }

  async #nextHead(): Promise<HttpRequestEvent | undefined> {
    this.#waiting = true;
    this.#deadline = performance.now() + idleMs;
    let begun = false;
    while (!this.#ready) {
      if (!await this.#fill()) return undefined;
      if (begun || this.#parser.idle) continue;
      begun = true;
      this.#deadline = performance.now() + headMs;
    }
    this.#waiting = false;
    this.#deadline = Infinity;
    const head = this.#next() as HttpRequestEvent;
    if (this.#events[this.#taken]?.kind === "end") this.#taken++;
    else this.#inBody = true;
    return head;
  }

  /** Whether something was read that was not taken. */
  get #ready(): boolean {
    return this.#taken < this.#events.length;
  }

  #next(): HttpEvent {
    return this.#events[this.#taken++]!;
  }

  /** Reads once, when all was taken; `false`: the client has ended. Throws what is wrong with what it sent when all before was taken. */
  async #fill(): Promise<boolean> {
    if (this.#fault !== undefined) throw this.#fault;
    this.#events = [];
    this.#taken = 0;
    const reading = this.#ahead ?? this.#reader.read();
    this.#ahead = undefined;
    const bytes = await reading;
    if (this.#refusing !== undefined) {
      await this.#refusing;
      return false;
    }
    if (bytes === undefined) {
      this.#parser.endOfInput();
      return false;
    }
    try {
      this.#events = this.#parser.push(bytes);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#fault = error;
      this.#events = error.events;
      if (!this.#ready) throw error;
    }
    return true;
  }

  /** `true`: the connection takes another request. */
  async #answer(head: HttpRequestEvent): Promise<boolean> {
    const request = requestOf(head, this.#inBody ? this.#body(head) : null);
    if (request === undefined) {
      await this.#refuse(new Problem(400, "RequestMalformed", "the target of the request is no URL"));
      return false;
    }
    let response: Response;
    try {
      response = await this.#owner.handler(request, {
        from: this.#from,
        drop: () => this.close(),
        upgrade: (_request, protocol, events) => {
          if (!this.#mayUpgrade(head)) {
            throw new Problem(400, "RequestMalformed", "the request is no opening handshake of a WebSocket");
          }
          this.#agreement = { protocol, events };
          return new Response(null);
        },
        parts: (source) => {
          this.#source = source;
          return null;
        },
      });
    } catch (error) {
      this.#agreement?.events.closed();
      this.#agreement = undefined;
      this.#source?.end();
      this.#source = undefined;
      this.#owner.onError(error);
      response = problemOf(error).response();
      response.headers.set("Connection", "close");
    }
    if (this.#agreement !== undefined) {
      await openSocket(this.#agreement, head, new ConnectionDuplex(this.#conn, this.#reader));
      return false;
    }
    const again = await this.#send(head, response);
    if (!again && !this.#closed) await this.#linger();
    return again;
  }

  /** What a client sends with its handshake, or right behind it, would be lost, or taken for frames (RFC 6455, section 4.1). */
  #mayUpgrade({ method, version, headers }: HttpRequestEvent): boolean {
    return method === "GET" && version === "1.1" && isHandshake(headers) && !this.#inBody && !this.#ready &&
      this.#fault === undefined && this.#parser.idle;
  }

  /** The rest of a small body that nobody wanted is there already. */
  #bodyTaken(): boolean {
    while (this.#inBody && this.#ready) {
      if (this.#next().kind === "end") this.#inBody = false;
    }
    return !this.#inBody;
  }

  #body({ expectContinue }: HttpRequestEvent): ReadableStream<Uint8Array<ArrayBuffer>> {
    let invited = !expectContinue;
    return new ReadableStream({
      pull: async (controller) => {
        if (!invited) {
          invited = true;
          await this.#write(continueResponse);
        }
        while (!this.#ready) {
          if (!await this.#fill()) throw new Error("read the body: the client has left");
        }
        const event = this.#next();
        if (event.kind === "body") return controller.enqueue(event.bytes as Uint8Array<ArrayBuffer>);
        this.#inBody = false;
        controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** `true`: the connection takes another request. */
  async #send(head: HttpRequestEvent, response: Response): Promise<boolean> {
    const { status, headers } = response;
    const source = this.#source;
    this.#source = undefined;
    const announced = headers.get("Content-Length");
    const length = announced === null ? undefined : Number(announced);
    const chunked = source !== undefined && head.version === "1.1";
    const again = head.keepAlive && this.#bodyTaken() && !this.#owner.closing &&
      headers.get("Connection") !== "close" && (source === undefined || chunked);
    if (head.method === "HEAD") {
      source?.end();
      await response.body?.cancel();
      await this.#sendWhole(encodeHead(answerHead(status, headers, length, again)));
      return again;
    }
    if (source !== undefined) {
      await this.#sendParts(
        answerHead(status, headers, chunked ? "chunked" : undefined, again),
        source,
        chunked,
      );
      return again;
    }
    if (length === undefined || response.body === null) {
      const body = await wholeBody(response);
      const bodiless = status < 200 || status === 204 || status === 304;
      const text = answerHead(status, headers, bodiless ? undefined : body.length, again);
      await this.#sendWhole(encodeHead(text, body));
      return again;
    }
    // What is shorter than it said ends with the connection.
    return await this.#sendStream(answerHead(status, headers, length, again), response.body) === length &&
      again;
  }

  async #sendWhole(bytes: Uint8Array): Promise<void> {
    this.#deadline = performance.now() + answerMs;
    await this.#write(bytes);
  }

  async #sendParts(head: string, source: PartSource, chunked: boolean): Promise<void> {
    try {
      await this.#write(encodeHead(head));
      const pump = new Pump(this.#conn, source, chunked);
      this.#watch(() => pump.leave());
      await pump.run();
    } finally {
      source.end();
    }
  }

  /** Gives back how many bytes the body had. */
  async #sendStream(head: string, body: ReadableStream<Uint8Array>): Promise<number> {
    const reader = body.getReader();
    try {
      await this.#write(encodeHead(head));
      let sent = 0;
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        sent += part.value.length;
        await this.#write(part.value);
      }
      return sent;
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    }
  }

  /** Hears of the client's end while there may be nothing to say to it. */
  #watch(gone: () => void): void {
    if (this.#ready || this.#inBody || this.#fault !== undefined) return;
    this.#ahead = this.#reader.read();
    this.#ahead.then((bytes) => bytes === undefined && gone(), gone);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let sent = await this.#conn.write(bytes);
    while (sent < bytes.length) sent += await this.#conn.write(bytes.subarray(sent));
  }

  async #refuse(problem: Problem): Promise<void> {
    const response = problem.response();
    const body = await wholeBody(response);
    await this.#sendWhole(
      encodeHead(answerHead(response.status, response.headers, body.length, false), body),
    );
    await this.#linger();
  }

  /** A connection that is closed while its client sends is reset, and the answer may be lost with it (RFC 9112, section 9.6). */
  async #linger(): Promise<void> {
    this.#deadline = performance.now() + lingerMs;
    await this.#conn.closeWrite();
    const nowhere = new Uint8Array(16 * 1024);
    while (await this.#conn.read(nowhere) !== null);
  }
}
