/**
 * A service in virtual time with a simulated network and simulated processes, and a client that speaks HTTP and
 * WS-Management to it. Everything is driven by hand; nothing here needs a permission.
 * @module
 */
import { type ServiceEvent, type ServiceOptions, serviceRoot } from "../../../actors/service/mod.ts";
import type {
  CodePages,
  Connection,
  ConnectionEvents,
  ListenerEvents,
  ListenerHost,
  OutputStream,
  ProcessEvents,
  ProcessHandle,
  ProcessHost,
  ProcessSpec,
  SecurityProvider,
  TextConverter,
} from "../../../actors/ports.ts";
import { type AccessToken, administrators } from "../../../protocol/access/mod.ts";
import { createNegotiateAcceptor, ntHash } from "../../../protocol/auth/mod.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { NetworkError } from "../../../protocol/errors.ts";
import { HttpHeaders, HttpResponseParser, serializeRequest } from "../../../protocol/http/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { type Envelope, readEnvelope } from "../../../protocol/soap/mod.ts";
import { resolveServiceSettings } from "../../../protocol/wsman/config_model.ts";
import { reportedFault, type RequestParts, RequestWriter } from "../../../protocol/wsman/mod.ts";
import { actions, resources } from "../../../protocol/soap/mod.ts";
import { createTestSystem, type TestSystem } from "../../helpers/virtual_clock.ts";

const writer = new RequestWriter({
  to: "http://test:5985/wsman",
  maxEnvelopeSize: 153_600,
  locale: "en-US",
  sessionId: "11111111-1111-1111-1111-111111111111",
});

/** One answer as a client sees it. */
export interface Received {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Uint8Array;
}

/** One simulated process. */
export class FakeProcess implements ProcessHandle {
  readonly stdin: Uint8Array[] = [];
  readonly signals: string[] = [];
  readonly resumed: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  stdinEnded = false;
  ended = false;
  /** Calls that wait for `takeInput`. */
  readonly #pendingInput: ((taken: boolean) => void)[] = [];
  /** Whether input is taken as it comes. */
  takesInput = true;

  constructor(readonly spec: ProcessSpec, readonly events: ProcessEvents) {}

  writeStdin(bytes: Uint8Array, done: (taken: boolean) => void): void {
    this.stdin.push(bytes);
    if (this.takesInput) done(true);
    else this.#pendingInput.push(done);
  }

  endStdin(): void {
    this.stdinEnded = true;
  }

  resume(stream: OutputStream): void {
    this.resumed[stream]++;
  }

  signal(kind: "ctrl_c" | "ctrl_break" | "terminate"): void {
    this.signals.push(kind);
    if (kind === "terminate" && !this.ended && this.diesWhenKilled) this.exit(137);
  }

  /** Whether `terminate` ends it at once. */
  diesWhenKilled = true;

  takeInput(): void {
    for (const done of this.#pendingInput.splice(0)) done(true);
  }

  output(text: string | Uint8Array, stream: OutputStream = "stdout"): void {
    this.events.onOutput(stream, typeof text === "string" ? utf8(text) : text);
  }

  exit(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.events.onOutputEnd("stdout");
    this.events.onOutputEnd("stderr");
    this.events.onExit(code);
  }
}

/** Starts simulated processes. */
export class FakeProcessHost implements ProcessHost {
  readonly processes: FakeProcess[] = [];
  /** What becomes of a start; default: it runs. */
  onSpawn: (process: FakeProcess) => void = (process) =>
    process.events.onStarted(1000 + this.processes.length);

  spawn(spec: ProcessSpec, events: ProcessEvents): ProcessHandle {
    const process = new FakeProcess(spec, events);
    this.processes.push(process);
    this.onSpawn(process);
    return process;
  }

  /** The process that was started last. */
  get last(): FakeProcess {
    return this.processes.at(-1)!;
  }

  get alive(): number {
    return this.processes.filter((process) => !process.ended).length;
  }
}

/** The client's end of a simulated connection. */
export class FakeClient implements Connection {
  readonly #h: Harness;
  events!: ConnectionEvents;
  readonly #incoming: Uint8Array[] = [];
  #wanted = false;
  #parser = new HttpResponseParser();
  readonly answers: Received[] = [];
  /** The service has ended its direction, or all of it. */
  serviceEnded = false;
  closed = false;
  /** Bytes are taken, but `write` says that the buffer is full. */
  slow = false;
  #current: { status: number; headers: HttpHeaders; body: Uint8Array[] } | undefined;

  constructor(h: Harness) {
    this.#h = h;
  }

  // The service's side.

  write(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    if (this.#parser.idle) this.#parser.expect("POST");
    for (const event of this.#parser.push(bytes)) {
      if (event.kind === "response") {
        this.#current = { status: event.status, headers: event.headers, body: [] };
      } else if (event.kind === "body") this.#current!.body.push(event.bytes);
      else if (event.kind === "end") {
        this.answers.push({ ...this.#current!, body: concat([...this.#current!.body, new Uint8Array(0)]) });
      }
    }
    return !this.slow;
  }

  resume(): void {
    this.#wanted = true;
    this.#h.test.later(() => this.#deliver());
  }

  end(): void {
    this.serviceEnded = true;
  }

  abort(): void {
    this.#close(undefined);
  }

  // The client's side.

  sendBytes(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#deliver();
    this.#h.test.run();
  }

  /** Half-close. */
  endInput(): void {
    this.events.onEnd();
    this.#h.test.run();
  }

  /** The connection breaks. */
  reset(): void {
    this.#close(new NetworkError("ConnectionReset", "read: reset"));
    this.#h.test.run();
  }

  #close(error: NetworkError | undefined): void {
    if (this.closed) return;
    this.closed = this.serviceEnded = true;
    this.#h.test.later(() => this.events.onClosed(error));
  }

  #deliver(): void {
    if (!this.#wanted || this.closed) return;
    const bytes = this.#incoming.shift();
    if (bytes === undefined) return;
    this.#wanted = false;
    this.events.onData(bytes);
  }
}

/** Uppercases into "code page" 437 and nothing else: enough to see that it was used. */
const fakeCodePages: CodePages = {
  fromUtf8: (codepage) =>
    codepage === 437 ? mapping((byte) => byte >= 97 && byte <= 122 ? byte - 32 : byte) : undefined,
  toUtf8: (codepage) =>
    codepage === 437 ? mapping((byte) => byte >= 65 && byte <= 90 ? byte + 32 : byte) : undefined,
};

function mapping(map: (byte: number) => number): TextConverter {
  return { convert: (bytes) => bytes.map(map), finish: () => new Uint8Array(0) };
}

/** Password of every account. */
export const password = "Pa55!";

/** Who an account with these groups is. */
export const tokenWith = (...sids: string[]): AccessToken => ({ sids: new Set(sids), denyOnly: new Set() });

function fakeSecurity(
  test: TestSystem,
  { kerberos = false, ticketMs, tokens = {} }: HarnessOptions,
): SecurityProvider {
  const users = ["alice", "bob", "carol"];
  const hash = ntHash(new Secret(password));
  const account = (name: string) => ({
    name,
    systemUser: name === "bob" ? "robert" : undefined,
    token: tokens[name] ?? tokenWith(administrators),
  });
  const accept = () => {
    const context = createNegotiateAcceptor({
      ntHash: (name) => users.includes(name.toLowerCase()) ? hash : undefined,
      computerName: "TEST",
      domainName: "TEST",
      random: (length) => test.random.bytes(length),
      now: () => test.clock.now(),
    });
    if (ticketMs !== undefined) Object.defineProperty(context, "lifetimeMs", { value: ticketMs });
    return context;
  };
  return {
    acceptNegotiate: accept,
    // The connection does not look into tokens: any dialogue does for that of Kerberos.
    ...(kerberos ? { acceptKerberos: accept } : {}),
    account: (context) => account(context.principal!.replace(/^.*\\/, "").toLowerCase()),
    checkPassword: (name, given, _facts, done) => {
      const right = users.includes(name) && given.reveal() === password;
      done(right ? { kind: "account", account: account(name) } : { kind: "denied", reason: "wrong" });
      return () => {};
    },
  };
}

export interface HarnessOptions {
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Who the accounts are; default: Administrators. */
  readonly tokens?: Readonly<Record<string, AccessToken>>;
  readonly auth?: ServiceOptions["auth"];
  readonly allowUnencrypted?: boolean;
  /** The listener pretends to have TLS. */
  readonly tls?: boolean;
  /** What differs from a provider that knows alice, bob and carol. */
  readonly security?: Partial<SecurityProvider>;
  /** The service has keys for the scheme Kerberos. */
  readonly kerberos?: boolean;
  /** Logons end after so many milliseconds. */
  readonly ticketMs?: number;
}

/** A running service. */
export class Harness {
  readonly test: TestSystem = createTestSystem();
  readonly processes = new FakeProcessHost();
  readonly events: ServiceEvent[] = [];
  readonly #tls: boolean;
  #listener: ListenerEvents | undefined;
  #lastId = 0;
  /** Actors and timers of the service while nobody uses it. */
  readonly idle: { readonly actors: number; readonly timers: number };
  readonly root;

  constructor(options: HarnessOptions = {}) {
    this.#tls = options.tls ?? false;
    const listenerHost: ListenerHost = {
      listen: (_address, events) => {
        this.#listener = events;
        this.test.later(() => events.onListening({ host: "10.0.0.1", port: 5985 }));
        return { close: () => this.test.later(() => events.onClosed(undefined)) };
      },
    };
    this.root = this.test.system.spawn(serviceRoot({
      listeners: [{ host: "10.0.0.1", port: 5985 }],
      auth: options.auth ?? ["negotiate", "basic"],
      allowUnencrypted: options.allowUnencrypted ?? true,
      settings: resolveServiceSettings(options.settings),
      machineName: "TEST",
      productVersion: "OS: test SP: 0.0 Stack: 3.0",
      listenerHost,
      processHost: this.processes,
      security: {
        ...fakeSecurity(this.test, options),
        ...options.security,
      },
      codePages: fakeCodePages,
      onEvent: (event) => this.events.push(event),
    }));
    this.test.run();
    const { actors, timers } = this.test.system.stats;
    this.idle = { actors, timers };
  }

  /** Connects a client. */
  connect(): FakeClient {
    const client = new FakeClient(this);
    this.#listener!.onConnection((events) => {
      client.events = events;
      this.test.later(() =>
        events.onOpen({
          localAddress: "10.0.0.1",
          localPort: 5985,
          remoteAddress: "10.0.0.9",
          remotePort: 40_000,
          tls: this.#tls
            ? { protocol: "TLSv1.2", peerCertificate: undefined, localCertificate: undefined }
            : undefined,
        })
      );
      return client;
    });
    this.test.run();
    return client;
  }

  /** Bytes of one request of `user` with Basic. */
  request(parts: Partial<RequestParts> & { readonly action: string }, user = "alice"): Uint8Array {
    const id = (++this.#lastId).toString(16).toUpperCase().padStart(12, "0");
    return post(
      writer.write({
        resourceUri: resources.cmd,
        messageId: `AAAAAAAA-0000-0000-0000-${id}`,
        operationTimeoutMs: 20_000,
        body: "",
        ...parts,
      }),
      [["Authorization", basic(user)]],
    );
  }

  /** Sends a request and gives its answer, which must come without time passing. */
  call(
    client: FakeClient,
    parts: Partial<RequestParts> & { readonly action: string },
    user = "alice",
  ): Result {
    const before = client.answers.length;
    client.sendBytes(this.request(parts, user));
    const answer = client.answers[before];
    if (answer === undefined) throw new Error("no answer yet");
    return result(answer);
  }

  /** Opens a shell; its id. */
  open(client: FakeClient, parts: Partial<RequestParts> = {}, user = "alice"): string {
    const created = this.call(client, { action: actions.create, body: shellBody(), ...parts }, user);
    const id = /Selector Name="ShellId">([^<]+)</.exec(created.text)?.[1];
    if (id === undefined) throw new Error(`no shell: ${created.code} ${created.text}`);
    return id;
  }

  /** Starts a command; its id. */
  start(client: FakeClient, shellId: string, line = "run", user = "alice"): string {
    const answer = this.call(client, this.command(shellId, line), user);
    const id = /CommandId>([^<]+)</.exec(answer.text)?.[1];
    if (id === undefined) throw new Error(`no command: ${answer.code} ${answer.text}`);
    return id;
  }

  command(shellId: string, line: string, inner = ""): Partial<RequestParts> & { action: string } {
    return {
      action: actions.command,
      selectors: { ShellId: shellId },
      body: `<rsp:CommandLine><rsp:Command>${line}</rsp:Command>${inner}</rsp:CommandLine>`,
    };
  }

  receive(shellId: string, commandId: string): Partial<RequestParts> & { action: string } {
    return {
      action: actions.receive,
      selectors: { ShellId: shellId },
      body:
        `<rsp:Receive><rsp:DesiredStream CommandId="${commandId}">stdout stderr</rsp:DesiredStream></rsp:Receive>`,
    };
  }

  signal(shellId: string, commandId: string, code = "terminate"): Partial<RequestParts> & { action: string } {
    return {
      action: actions.signal,
      selectors: { ShellId: shellId },
      body:
        `<rsp:Signal CommandId="${commandId}"><rsp:Code>http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/${code}</rsp:Code></rsp:Signal>`,
    };
  }

  send(
    shellId: string,
    commandId: string,
    text: string,
    end = false,
  ): Partial<RequestParts> & { action: string } {
    return {
      action: actions.send,
      selectors: { ShellId: shellId },
      body: `<rsp:Send><rsp:Stream Name="stdin" CommandId="${commandId}"${end ? ' End="true"' : ""}>${
        utf8(text).toBase64()
      }</rsp:Stream></rsp:Send>`,
    };
  }
}

/** Body of Create. */
export function shellBody(inner = "", attributes = ""): string {
  return `<rsp:Shell${attributes}>${inner}<rsp:InputStreams>stdin</rsp:InputStreams>` +
    "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>";
}

/** Value of an Authorization header. */
export function basic(user: string, secret = password): string {
  return `Basic ${utf8(`${user}:${secret}`).toBase64()}`;
}

/** A POST to /wsman. */
export function post(
  body: Uint8Array,
  headers: readonly (readonly [string, string])[] = [],
  target = "/wsman",
): Uint8Array {
  return serializeRequest({
    method: "POST",
    target,
    headers: [["Host", "test:5985"], ["Content-Type", "application/soap+xml;charset=UTF-8"], ...headers],
  }, body);
}

/** An answer, read. */
export interface Result {
  readonly status: number;
  readonly envelope: Envelope;
  readonly text: string;
  /** Code of the fault, where it is one. */
  readonly code: number | undefined;
  /** Text of a stream of a ReceiveResponse. */
  stream(name: string): string;
}

export function result(answer: Received): Result {
  const envelope = readEnvelope(answer.body);
  const text = new TextDecoder().decode(answer.body);
  return {
    status: answer.status,
    envelope,
    text,
    code: reportedFault(envelope)?.faultCode,
    stream: (name) => {
      const streams =
        envelope.content?.children.filter((child) =>
          child.local === "Stream" && child.attribute("", "Name") === name
        ) ?? [];
      return new TextDecoder().decode(concat([
        new Uint8Array(0),
        ...streams.map((stream) => stream.bytes ?? new Uint8Array(0)),
      ]));
    },
  };
}
