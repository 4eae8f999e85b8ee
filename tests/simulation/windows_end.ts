/**
 * A FAKE far end in the shape of Windows, made from what was measured on real ones (the corpus' FACTS.md): replaced ids,
 * CreateResponse without `rsp:Shell`, Done without ends of streams, an ExitCode on Running, TimedOut faults, faults under
 * HTTP 200 and as MSFT_WmiError without RelatesTo, empty reason phrases, connections that close behind an answer or while
 * idle, quotas that refuse Signal and Delete too. It writes its XML itself; HTTP and NTLM are the product's.
 * @module
 */
import type { ProcessHandle } from "../../actors/ports.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import { users } from "./accounts.ts";
import { type FarEnd, type FarEndOptions, ports } from "./drover_end.ts";
import { ScriptedProcesses } from "./processes.ts";
import { configBody, operatingSystemBody, shellItem } from "./windows_answers.ts";
import { WindowsConnection, type WindowsService } from "./windows_connection.ts";
import type { WindowsProfile } from "./windows_profile.ts";
import type { Machine } from "./world.ts";

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
  readonly name: string;
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
export class WindowsEnd implements FarEnd, WindowsService {
  readonly address: string;
  readonly profile: WindowsProfile;
  readonly options: FarEndOptions;
  machine!: Machine;
  #processes!: ScriptedProcesses;
  #running = false;
  readonly #shells = new Map<string, Shell>();
  readonly #open = new Map<string, number>();
  /** What is left of each enumeration. */
  readonly #enumerations = new Map<string, string[]>();
  #bootTime = 0;

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
    this.#bootTime = machine.clock.now();
    for (let i = 0; i < this.profile.foreignShells; i++) {
      const id = this.guid();
      const name = i === 0 ? "drover-other-j0" : "WinRM shell";
      const idleMs = defaultIdleMs;
      this.#shells.set(id, { id, user: users[0]!, name, idleMs, commands: new Map(), lastUse: 0 });
    }
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
    this.#enumerations.clear();
    this.#open.clear();
    this.options.network.crash(this.address, told);
    this.options.observer.machineDied(this.address);
  }

  jump(ms: number): void {
    this.machine.skewMs += ms;
  }

  leftovers(): string[] {
    if (!this.#running) return [];
    const left: string[] = [];
    if (this.#processes.alive > 0) left.push(`${this.#processes.alive} processes`);
    const shells = [...this.#shells.values()];
    const own = shells.filter((shell) => !isForeign(shell)).length;
    if (own > 0) left.push(`${own} shells`);
    if (shells.length - own !== this.profile.foreignShells) left.push("too few shells of others");
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
    const { foreignEvery, foreignAll, maxOperations } = this.profile;
    const shared = opens || (foreignAll && (kind === "Receive" || kind === "Send"));
    if (open > maxOperations) return this.#quota(operation, 2150859174, "concurrent operations");
    if (shared && foreignEvery > 0 && this.machine.random.below(foreignEvery) === 0) {
      const shells = kind === "Create" && this.machine.random.below(2) === 0;
      return this.#quota(operation, shells ? 2150859173 : 2150859174, "quota");
    }
    if (kind === "Create") return this.#create(operation, text);
    if (kind === "Get") return this.#get(operation, text);
    if (kind === "Enumerate" || kind === "Pull") return this.#enumerate(operation, text);
    const id = /<w:Selector Name="ShellId">([^<]*)</.exec(text)?.[1]?.toUpperCase() ?? "";
    const shell = this.#shells.get(id);
    if (shell === undefined || (shell.user !== user && kind !== "Delete")) return this.#unknown(operation);
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
    const own = [...this.#shells.values()].filter((shell) => shell.user === user && !isForeign(shell)).length;
    if (own >= this.profile.maxShells) {
      return this.#quota(operation, 2150859173, "This user is allowed a maximum number of concurrent shells");
    }
    const proposed = /<rsp:Shell[^>]* ShellId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
    const id = this.profile.old || proposed === undefined ? this.guid() : proposed;
    const asked = /<rsp:IdleTimeOut>PT([\d.]+)S</.exec(text)?.[1];
    const idleMs = asked === undefined ? defaultIdleMs : Math.max(60_000, Number(asked) * 1000);
    const name = /<rsp:Shell[^>]* Name="([^"]*)"/.exec(text)?.[1] ?? "";
    const lastUse = this.machine.clock.monotonic();
    const shell: Shell = { id, user, name, idleMs, commands: new Map(), lastUse };
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
    this.options.observer.shellOpened(this.address, user, id, proposed);
  }

  #command(operation: Operation, shell: Shell, text: string): void {
    const proposed = /<rsp:CommandLine CommandId="([^"]*)"/.exec(text)?.[1]?.toUpperCase();
    const id = this.profile.old || proposed === undefined ? this.guid() : proposed;
    const { maxProcesses } = this.profile;
    const running = [...shell.commands.values()].filter(({ exitCode }) => exitCode === undefined).length;
    if (running >= maxProcesses) return this.#quota(operation, 2150859241, "commands per shell");
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
    let answered = false;
    command.process = this.#processes.spawn({
      command: { kind: "line", line },
      env: {},
      systemUser: undefined,
      noProfile: false,
    }, {
      onStarted: () => {
        answered = true;
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
        // Its shell was deleted before it ran.
        if (!answered) this.#fault(operation, 995, "Receiver", "w:InternalError", "It was aborted.  ");
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

  #get(operation: Operation, text: string): void {
    const uri = /<w:ResourceURI[^>]*>([^<]*)</.exec(text)?.[1] ?? "";
    const body = uri.endsWith("/wsman/1/config")
      ? configBody(this.profile)
      : uri.endsWith("/Win32_OperatingSystem")
      ? operatingSystemBody(this.#bootTime)
      : undefined;
    if (body !== undefined && this.profile.configReadable) {
      return this.#answer(operation, "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse", body);
    }
    this.#fault(operation, 5, "Sender", "w:AccessDenied", "Access is denied.  ");
  }

  /** Shells of all users, one in the first answer, as 2008 R2 and 2012 do, the rest by Pull. */
  #enumerate(operation: Operation, text: string): void {
    const action = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
    const asked = /<n:EnumerationContext>([^<]*)</.exec(text)?.[1];
    const items = asked === undefined
      ? [...this.#shells.values()].map(({ id, name, user }) => shellItem(id, name, user))
      : this.#enumerations.get(asked);
    if (items === undefined) {
      return this.#fault(
        operation,
        2150858793,
        "Sender",
        "n:InvalidEnumerationContext",
        "Invalid context.  ",
      );
    }
    if (asked !== undefined) this.#enumerations.delete(asked);
    const page = items.splice(0, asked === undefined ? 1 : 3);
    const context = items.length === 0 ? "" : `uuid:${this.guid()}`;
    if (context !== "") this.#enumerations.set(context, items);
    const first = asked === undefined;
    const [open, close] = first ? ["<w:Items>", "</w:Items>"] : ["<n:Items>", "</n:Items>"];
    const end = context !== "" ? "" : first ? "<w:EndOfSequence/>" : "<n:EndOfSequence/>";
    const shown = first || context !== "" ? `<n:EnumerationContext>${context}</n:EnumerationContext>` : "";
    const name = first ? "EnumerateResponse" : "PullResponse";
    this.#answer(
      operation,
      `${action}/${name}`,
      `<n:${name} xmlns:n="${action}">${shown}${open}${page.join("")}${close}${end}</n:${name}>`,
    );
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

/** Not made by a client of the simulation. */
function isForeign({ name }: Shell): boolean {
  return name === "drover-other-j0" || name === "WinRM shell";
}
