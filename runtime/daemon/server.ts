/**
 * Where the API listens. On loopback without TLS a server of its own (`http/`): `Deno.serve` keeps some 220 KB for each busy stream,
 * and can neither cut a connection nor count them. With TLS node:https. Beyond loopback never without TLS: a token would be readable on
 * the way.
 * @module
 */
import { createAdaptorServer } from "@hono/node-server";
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { UsageError } from "../../protocol/errors.ts";
import { isLoopback } from "../client/trust.ts";
import type { Handler } from "./context.ts";
import { HttpListener, maxConnections } from "./http/listener.ts";
import { within } from "./http/within.ts";
import { streamOf } from "./live/part_source.ts";
import { Problem } from "./problems.ts";
import { upgrades } from "./upgrades.ts";

/** Certificate chain and key, PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Certificates of authorities, PEM: only clients with a certificate of one of them may connect; they need a token, too. */
  readonly clientCa?: string;
}

/** A server that listens. */
export interface ApiServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Shows new connections another certificate; absent without TLS. Throws UsageError `CertificateInvalid`. */
  setTls?(tls: ServerTls): void;
  /** Takes no more connections, lets requests that have begun end until `signal`, and closes. */
  close(graceMs: number): Promise<void>;
}

/** Milliseconds for the head of a request, and for the whole of it. */
const headersMs = 15_000;
const requestMs = 60_000;

/** Checks that an address may be listened on. */
export function checkListen(host: string, tls: boolean): void {
  if (!tls && !isLoopback(host)) {
    throw new UsageError(
      "TlsNeeded",
      `listen on ${host}: beyond this machine only with TLS, give --tls-cert and --tls-key`,
    );
  }
}

/**
 * Listens.
 *
 * @throws UsageError `TlsNeeded`, `CertificateInvalid`, `ListenFailed`
 */
export async function listen(
  host: string,
  port: number,
  tls: ServerTls | undefined,
  handler: Handler,
  onError: (error: unknown) => void,
): Promise<ApiServer> {
  checkListen(host, tls !== undefined);
  if (tls !== undefined) checkPair(tls);
  try {
    return tls === undefined
      ? plain(host, port, handler, onError)
      : await secure(host, port, tls, handler, onError);
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse || (error as { code?: string }).code === "EADDRINUSE"
      ? "the port is in use"
      : error instanceof Error
      ? error.name
      : "error";
    throw new UsageError("ListenFailed", `listen on ${authority(host, port)}: ${why}`, { cause: error });
  }
}

function plain(host: string, port: number, handler: Handler, onError: (error: unknown) => void): ApiServer {
  const listener = new HttpListener(host, port, handler, onError);
  return {
    url: `http://${authority(host, listener.port)}`,
    close: (graceMs) => listener.close(graceMs),
  };
}

async function secure(
  host: string,
  port: number,
  tls: ServerTls,
  handler: Handler,
  onError: (error: unknown) => void,
): Promise<ApiServer> {
  const server = createAdaptorServer(
    {
      createServer,
      serverOptions: {
        ...contextOf(tls),
        ...(tls.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
        headersTimeout: headersMs,
        requestTimeout: requestMs,
      },
      fetch: (request: Request, { incoming }: { incoming: IncomingMessage }) =>
        handler(request, {
          from: incoming.socket.remoteAddress ?? "",
          drop: () => incoming.socket.destroy(),
          parts: (source) => streamOf(source, onError),
          upgrade: noUpgrade,
        }),
      // The app checks Host itself.
      overrideGlobalObjects: false,
    } as Parameters<typeof createAdaptorServer>[0],
  );
  server.maxConnections = maxConnections;
  server.on("upgrade", upgrades(handler));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `https://${authority(host, (server.address() as AddressInfo).port)}`,
    setTls(other) {
      checkPair(other);
      (server as Server).setSecureContext(contextOf(other));
    },
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await within(graceMs, closed);
      if ("closeAllConnections" in server) server.closeAllConnections();
    },
  };
}

/** Deno takes a key of another certificate without a word, and then nobody gets in. */
function checkPair({ cert, key }: ServerTls): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new UsageError("CertificateInvalid", "use the certificate: it, or its key, cannot be read", {
      cause,
    });
  }
  if (!fits) {
    throw new UsageError("CertificateInvalid", "use the certificate: the key belongs to another one");
  }
}

function contextOf({ cert, key, clientCa }: ServerTls): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2", ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** Requests that ask for a WebSocket come by the event `upgrade`. */
function noUpgrade(): never {
  throw new Problem(400, "RequestMalformed", "the request is malformed");
}

function authority(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
