/** WebSockets: the app decides, `ws` speaks the protocol. @module */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket as Socket, WebSocketServer } from "ws";
import type { HttpHeaders, HttpRequestEvent } from "../../protocol/http/mod.ts";
import type { Handler } from "./context.ts";
import type { SocketEvents } from "./live/socket.ts";
import { Problem } from "./problems.ts";

/** Largest message of a client: it has nothing to say. */
const maxPayload = 4_096;
/** Bytes that may wait for a client when it is answered that the connection lives. */
const maxAnswers = 64 * 1024;

/** What the app has agreed to. */
export interface Agreement {
  readonly protocol: string | undefined;
  readonly events: SocketEvents;
}

/** Whether a request opens a WebSocket (RFC 6455, section 4.2.1). */
export function isHandshake(headers: HttpHeaders): boolean {
  return headers.get("Upgrade")?.toLowerCase() === "websocket" &&
    /(?:^|[,\s])upgrade(?:[,\s]|$)/i.test(headers.get("Connection") ?? "") &&
    headers.get("Sec-WebSocket-Version") === "13" &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers.get("Sec-WebSocket-Key") ?? "");
}

/** Makes a WebSocket of a connection without TLS; resolves when it is closed. */
export function openSocket(agreement: Agreement, head: HttpRequestEvent, wire: Duplex): Promise<void> {
  return new Promise((resolve) => {
    wire.on("error", () => wire.destroy());
    wire.once("close", () => resolve());
    const headers = Object.fromEntries([...head.headers.entries()].map(([name]) => {
      const lower = name.toLowerCase();
      return [lower, head.headers.get(lower)];
    }));
    // All that `ws` asks of it.
    const incoming = { method: head.method, url: head.target, headers } as IncomingMessage;
    open(agreement, incoming, wire, Buffer.alloc(0));
  });
}

/** Handles the event `upgrade` of a server of `node:https`. */
export function upgrades(handler: Handler): (incoming: IncomingMessage, wire: Duplex, head: Buffer) => void {
  return (incoming, wire, head) => {
    wire.on("error", () => wire.destroy());
    answer(handler, incoming, wire, head).catch(() => wire.destroy());
  };
}

async function answer(
  handler: Handler,
  incoming: IncomingMessage,
  wire: Duplex,
  head: Buffer,
): Promise<void> {
  let agreed: Agreement | undefined;
  const { socket, method = "GET", url = "/", rawHeaders } = incoming;
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  // Only its path counts: Host is checked by the app.
  const response = await handler(new Request(new URL(url, "https://localhost"), { method, headers }), {
    from: socket.remoteAddress ?? "",
    drop: () => wire.destroy(),
    parts: (source) => {
      source.end();
      throw new Problem(400, "RequestMalformed", "a WebSocket is asked for where there is none");
    },
    upgrade: (_request, protocol, events) => {
      agreed = { protocol, events };
      return new Response(null);
    },
  });
  if (agreed !== undefined) open(agreed, incoming, wire, head);
  else await refuse(response, wire);
}

function open({ protocol, events }: Agreement, incoming: IncomingMessage, wire: Duplex, head: Buffer): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    autoPong: false,
    handleProtocols: () => protocol ?? false,
  });
  // Also when the handshake itself is wrong, and `ws` refuses it.
  wire.once("close", () => events.closed());
  server.handleUpgrade(incoming, wire, head, (socket: Socket) => {
    // A close follows.
    socket.on("error", () => {});
    // Who pings and takes nothing would fill the memory with answers; one to a later ping is enough (RFC 6455, section 5.5.3).
    socket.on("ping", (data) => {
      if (socket.bufferedAmount < maxAnswers) socket.pong(data);
    });
    events.opened(socket);
  });
}

/** The app's answer, written by hand: the server has let go of this connection. */
async function refuse(response: Response, wire: Duplex): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  wire.write(
    `HTTP/1.1 ${response.status} Refused\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  wire.end(body);
}
