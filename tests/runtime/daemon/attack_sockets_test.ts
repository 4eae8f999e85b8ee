/** Clients of WebSockets that mean no good. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { HttpHeaders } from "../../../protocol/http/mod.ts";
import { openSocket } from "../../../runtime/daemon/upgrades.ts";

/** A frame with the mask 0 (RFC 6455, section 5.2). */
function frame(opcode: number, payload: string): Uint8Array {
  const bytes = new TextEncoder().encode(payload);
  return new Uint8Array([0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes]);
}

Deno.test("who pings and takes no answer fills no memory, and is answered as soon as it takes some", async () => {
  const written: Uint8Array[] = [];
  let take: (() => void) | undefined;
  let taking = false;
  const wire = new Duplex({
    read() {},
    write(bytes: Uint8Array, _encoding, done) {
      written.push(bytes);
      if (taking) done();
      else take = done;
    },
  });
  const message = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  const headers = HttpHeaders.of([
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ]);
  const closed = openSocket(
    {
      protocol: undefined,
      events: {
        opened(socket) {
          (socket as WebSocket).on(
            "message",
            (data) => String(data) === "1" ? message.resolve() : again.resolve(),
          );
        },
        closed() {},
      },
    },
    {
      kind: "request",
      method: "GET",
      target: "/",
      version: "1.1",
      headers,
      keepAlive: true,
      expectContinue: false,
      contentLength: undefined,
      chunked: false,
    },
    wire,
  );
  for (let i = 0; i < 5_000; i++) wire.push(frame(9, "x".repeat(100)));
  wire.push(frame(1, "1"));
  await message.promise;
  assert.ok(wire.writableLength > 1_000, "it is answered");
  assert.ok(wire.writableLength < 100_000, `${wire.writableLength} bytes wait for it`);
  taking = true;
  take?.();
  wire.push(frame(9, "the last"));
  wire.push(frame(1, "2"));
  await again.promise;
  await new Promise<void>((resolve) => wire.write("", () => resolve()));
  assert.match(written.map((bytes) => new TextDecoder().decode(bytes)).join(""), /the last/);
  wire.destroy();
  await closed;
});
