/** A connector whose far end answers winrs' five requests at once, in memory: as little as a connection can cost. @module */
import type { Connection, ConnectionEvents, Connector } from "../../../actors/ports.ts";

const shellNs = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const shellId = "11111111-2222-4333-8444-555555555555";
const commandId = "66666666-7777-4888-9999-AAAAAAAAAAAA";

const bodies: Readonly<Record<string, readonly [action: string, body: string]>> = {
  Create: [
    `${transfer}/CreateResponse`,
    `<rsp:Shell><rsp:ShellId>${shellId}</rsp:ShellId><rsp:InputStreams>stdin</rsp:InputStreams>` +
    `<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>`,
  ],
  Command: [
    `${shellNs}/CommandResponse`,
    `<rsp:CommandResponse><rsp:CommandId>${commandId}</rsp:CommandId></rsp:CommandResponse>`,
  ],
  Receive: [
    `${shellNs}/ReceiveResponse`,
    `<rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="${commandId}" End="true"></rsp:Stream>` +
    `<rsp:CommandState CommandId="${commandId}" State="${shellNs}/CommandState/Done">` +
    `<rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>`,
  ],
  Signal: [`${shellNs}/SignalResponse`, `<rsp:SignalResponse/>`],
  Delete: [`${transfer}/DeleteResponse`, ""],
};

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function answer(request: string): Uint8Array {
  const text = (name: string) => new RegExp(`${name}[^>]*>([^<]*)<`).exec(request)?.[1] ?? "";
  const [action, body] = bodies[text(":Action").split("/").at(-1) ?? ""] ?? bodies.Delete!;
  const envelope = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
    `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:rsp="${shellNs}"><s:Header>` +
    `<a:Action>${action}</a:Action><a:RelatesTo>${text(":MessageID")}</a:RelatesTo></s:Header>` +
    `<s:Body>${body}</s:Body></s:Envelope>`;
  return encoder.encode(
    `HTTP/1.1 200 \r\nContent-Type: application/soap+xml;charset=UTF-8\r\n` +
      `Content-Length: ${envelope.length}\r\n\r\n${envelope}`,
  );
}

const facts = {
  localAddress: "127.0.0.1",
  localPort: 1,
  remoteAddress: "127.0.0.1",
  remotePort: 5985,
  tls: undefined,
};

class CannedConnection implements Connection {
  readonly #events: ConnectionEvents;
  readonly #later: (task: () => void) => void;
  #request = "";
  #closed = false;

  constructor(events: ConnectionEvents, later: (task: () => void) => void) {
    this.#events = events;
    this.#later = later;
    later(() => events.onOpen(facts));
  }

  write(bytes: Uint8Array): boolean {
    this.#request += decoder.decode(bytes);
    const head = this.#request.indexOf("\r\n\r\n");
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#request)?.[1] ?? 0);
    if (head >= 0 && this.#request.length >= head + 4 + length) {
      const bytes = answer(this.#request);
      this.#request = "";
      this.#later(() => {
        if (!this.#closed) this.#events.onData(bytes);
      });
    }
    return true;
  }

  resume(): void {}

  end(): void {
    this.abort();
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#later(() => this.#events.onClosed(undefined));
  }
}

/** The connector; its connections act in tasks given to `later`. */
export function cannedConnector(later: (task: () => void) => void): Connector {
  return { connect: (_target, events) => new CannedConnection(events, later) };
}
