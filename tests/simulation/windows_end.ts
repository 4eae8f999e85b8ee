/**
 * A FAKE far end in the shape of Windows, made from what was measured on real ones (the corpus' FACTS.md): replaced ids,
 * CreateResponse without `rsp:Shell`, Done without ends of streams, an ExitCode on Running, TimedOut faults, faults under
 * HTTP 200 and as MSFT_WmiError without RelatesTo, empty reason phrases, connections that close behind an answer or while
 * idle, quotas that refuse Signal and Delete too. It writes its XML itself; HTTP and NTLM are the product's.
 * @module
 */
import type { Connection, ConnectionEvents, ConnectionFacts, ProcessHandle } from "../../actors/ports.ts";
import { concat, utf8 } from "../../protocol/bytes.ts";
import {
  EncryptedParser,
  type HttpEvent,
  type HttpRequestEvent,
  HttpRequestParser,
  parseContentType,
} from "../../protocol/http/mod.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { unsealPart } from "../../protocol/sealing/mod.ts";
import { acceptor, nameOf, password, users } from "./accounts.ts";
import { type FarEnd, type FarEndOptions, ports } from "./drover_end.ts";
import { ScriptedProcesses } from "./processes.ts";
import type { Machine } from "./world.ts";

/** What kind of Windows it is: every trait by itself, as services in the field mix them. */
export interface WindowsProfile {
  /** WinRM 2.0: no `rsp:Shell`, its own shell and command ids. */
  readonly old: boolean;
  /** Done comes without empty elements that end the streams. */
  readonly noEnds: boolean;
  /** Running carries an ExitCode of 0. */
  readonly exitCodeOnRunning: boolean;
  /** Faults come under HTTP 200. */
  readonly faultsUnder200: boolean;
  /** Quota faults are MSFT_WmiError, without RelatesTo. */
  readonly wmiErrors: boolean;
  /** One answer in so many is followed by the connection's end; 0: none. */
  readonly closesEvery: number;
  /** Milliseconds until an idle connection is closed. */
  readonly idleMs: number;
  /** Shells and operations that one user may have. */
  readonly maxShells: number;
  readonly maxOperations: number;
  /** One Create or Command in so many is refused, because other clients share the quota; 0: none. */
  readonly foreignEvery: number;
  /** A Receive that waits when its command is signalled is broken off (995) instead of told of the end. */
  readonly abortsReceive: boolean;
  /** Pending is said in place of Running, now and then. */
  readonly saysPending: boolean;
  /** One request in so many is answered 503 by http.sys, unread; 0: none. */
  readonly busyEvery: number;
  /** Milliseconds between keepalives while a sealed Receive waits, in one chunked answer with the real one; 0: none. */
  readonly keepaliveMs: number;
  /** Answers come chunked. */
  readonly chunked: boolean;
  /** Answers carry `p:ActivityId`, as newer versions do. */
  readonly activityIds: boolean;
}

const defaultIdleMs = 7_200_000;
const fragmentBytes = 100_000;
const rsp = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const wsman = "http://schemas.dmtf.org/wbem/wsman/1/wsman";

interface Command {
  readonly id: string;
  process: ProcessHandle | undefined;
  readonly output: { readonly name: string; readonly bytes: Uint8Array }[];
  exitCode: number | undefined;
  receive: Operation | undefined;
  signalled: boolean;
}

interface Shell {
  readonly id: string;
  readonly user: string;
  readonly idleMs: number;
  readonly commands: Map<string, Command>;
  lastUse: number;
}

interface Operation {
  readonly connection: WindowsConnection;
  readonly user: string;
  readonly messageId: string;
  readonly sealed: boolean;
  done: boolean;
  /** A keepalive has begun its answer: the status was 200, and cannot change any more. */
  begun: boolean;
}

/** See the module. */
export class WindowsEnd implements FarEnd {
  readonly address: string;
  readonly profile: WindowsProfile;
  readonly options: FarEndOptions;
  machine!: Machine;
  #processes!: ScriptedProcesses;
  #running = false;
  readonly #shells = new Map<string, Shell>();
  readonly #open = new Map<string, number>();

  constructor(options: FarEndOptions, profile: WindowsProfile) {
    this.address = options.address;
    this.options = options;
    this.profile = profile;
    this.start();
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const { world, network, observer, scripts, address } = this.options;
    const machine = world.machine(address);
    this.machine = machine;
    this.#processes = new ScriptedProcesses(machine, observer, scripts);
    for (const port of [ports.http, ports.https]) {
      const tls = port === ports.https
        ? { tls: { certificate: "", key: "", maxVersion: "TLSv1.2" as const } }
        : {};
      network.listenerHost().listen({ host: address, port, ...tls }, {
        onListening: () => {},
        onClosed: () => {},
        onConnection: (accept) => {
          const connection = new WindowsConnection(this);
          connection.connection = accept(connection);
        },
      });
    }
  }

  kill(told: "peers" | "nobody"): void {
    if (!this.#running) return;
    this.#running = false;
    this.machine.kill();
    this.#processes.vanish();
    this.#shells.clear();
    this.#open.clear();
    this.options.network.crash(this.address, told);
    this.options.observer.machineDied(this.address);
  }

  leftovers(): string[] {
    if (!this.#running) return [];
    const left: string[] = [];
    if (this.#processes.alive > 0) left.push(`${this.#processes.alive} processes`);
    if (this.#shells.size > 0) left.push(`${this.#shells.size} shells`);
    return left;
  }

  /** One request of a user who has logged on. */
  request(connection: WindowsConnection, user: string, text: string, sealed: boolean): void {
    const action = /<a:Action[^>]*>([^<]*)</.exec(text)?.[1] ?? "";
    const kind = action.slice(action.lastIndexOf("/") + 1);
    const operation: Operation = {
      connection,
      user,
      messageId: /<a:MessageID>([^<]*)</.exec(text)?.[1] ?? "",
      sealed,
      done: false,
      begun: false,
    };
    const open = (this.#open.get(user) ?? 0) + 1;
    this.#open.set(user, open);
    const opens = kind === "Create" || kind === "Command";
    const { foreignEvery, maxOperations } = this.profile;
    if (open > maxOperations) return this.#quota(operation, 2150859174, "concurrent operations");
    if (opens && foreignEvery > 0 && this.machine.random.below(foreignEvery) === 0) {
      const shells = kind === "Create" && this.machine.random.below(2) === 0;
      return this.#quota(operation, shells ? 2150859173 : 2150859174, "quota");
    }
    if (kind === "Create") return this.#create(operation, text);
    const id = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1]?.toUpperCase() ?? "";
    const shell = this.#shells.get(id);
    if (shell === undefined || shell.user !== user) return this.#unknown(operation);
    shell.lastUse = this.machine.clock.monotonic();
    if (kind === "Delete") return this.#delete(operation, shell);
    if (kind === "Command") return this.#command(operation, shell, text);
    const commandId = /CommandId="([^"]*)"/.exec(text)?.[1]?.toUpperCase() ?? "";
    const command = shell.commands.get(commandId);
    if (command === undefined) return this.#unknown(operation);
    if (kind === "Receive") return this.#receive(operation, shell, command, text);
    if (kind === "Send") return this.#send(operation, command, text);
    if (kind === "Signal") return this.#signal(operation, shell, command);
    this.#fault(operation, 2150858771, "Sender", "a:ActionNotSupported", "The action is not supported.");
  }

  #create(operation: Operation, text: string): void {
    const { user } = operation;
    const own = [...this.#shells.values()].filter((shell) => shell.user === user).length;
    if (own >= this.profile.maxShells) {
      return this.#quota(operation, 2150859173, "This user is allowed a maximum number of concurrent shells");
    }
    const proposed = /<rsp:Shell[^>]* ShellId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
    const id = this.profile.old || proposed === undefined ? this.guid() : proposed;
    const asked = /<rsp:IdleTimeOut>PT([\d.]+)S</.exec(text)?.[1];
    const idleMs = asked === undefined ? defaultIdleMs : Math.max(60_000, Number(asked) * 1000);
    const shell: Shell = { id, user, idleMs, commands: new Map(), lastUse: this.machine.clock.monotonic() };
    this.#shells.set(id, shell);
    this.#watchIdle(shell);
    const details = this.profile.old
      ? ""
      : `<rsp:Shell xmlns:rsp="${rsp}"><rsp:ShellId>${id}</rsp:ShellId><rsp:ResourceUri>${rsp}/cmd</rsp:ResourceUri>` +
        `<rsp:Owner>SIM\\${user}</rsp:Owner><rsp:ClientIP>fe80::1%4</rsp:ClientIP>` +
        `<rsp:IdleTimeOut>PT${
          idleMs / 1000
        }.000S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>` +
        `<rsp:OutputStreams>stderr stdout\n</rsp:OutputStreams><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>` +
        `<rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>`;
    this.#answer(
      operation,
      "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse",
      `<x:ResourceCreated><a:Address>http://${this.address}:5985/wsman</a:Address><a:ReferenceParameters>` +
        `<w:ResourceURI>${rsp}/cmd</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">${id}</w:Selector>` +
        `</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>${details}`,
    );
    this.options.observer.shellOpened(this.address, user, id);
  }

  #command(operation: Operation, shell: Shell, text: string): void {
    const proposed = /<rsp:CommandLine CommandId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
    const id = this.profile.old || proposed === undefined ? this.guid() : proposed;
    const line = /<rsp:Command>([^<]*)</.exec(text)?.[1] ?? "";
    const command: Command = {
      id,
      process: undefined,
      output: [],
      exitCode: undefined,
      receive: undefined,
      signalled: false,
    };
    shell.commands.set(id, command);
    command.process = this.#processes.spawn({
      command: { kind: "line", line },
      env: {},
      systemUser: undefined,
      noProfile: false,
    }, {
      onStarted: () => {
        this.#answer(
          operation,
          `${rsp}/CommandResponse`,
          `<rsp:CommandResponse><rsp:CommandId>${id}</rsp:CommandId></rsp:CommandResponse>`,
        );
        command.process?.resume("stdout");
        command.process?.resume("stderr");
      },
      onOutput: (name, bytes) => {
        command.output.push({ name, bytes });
        this.#news(command);
        // The pipe is deep, but not without end.
        if (command.output.length < 64) command.process?.resume(name);
      },
      onOutputEnd: () => {},
      onExit: (exitCode) => {
        command.exitCode = exitCode;
        this.#news(command);
      },
      onFailed: () => {
        shell.commands.delete(id);
        this.#fault(
          operation,
          2147942402,
          "Sender",
          "w:InternalError",
          "The system cannot find the file specified. ",
        );
      },
    });
  }

  #receive(operation: Operation, shell: Shell, command: Command, text: string): void {
    if (command.receive !== undefined) this.#aborted(command.receive);
    command.receive = operation;
    if (this.#news(command)) return;
    this.#keepAlive(operation);
    const seconds = Number(/<w:OperationTimeout>PT([\d.]+)S</.exec(text)?.[1] ?? "60");
    this.machine.clock.schedule(seconds * 1000, () => {
      if (operation.done || command.receive !== operation) return;
      command.receive = undefined;
      shell.lastUse = this.machine.clock.monotonic();
      this.#fault(
        operation,
        2150858793,
        "Receiver",
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
      );
    });
  }

  /** FACTS, full duplex: sealed messages without content until the real answer comes, all in one body. */
  #keepAlive(operation: Operation): void {
    const { keepaliveMs } = this.profile;
    if (keepaliveMs === 0 || !operation.sealed) return;
    this.machine.clock.schedule(keepaliveMs, () => {
      if (operation.done || operation.connection.closed) return;
      operation.connection.keepAlive(
        this.#envelope(`${wsman}/Keepalive`, "", operation, ""),
        !operation.begun,
      );
      operation.begun = true;
      this.#keepAlive(operation);
    });
  }

  /** Answers the Receive that waits, when there is something to say. */
  #news(command: Command): boolean {
    const operation = command.receive;
    if (operation === undefined || (command.output.length === 0 && command.exitCode === undefined)) {
      return false;
    }
    command.receive = undefined;
    const streams: string[] = [];
    let size = 0;
    while (command.output.length > 0 && size < fragmentBytes) {
      const { name, bytes } = command.output.shift()!;
      // Elements of any size: even a character may be split between two.
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at + 1 + this.machine.random.below(32_768));
        streams.push(`<rsp:Stream Name="${name}" CommandId="${command.id}">${piece.toBase64()}</rsp:Stream>`);
        at += piece.length;
      }
      size += bytes.length;
    }
    for (const name of ["stdout", "stderr"] as const) command.process?.resume(name);
    const done = command.exitCode !== undefined && command.output.length === 0;
    const { noEnds, exitCodeOnRunning, saysPending } = this.profile;
    if (done && !noEnds) {
      for (const name of ["stdout", "stderr"]) {
        streams.push(`<rsp:Stream Name="${name}" CommandId="${command.id}" End="true"></rsp:Stream>`);
      }
    }
    const pending = saysPending && this.machine.random.below(4) === 0;
    const state = done ? "Done" : pending ? "Pending" : "Running";
    const code = done
      ? `<rsp:ExitCode>${command.exitCode}</rsp:ExitCode>`
      : exitCodeOnRunning
      ? "<rsp:ExitCode>0</rsp:ExitCode>"
      : "";
    const stated = !done && this.machine.random.below(8) === 0
      ? ""
      : `<rsp:CommandState CommandId="${command.id}" State="${rsp}/CommandState/${state}">${code}</rsp:CommandState>`;
    this.#answer(
      operation,
      `${rsp}/ReceiveResponse`,
      `<rsp:ReceiveResponse>${streams.join("")}${stated}</rsp:ReceiveResponse>`,
    );
    return true;
  }

  #send(operation: Operation, command: Command, text: string): void {
    const [, attributes = "", base64 = ""] = /<rsp:Stream([^>]*)>([^<]*)</.exec(text) ?? [];
    const bytes = Uint8Array.fromBase64(base64);
    if (bytes.length > 0) command.process?.writeStdin(bytes, () => {});
    if (attributes.includes('End="true"')) command.process?.endStdin();
    this.#answer(operation, `${rsp}/SendResponse`, "<rsp:SendResponse/>");
  }

  #signal(operation: Operation, shell: Shell, command: Command): void {
    command.signalled = true;
    command.process?.signal("terminate");
    if (command.receive !== undefined && this.profile.abortsReceive) {
      this.#aborted(command.receive);
      command.receive = undefined;
    }
    // Its end is awaited, as WinRM does; what nobody asked for is gone with it.
    const answer = () => {
      if (command.exitCode === undefined && shell.commands.has(command.id)) {
        return void this.machine.clock.schedule(20, answer);
      }
      this.#news(command);
      shell.commands.delete(command.id);
      this.#answer(operation, `${rsp}/SignalResponse`, "<rsp:SignalResponse/>");
    };
    answer();
  }

  #delete(operation: Operation, shell: Shell): void {
    this.#close(shell, "deleted");
    this.#answer(operation, "http://schemas.xmlsoap.org/ws/2004/09/transfer/DeleteResponse", "");
  }

  #close(shell: Shell, why: "deleted" | "expired"): void {
    this.#shells.delete(shell.id);
    for (const command of shell.commands.values()) {
      if (command.exitCode === undefined) command.process?.signal("terminate");
      if (command.receive !== undefined) this.#aborted(command.receive);
      command.receive = undefined;
    }
    shell.commands.clear();
    this.options.observer.shellClosed(this.address, shell.id, why);
  }

  #watchIdle(shell: Shell): void {
    this.machine.clock.schedule(
      Math.max(1, shell.lastUse + shell.idleMs - this.machine.clock.monotonic()),
      () => {
        if (this.#shells.get(shell.id) !== shell) return;
        const waits = [...shell.commands.values()].some(({ receive }) =>
          receive?.connection.closed === false
        );
        if (waits) shell.lastUse = this.machine.clock.monotonic();
        if (this.machine.clock.monotonic() - shell.lastUse >= shell.idleMs) this.#close(shell, "expired");
        else this.#watchIdle(shell);
      },
    );
  }

  // Answers.

  #answer(operation: Operation, action: string, body: string): void {
    const activity = this.profile.activityIds ? `<p:ActivityId>${this.guid()}</p:ActivityId>` : "";
    this.#write(operation, 200, this.#envelope(action, activity, operation, body));
  }

  #envelope(action: string, headers: string, operation: Operation, body: string): string {
    return `<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
      `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" ` +
      `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="${rsp}" ` +
      `xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>${action}</a:Action>` +
      `<a:MessageID>uuid:${this.guid()}</a:MessageID>${headers}` +
      `<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>` +
      `<a:RelatesTo>${operation.messageId}</a:RelatesTo></s:Header><s:Body>${body}</s:Body></s:Envelope>`;
  }

  #fault(
    operation: Operation,
    code: number,
    role: "Sender" | "Receiver",
    subcode: string,
    reason: string,
    wmi = false,
  ): void {
    const detail = wmi
      ? `<p:MSFT_WmiError b:IsCIM_Error="true" xmlns:b="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd" ` +
        `xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/microsoft/windows/management/MSFT_WmiError" ` +
        `xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common"><p:CIMStatusCode xsi:type="cim:cimUnsignedInt" ` +
        `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">27</p:CIMStatusCode>` +
        `<p:error_Code>${code}</p:error_Code><p:error_WindowsErrorMessage>${reason}</p:error_WindowsErrorMessage>` +
        `</p:MSFT_WmiError>`
      : `<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="${code}" Machine="SIM">` +
        `<f:Message>${reason}</f:Message></f:WSManFault>`;
    this.#write(
      operation,
      this.profile.faultsUnder200 ? 200 : 500,
      `<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
        `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" ` +
        `xmlns:e="http://schemas.xmlsoap.org/ws/2004/08/eventing" xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" ` +
        `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd">` +
        `<s:Header><a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</a:Action>` +
        `<a:MessageID>uuid:${this.guid()}</a:MessageID>` +
        `<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>` +
        (wmi ? "" : `<a:RelatesTo>${operation.messageId}</a:RelatesTo>`) +
        `</s:Header><s:Body><s:Fault><s:Code><s:Value>s:${role}</s:Value><s:Subcode><s:Value>${subcode}</s:Value>` +
        `</s:Subcode></s:Code><s:Reason><s:Text xml:lang="">${reason}</s:Text></s:Reason><s:Detail>${detail}</s:Detail>` +
        `</s:Fault></s:Body></s:Envelope>`,
    );
  }

  #quota(operation: Operation, code: number, reason: string): void {
    const internal = code === 2150859174;
    this.#fault(
      operation,
      code,
      internal ? "Receiver" : "Sender",
      internal ? "w:InternalError" : "w:QuotaLimit",
      `The WS-Management service cannot process the request. ${reason}.  `,
      this.profile.wmiErrors,
    );
  }

  #unknown(operation: Operation): void {
    this.#fault(
      operation,
      2150858843,
      "Sender",
      "w:InvalidSelectors",
      "The request for the Windows Remote Shell failed because the shell was not found on the server.  ",
    );
  }

  #aborted(operation: Operation): void {
    this.#fault(operation, 995, "Receiver", "w:InternalError", "The I/O operation has been aborted.  ");
  }

  #write(operation: Operation, status: number, text: string): void {
    if (operation.done) return;
    operation.done = true;
    const open = this.#open.get(operation.user) ?? 1;
    this.#open.set(operation.user, open - 1);
    operation.connection.answer(status, text, operation.sealed, operation.begun);
  }

  /** A new upper-case GUID. */
  guid(): string {
    return guidFromRandom(this.machine.random.bytes(16));
  }
}

/** One connection, as http.sys serves it. */
class WindowsConnection implements ConnectionEvents {
  connection!: Connection;
  closed = false;
  readonly #end: WindowsEnd;
  readonly #parser = new HttpRequestParser({ maxBodyBytes: 1_000_000 });
  #facts: ConnectionFacts | undefined;
  #context: SecurityContext | undefined;
  #user: string | undefined;
  #request: HttpRequestEvent | undefined;
  #body: Uint8Array[] = [];
  #working = false;
  #ending = false;
  #answers = 0;

  constructor(end: WindowsEnd) {
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
