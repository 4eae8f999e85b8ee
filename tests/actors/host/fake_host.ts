/**
 * A WinRM service made of strings, behind a fake connector in virtual time. It counts every byte in both directions, can cut
 * any connection at any of them, and writes down what really happened, for the tests' own judgement.
 * @module
 */
import type { Connection, ConnectionEvents, Connector, ConnectTarget } from "../../../actors/ports.ts";
import { createNegotiateAcceptor, ntHash } from "../../../protocol/auth/mod.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { NetworkError } from "../../../protocol/errors.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  type HttpHeaders,
  HttpRequestParser,
  parseChallenges,
  parseContentType,
} from "../../../protocol/http/mod.ts";
import type { SecurityContext } from "../../../protocol/ports.ts";
import { sealedProtocol, sealMessage, unsealPart } from "../../../protocol/sealing/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import type { TestSystem } from "../../helpers/virtual_clock.ts";

/** Names of the requests, as the last part of their action. */
export type Operation =
  | ("Create" | "Command" | "Send" | "Receive" | "Signal" | "Delete")
  // Only by `answer`.
  | ("Get" | "Enumerate" | "Pull");

/** Where a connection is cut. `at` bytes of this direction still arrive, counted over all connections. */
export interface Cut {
  readonly direction: "request" | "response";
  readonly at: number;
  /** `reset`: at once. `end`: the service sends its FIN. `silent`: nothing comes any more. */
  readonly how: "reset" | "end" | "silent";
  /** What happens to later connections. */
  readonly after: "works" | "refuses" | "silent";
}

/** What one Receive answers. `hold`: not before a Signal, or TimedOut at its OperationTimeout. */
export type ReceiveStep =
  | { readonly kind: "output"; readonly text: string; readonly exitCode?: number }
  | { readonly kind: "hold" };

/** How the host behaves. */
export interface FakeOptions {
  readonly cut?: Cut;
  /** Answers to Receives in order; the last one is repeated. */
  readonly receives?: readonly ReceiveStep[];
  /** Replaces the answer to an operation by raw bytes of a whole HTTP response, `undefined`: no answer ever. */
  readonly answer?: (operation: Operation, body: string) => Uint8Array | undefined | "default";
  /** Bytes sent as soon as a connection stands, before any request. */
  readonly greeting?: Uint8Array;
  /** The greeting is the answer to each token of a logon instead. */
  readonly greetEach?: boolean;
  /** Milliseconds until an answer begins; default 1. */
  readonly latencyMs?: number;
  readonly ntlm?: boolean;
  /** Exit code that a held Receive answers when Signal comes; `undefined`: it stays unanswered. */
  readonly signalledExitCode?: number;
  /** Bytes of an answer that arrive at once; default all. */
  readonly chunk?: number;
  readonly refuse?: boolean;
  /** Ids that the service chooses itself, as WinRM 2.0 does. */
  readonly ownIds?: boolean;
  /** Changes an answer, knowing the one before it on the same connection. */
  readonly tamper?: (operation: Operation, answer: Uint8Array, previous: Uint8Array) => Uint8Array;
  /** Identify is answered by `answer` too, as if it were a Create. */
  readonly identify?: boolean;
}

/** One request as it arrived whole. */
export interface SeenRequest {
  readonly operation: Operation;
  readonly messageId: string;
  readonly body: string;
  readonly at: number;
}

/** What happened to operations on the wire. */
export interface Truth {
  /** Operations of which the client wrote at least one byte. */
  readonly written: Set<Operation>;
  /** Operations whose whole answer reached the client. */
  readonly confirmed: Set<Operation>;
  /** Whether an answer with Done reached the client whole. */
  done: boolean;
}

/** Passwords are the same everywhere. */
export const password = "Passw0rd!";

/** One fake host. */
export class FakeHost {
  readonly requests: SeenRequest[] = [];
  readonly truth: Truth = { written: new Set(), confirmed: new Set(), done: false };
  /** Shells that were created and not deleted. */
  readonly shells = new Set<string>();
  /** Commands that run: started, and neither ended nor signalled, nor in a deleted shell. */
  readonly commands = new Set<string>();
  readonly input: string[] = [];
  readonly connections = new Set<FakeConnection>();
  /** Counted over all connections. */
  bytesIn = 0;
  bytesOut = 0;
  opened = 0;
  isCut = false;
  receives = 0;
  /** Operations that were open at once at most: arrived whole, and not answered. */
  mostOperations = 0;

  constructor(readonly test: TestSystem, readonly options: FakeOptions = {}) {}

  connect(target: ConnectTarget, events: ConnectionEvents): Connection {
    const connection = new FakeConnection(this, events);
    this.opened++;
    const { cut, refuse } = this.options;
    const after = this.isCut ? cut!.after : "works";
    if (refuse === true || after === "refuses") {
      this.soon(() => connection.close(new NetworkError("ConnectRefused", "connect: nothing listens there")));
    } else if (after === "silent") {
      this.test.clock.schedule(
        target.timeoutMs,
        () => connection.close(new NetworkError("ConnectTimeout", "connect: no answer in time")),
      );
    } else this.soon(() => connection.open());
    return connection;
  }

  /** The client has written at least a byte of this request. */
  noteWritten(text: string): void {
    const operation = operationOf(text);
    if (operation !== undefined) this.truth.written.add(operation);
  }

  /** Operations that are open now. */
  get operations(): number {
    return [...this.connections].filter(({ busy }) => busy).length;
  }

  soon(task: () => void): void {
    this.test.clock.schedule(this.options.latencyMs ?? 1, task);
  }
}

/** Connects by host name. */
export function fakeConnector(hosts: ReadonlyMap<string, FakeHost>): Connector {
  return { connect: (target, events) => hosts.get(target.host)!.connect(target, events) };
}

interface Pending {
  readonly operation: Operation | "Auth";
  readonly done: boolean;
  left: number;
}

class FakeConnection implements Connection {
  readonly #parser = new HttpRequestParser();
  readonly #context: SecurityContext | undefined;
  #state: "connecting" | "open" | "closed" = "connecting";
  #ended = false;
  #cut: Cut["how"] | undefined;
  #body: Uint8Array[] = [];
  #headers: HttpHeaders | undefined;
  /** Bytes on their way to the client, handed out when it asks. */
  #out: Uint8Array[] = [];
  #outEnd = false;
  #previous: Uint8Array = new Uint8Array(0);
  #wanted = false;
  #pending: Pending[] = [];
  /** An operation is open on it. */
  busy = false;

  constructor(readonly host: FakeHost, readonly events: ConnectionEvents) {
    if (host.options.ntlm === true) {
      this.#context = createNegotiateAcceptor({
        ntHash: (name) => name === "alice" ? ntHash(new Secret(password)) : undefined,
        computerName: "FAKE",
        domainName: "FAKE",
        dnsComputerName: "fake.example",
        random: (length) => host.test.random.bytes(length),
        now: () => host.test.clock.now(),
      });
    }
  }

  open(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    this.host.connections.add(this);
    this.events.onOpen({
      localAddress: "127.0.0.1",
      localPort: 1,
      remoteAddress: "127.0.0.1",
      remotePort: 5985,
      tls: undefined,
    });
    const { greeting } = this.host.options;
    if (greeting !== undefined) {
      this.#send(greeting, { operation: "Auth", done: false, left: greeting.length });
    }
  }

  close(error: NetworkError | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.host.connections.delete(this);
    this.events.onClosed(error);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== "open") return true;
    this.host.noteWritten(latin(bytes));
    const { cut } = this.host.options;
    let arrived = bytes;
    if (this.#cut !== undefined) return true;
    if (cut?.direction === "request" && !this.host.isCut && this.host.bytesIn + bytes.length > cut.at) {
      arrived = bytes.subarray(0, cut.at - this.host.bytesIn);
    }
    this.host.bytesIn += arrived.length;
    const whole = arrived.length === bytes.length;
    this.host.soon(() => {
      this.#arrived(arrived);
      if (!whole) this.#cutNow(cut!);
    });
    return true;
  }

  resume(): void {
    this.#wanted = true;
    this.host.soon(() => this.#pump());
  }

  end(): void {
    this.host.soon(() => this.close(undefined));
  }

  abort(): void {
    this.host.soon(() => this.close(undefined));
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    for (const event of this.#parser.push(bytes)) {
      if (event.kind === "request") {
        this.#headers = event.headers;
        this.#body = [];
      } else if (event.kind === "body") this.#body.push(event.bytes);
      else if (event.kind === "end") this.#request(concat(this.#body));
    }
  }

  #request(body: Uint8Array): void {
    const headers = this.#headers!;
    const authorization = headers.get("authorization");
    const context = this.#context;
    const { greeting, greetEach } = this.host.options;
    if (greeting !== undefined && greetEach === true) {
      this.host.soon(() => this.#send(greeting, { operation: "Auth", done: false, left: greeting.length }));
      return;
    }
    if (context !== undefined && !context.established) {
      const challenge = parseChallenges(authorization === undefined ? [] : [authorization])[0];
      const token = challenge?.token === undefined ? undefined : Uint8Array.fromBase64(challenge.token);
      context.step(token, (outcome) => {
        const answer = outcome.kind === "failed" ? undefined : outcome.token;
        const status = outcome.kind === "done" ? 200 : 401;
        const header = answer === undefined ? "" : `WWW-Authenticate: Negotiate ${answer.toBase64()}\r\n`;
        const bytes = utf8(`HTTP/1.1 ${status} X\r\n${header}Content-Length: 0\r\n\r\n`);
        this.host.soon(() => this.#send(bytes, { operation: "Auth", done: false, left: bytes.length }));
      });
      return;
    }
    let envelope = body;
    if (context !== undefined) {
      const parser = new EncryptedParser(parseContentType(headers.get("content-type") ?? ""), {
        maxPartBytes: 1 << 24,
      });
      envelope = unsealPart(context, parser.push(body)[0]!);
    }
    this.#operation(new TextDecoder().decode(envelope));
  }

  #operation(text: string): void {
    const operation = operationOf(text) ?? (this.host.options.identify === true ? "Create" : undefined);
    if (operation === undefined) throw new Error(`fake host: unknown request ${text.slice(0, 2000)}`);
    const { host } = this;
    const messageId = /<a:MessageID>([^<]*)</.exec(text)?.[1] ?? "";
    this.busy = true;
    host.mostOperations = Math.max(host.mostOperations, host.operations);
    host.requests.push({ operation, messageId, body: text, at: host.test.clock.monotonic() });
    const override = host.options.answer?.(operation, text) ??
      (host.options.answer === undefined ? "default" : undefined);
    if (override !== "default") {
      if (override !== undefined) {
        host.soon(() => this.#send(override, { operation, done: false, left: override.length }));
      }
      return;
    }
    const shell = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1] ?? "";
    if (operation !== "Create" && !host.shells.has(shell)) {
      return this.#fault(operation, messageId, 2150858843);
    }
    switch (operation) {
      case "Create": {
        const id = host.options.ownIds === true ? "OWN-SHELL" : /ShellId="([^"]*)"/.exec(text)?.[1] ?? "";
        host.shells.add(id);
        return this.#answer(
          operation,
          `<x:ResourceCreated><a:Address>x</a:Address><a:ReferenceParameters><w:SelectorSet>` +
            `<w:Selector Name="ShellId">${id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>`,
        );
      }
      case "Command": {
        const id = host.options.ownIds === true ? "OWN-COMMAND" : /CommandId="([^"]*)"/.exec(text)?.[1] ?? "";
        host.commands.add(id);
        return this.#answer(
          operation,
          `<r:CommandResponse><r:CommandId>${id}</r:CommandId></r:CommandResponse>`,
        );
      }
      case "Send":
        host.input.push(/<rsp:Stream[^>]*>([^<]*)</.exec(text)?.[1] ?? "");
        return this.#answer(operation, "<r:SendResponse/>");
      case "Receive":
        return this.#receive(/CommandId="([^"]*)"/.exec(text)?.[1] ?? "", messageId);
      case "Signal": {
        const id = /CommandId="([^"]*)"/.exec(text)?.[1] ?? "";
        host.commands.delete(id);
        this.host.test.clock.schedule(0, () => {
          for (const connection of host.connections) connection.#release(id);
        });
        return this.#answer(operation, "<r:SignalResponse/>");
      }
      case "Delete":
        host.shells.delete(shell);
        host.commands.clear();
        return this.#answer(operation, "");
    }
  }

  #held: { readonly id: string; readonly messageId: string } | undefined;

  #release(id: string): void {
    if (this.#held?.id !== id) return;
    this.#held = undefined;
    const { signalledExitCode } = this.host.options;
    if (signalledExitCode !== undefined) this.#receiveAnswer(id, "", signalledExitCode);
  }

  #receive(id: string, messageId: string): void {
    const steps = this.host.options.receives ?? [{ kind: "output", text: "hello\n", exitCode: 0 }];
    const step = steps[Math.min(this.host.receives++, steps.length - 1)]!;
    if (step.kind === "output") return this.#receiveAnswer(id, step.text, step.exitCode);
    this.#held = { id, messageId };
    this.host.test.clock.schedule(20_000, () => {
      if (this.#held?.messageId !== messageId) return;
      this.#held = undefined;
      this.#fault("Receive", messageId, 2150858793);
    });
  }

  #receiveAnswer(id: string, text: string, exitCode: number | undefined): void {
    const stream = text === ""
      ? ""
      : `<r:Stream Name="stdout" CommandId="${id}">${utf8(text).toBase64()}</r:Stream>`;
    const state = exitCode === undefined ? "Running" : "Done";
    if (exitCode !== undefined) this.host.commands.delete(id);
    this.#answer(
      "Receive",
      `<r:ReceiveResponse>${stream}<r:CommandState CommandId="${id}" State="x/CommandState/${state}">` +
        `${
          exitCode === undefined ? "" : `<r:ExitCode>${exitCode}</r:ExitCode>`
        }</r:CommandState></r:ReceiveResponse>`,
      exitCode !== undefined,
    );
  }

  #answer(operation: Operation, body: string, done = false): void {
    this.#respond(200, operation, body, done);
  }

  #fault(operation: Operation, _messageId: string, code: number): void {
    this.#respond(500, operation, faultBody(code), false);
  }

  #respond(status: number, operation: Operation, body: string, done: boolean): void {
    this.host.soon(() => {
      const answer = response(status, utf8(envelopeOf(body)), this.#context);
      const bytes = this.host.options.tamper?.(operation, answer, this.#previous) ?? answer;
      this.#previous = answer;
      this.#send(bytes, { operation, done, left: bytes.length });
    });
  }

  #send(bytes: Uint8Array, pending: Pending): void {
    if (this.#state !== "open" || this.#cut !== undefined) return;
    const { cut, chunk = bytes.length } = this.host.options;
    let sent = bytes;
    const cuts = cut?.direction === "response" && !this.host.isCut &&
      this.host.bytesOut + bytes.length > cut.at;
    if (cuts) sent = bytes.subarray(0, cut.at - this.host.bytesOut);
    this.host.bytesOut += sent.length;
    if (pending.operation !== "Auth") this.busy = false;
    this.#pending.push(pending);
    for (let at = 0; at < sent.length; at += chunk) this.#out.push(sent.slice(at, at + chunk));
    if (cuts) this.#cutNow(cut);
    this.#pump();
  }

  #cutNow(cut: Cut): void {
    if (this.host.isCut) return;
    this.host.isCut = true;
    this.#cut = cut.how;
    if (cut.how === "reset") {
      this.#drainThen(() =>
        this.close(new NetworkError("ConnectionReset", "read: the peer reset the connection"))
      );
    } else if (cut.how === "end") {
      this.#outEnd = true;
      this.#pump();
    }
  }

  /** What was sent before the reset still arrives. */
  #drainThen(task: () => void): void {
    const wait = () => {
      if (this.#out.length === 0 || this.#state === "closed") task();
      else this.host.soon(wait);
    };
    this.host.soon(wait);
  }

  #pump(): void {
    if (this.#state !== "open") return;
    const next = this.#wanted ? this.#out.shift() : undefined;
    if (next !== undefined) {
      this.#wanted = false;
      this.#delivered(next.length);
      this.events.onData(next);
    } else if (this.#out.length === 0 && this.#outEnd && !this.#ended) {
      this.#ended = true;
      this.events.onEnd();
    }
  }

  #delivered(length: number): void {
    for (let left = length; left > 0;) {
      const first = this.#pending[0]!;
      const part = Math.min(left, first.left);
      first.left -= part;
      left -= part;
      if (first.left > 0) return;
      this.#pending.shift();
      if (first.operation !== "Auth") this.host.truth.confirmed.add(first.operation);
      if (first.done) this.host.truth.done = true;
    }
  }
}

/** A whole HTTP response with a SOAP body, sealed where there is a context. */
export function response(status: number, envelope: Uint8Array, context?: SecurityContext): Uint8Array {
  const type = "application/soap+xml;charset=UTF-8";
  const body = context === undefined
    ? envelope
    : encodeEncrypted(sealMessage(context, "Negotiate", type, envelope));
  const contentType = context === undefined ? type : encryptedContentType(sealedProtocol("Negotiate"), 1);
  const head =
    `HTTP/1.1 ${status} X\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return concat([utf8(head), body]);
}

/** An envelope with the prefixes that the fake uses. */
export function envelopeOf(body: string): string {
  return `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
    `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" ` +
    `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" ` +
    `xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" ` +
    `xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" ` +
    `xmlns:r="http://schemas.microsoft.com/wbem/wsman/1/windows/shell">` +
    `<s:Header/><s:Body>${body}</s:Body></s:Envelope>`;
}

/** Body of a fault with a WSManFault code. */
export function faultBody(code: number, soapCode = "s:Receiver"): string {
  return `<s:Fault><s:Code><s:Value>${soapCode}</s:Value></s:Code>` +
    `<s:Reason><s:Text xml:lang="en">no</s:Text></s:Reason>` +
    `<s:Detail><f:WSManFault Code="${code}"><f:Message>no</f:Message></f:WSManFault></s:Detail></s:Fault>`;
}

function operationOf(text: string): Operation | undefined {
  const action = /<a:Action[^>]*>[^<]*\/(\w+)<\/a:Action>/.exec(text)?.[1];
  return action as Operation | undefined;
}

function latin(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
