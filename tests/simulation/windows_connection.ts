/** A FAKE http.sys: one connection of a Windows-shaped far end, with its logon and its sealing. @module */
import type { Connection, ConnectionEvents, ConnectionFacts } from "../../actors/ports.ts";
import { concat, utf8 } from "../../protocol/bytes.ts";
import {
  EncryptedParser,
  type HttpEvent,
  type HttpRequestEvent,
  HttpRequestParser,
  parseContentType,
} from "../../protocol/http/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { unsealPart } from "../../protocol/sealing/mod.ts";
import { acceptor, nameOf, password, users } from "./accounts.ts";
import type { FarEndOptions } from "./drover_end.ts";
import type { WindowsProfile } from "./windows_profile.ts";
import type { Machine } from "./world.ts";

/** What serves the requests of a connection. */
export interface WindowsService {
  readonly address: string;
  readonly profile: WindowsProfile;
  readonly options: FarEndOptions;
  readonly machine: Machine;
  /** One request of a user who has logged on. */
  request(connection: WindowsConnection, user: string, text: string, sealed: boolean): void;
}

/** One connection, as http.sys serves it. */
export class WindowsConnection implements ConnectionEvents {
  connection!: Connection;
  closed = false;
  readonly #end: WindowsService;
  readonly #parser = new HttpRequestParser({ maxBodyBytes: 1_000_000 });
  #facts: ConnectionFacts | undefined;
  #context: SecurityContext | undefined;
  #user: string | undefined;
  #request: HttpRequestEvent | undefined;
  #body: Uint8Array[] = [];
  #working = false;
  #ending = false;
  /** Its own end was sent. */
  #finished = false;
  #answers = 0;

  constructor(end: WindowsService) {
    this.#end = end;
  }

  onOpen(facts: ConnectionFacts): void {
    this.#facts = facts;
    this.connection.resume();
    this.#watchIdle();
  }

  onData(bytes: Uint8Array): void {
    let events: HttpEvent[];
    try {
      events = this.#parser.push(bytes);
    } catch {
      return this.#close("HTTP/1.1 400 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    for (const event of events) {
      if (event.kind === "request") this.#request = event;
      else if (event.kind === "body") this.#body.push(event.bytes.slice());
      else if (event.kind === "end") this.#complete();
    }
    if (!this.closed) this.connection.resume();
  }

  onEnd(): void {
    // http.sys answers what it is working on, and closes.
    if (!this.#working) this.#finish();
    this.#ending = true;
  }

  onDrain(): void {}

  onClosed(): void {
    this.closed = true;
    this.#context?.dispose();
  }

  answer(status: number, text: string, sealed: boolean, begun: boolean): void {
    this.#working = false;
    if (this.closed) return;
    const body = sealed ? this.#sealed(utf8(text)) : utf8(text);
    if (begun) this.connection.write(concat([chunk(body), utf8("0\r\n\r\n")]));
    else if (this.#end.profile.chunked) {
      this.#answers++;
      // What is in clear is cut in its last tag, where the witness does not read.
      const cut = body.length - this.#end.machine.random.below(sealed ? body.length : 12);
      const pieces = [body.subarray(0, cut), body.subarray(cut)].filter(({ length }) => length > 0).map(
        chunk,
      );
      this.connection.write(
        concat([this.#head(status, typeOf(sealed), undefined, undefined), ...pieces, utf8("0\r\n\r\n")]),
      );
    } else this.#send(status, body, typeOf(sealed));
    const { closesEvery } = this.#end.profile;
    const closes = closesEvery > 0 && this.#end.machine.random.below(closesEvery) === 0;
    if (closes || this.#ending) this.#finish();
  }

  /** A sealed message before the answer; with the head when it is the first. */
  keepAlive(text: string, first: boolean): void {
    const body = chunk(this.#sealed(utf8(text)));
    if (first) this.#answers++;
    this.connection.write(
      first ? concat([this.#head(200, typeOf(true), undefined, undefined), body]) : body,
    );
  }

  /** Closes its half; nobody may be there to close the other one. */
  #finish(): void {
    this.#finished = true;
    this.connection.end();
    this.#end.machine.clock.schedule(10_000, () => this.connection.abort());
  }

  #sealed(plaintext: Uint8Array): Uint8Array {
    const sealed = this.#context!.seal(plaintext);
    return concat([
      utf8(
        "--Encrypted Boundary\r\nContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n" +
          `OriginalContent: type=application/soap+xml;charset=UTF-8;Length=${plaintext.length}\r\n` +
          "--Encrypted Boundary\r\nContent-Type: application/octet-stream\r\n",
      ),
      sealed,
      utf8("--Encrypted Boundary--\r\n"),
    ]);
  }

  #send(status: number, body: Uint8Array, type: string | undefined, token?: string): void {
    this.#answers++;
    this.connection.write(concat([this.#head(status, type, token, body.length), body]));
  }

  /** `length`: `undefined` when chunks follow. */
  #head(status: number, type: string | undefined, token: string | undefined, length: number | undefined) {
    return utf8(
      `HTTP/1.1 ${status} \r\n` + (type === undefined ? "" : `Content-Type: ${type}\r\n`) +
        (token === undefined ? "" : `WWW-Authenticate: Negotiate ${token}\r\n`) +
        "Server: Microsoft-HTTPAPI/2.0\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n" +
        (length === undefined ? "Transfer-Encoding: chunked\r\n\r\n" : `Content-Length: ${length}\r\n\r\n`),
    );
  }

  #complete(): void {
    // What arrives after the end was sent is read by nobody.
    if (this.#finished) return void (this.#body = []);
    const request = this.#request!;
    const body = concat([...this.#body, new Uint8Array(0)]);
    this.#body = [];
    const authorization = request.headers.get("authorization") ?? "";
    const [scheme = "", value = ""] = authorization.split(" ");
    if (scheme === "Negotiate") return this.#negotiate(Uint8Array.fromBase64(value), body, request);
    if (scheme === "Basic") {
      const [user = "", secret] = atob(value).split(":");
      if (!users.includes(user) || secret !== password.reveal()) return this.#refuse();
      this.#user = user;
    }
    if (this.#user === undefined) return this.#refuse();
    this.#process(body, request);
  }

  #negotiate(token: Uint8Array, body: Uint8Array, request: HttpRequestEvent): void {
    const context = this.#context ??= acceptor(
      this.#end.machine,
      this.#end.options.observer,
      this.#facts!.remotePort,
    );
    context.step(token, (step) => {
      if (step.kind === "failed") return this.#refuse();
      const answer = step.token?.toBase64();
      if (step.kind === "continue") return this.#send(401, new Uint8Array(0), undefined, answer);
      this.#user = nameOf(context);
      if (body.length > 0) this.#process(body, request);
      else this.#send(200, new Uint8Array(0), undefined, answer);
    });
  }

  #process(body: Uint8Array, request: HttpRequestEvent): void {
    const { profile, machine, options, address } = this.#end;
    if (profile.busyEvery > 0 && machine.random.below(profile.busyEvery) === 0) {
      options.observer.fault("HTTP 503", address);
      this.#user = undefined;
      return this.#close(
        "HTTP/1.1 503 \r\nServer: Microsoft-HTTPAPI/2.0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
      );
    }
    const type = parseContentType(request.headers.get("content-type") ?? "");
    this.#working = true;
    if (type.type !== "multipart/encrypted") {
      return this.#end.request(this, this.#user!, new TextDecoder().decode(body), false);
    }
    const parser = new EncryptedParser(type, { maxPartBytes: 1_000_000 });
    for (const part of parser.push(body)) {
      const text = new TextDecoder().decode(unsealPart(this.#context!, part));
      this.#end.request(this, this.#user!, text, true);
    }
  }

  #refuse(): void {
    this.#close(
      "HTTP/1.1 401 \r\nServer: Microsoft-HTTPAPI/2.0\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\n" +
        'WWW-Authenticate: Basic realm="WSMAN"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    );
  }

  #close(text: string): void {
    this.connection.write(utf8(text));
    this.#finish();
  }

  #watchIdle(): void {
    const before = this.#answers;
    this.#end.machine.clock.schedule(this.#end.profile.idleMs, () => {
      if (this.closed) return;
      if (this.#answers !== before || this.#working) return this.#watchIdle();
      this.#finish();
    });
  }
}

function typeOf(sealed: boolean): string {
  return sealed
    ? 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
    : "application/soap+xml;charset=UTF-8";
}

function chunk(bytes: Uint8Array): Uint8Array {
  return concat([utf8(`${bytes.length.toString(16)}\r\n`), bytes, utf8("\r\n")]);
}
