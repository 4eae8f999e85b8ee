/** WebSockets of a server of `node:https`: the app decides, `ws` speaks the protocol. @module */
import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket as Socket, WebSocketServer } from "ws";
import type { Handler } from "./context.ts";
import type { SocketEvents } from "./live/socket.ts";

/** Largest message of a client: it has nothing to say. */
const maxPayload = 4_096;

/** What the app has agreed to. */
interface Agreement {
  readonly protocol: string | undefined;
  readonly events: SocketEvents;
}

/** Handles the event `upgrade` of a server. */
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
    handleProtocols: () => protocol ?? false,
  });
  // Also when the handshake itself is wrong, and `ws` refuses it.
  wire.once("close", () => events.closed());
  server.handleUpgrade(incoming, wire, head, (socket: Socket) => {
    // A close follows.
    socket.on("error", () => {});
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
