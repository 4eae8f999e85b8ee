/**
 * A relay before a server that looks at what passes, and changes it where a test wants that: what it says of sealing and of the kinds of
 * tokens comes from the bytes and not from those who sent them.
 * @module
 */
import net from "node:net";
import tls from "node:tls";

/** A certificate with its key, PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** Where a tap leads, and what it does. */
export interface TapOptions {
  /** Port of the server on this machine. */
  readonly port: number;
  /** The certificate that clients see; absent: no TLS on either side. */
  readonly identity?: Identity;
  /** Changes the last byte of every token of the client's, or of the server's. */
  readonly tamper?: "token" | "answer";
}

/** What passed. */
export interface Seen {
  /** Requests with a sealed body, and those that were sealed in pieces. */
  sealed: number;
  pieces: number;
  /** Whether an answer was. */
  answeredInPieces: boolean;
  /** Whether an envelope passed in clear, in either direction. */
  clear: boolean;
  /** Schemes of the client's tokens. */
  readonly schemes: Set<string>;
  /** How its first token began, and what was inside of SPNEGO. */
  form: "NTLM" | "Kerberos" | "SPNEGO" | "TLS" | undefined;
  ntlm: boolean;
  /** Schemes that were offered with answers of status 401. */
  readonly offered: Set<string>;
  /** Status of the last answer, where it was a refusal. */
  refusal: "401" | "403" | undefined;
}

const tokens = /^(Authorization|WWW-Authenticate): (Negotiate|Kerberos|CredSSP) ([A-Za-z0-9+/]+=*)\r$/gim;
const secrets = /^(Authorization: )(Basic|Digest) (.*)\r$/gim;

/** One that listens. */
export class Tap implements AsyncDisposable {
  readonly seen: Seen = {
    sealed: 0,
    pieces: 0,
    answeredInPieces: false,
    clear: false,
    schemes: new Set(),
    form: undefined,
    ntlm: false,
    offered: new Set(),
    refusal: undefined,
  };
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(readonly options: TapOptions) {
    const { identity } = options;
    const relay = (socket: net.Socket) => this.#relay(socket);
    this.#server = identity === undefined
      ? net.createServer(relay)
      : tls.createServer({ cert: identity.certificate, key: identity.key, maxVersion: "TLSv1.2" }, relay);
  }

  /** Opens one on a free port. */
  static async open(options: TapOptions): Promise<Tap> {
    const tap = new Tap(options);
    await new Promise<void>((resolve) => tap.#server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  #relay(front: net.Socket): void {
    const { port, identity } = this.options;
    const back = identity === undefined
      ? net.connect({ host: "127.0.0.1", port })
      : tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, servername: "localhost" });
    this.#pipe(front, back, (text) => this.#request(text));
    this.#pipe(back, front, (text) => this.#answer(text));
  }

  /** Heads are never torn apart by us: what begins like one waits for its end. */
  #pipe(from: net.Socket, to: net.Socket, look: (text: string) => string): void {
    this.#sockets.add(from);
    let held = "";
    from.on("data", (bytes: Uint8Array) => {
      held += Buffer.from(bytes).toString("latin1");
      if (/^(POST |HTTP\/1\.)/.test(held) && !held.includes("\r\n\r\n")) return;
      to.write(Buffer.from(look(held), "latin1"));
      held = "";
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }

  #request(text: string): string {
    const { seen } = this;
    seen.sealed += text.match(/^Content-Type: multipart\/(encrypted|x-multi-encrypted)/gim)?.length ?? 0;
    seen.pieces += text.match(/^Content-Type: multipart\/x-multi-encrypted/gim)?.length ?? 0;
    if (text.includes("Envelope")) seen.clear = true;
    for (const [, , scheme, token] of text.matchAll(tokens)) {
      seen.schemes.add(scheme!);
      const plain = atob(token!);
      seen.form ??= formOf(plain);
      if (plain.includes("NTLMSSP\0")) seen.ntlm = true;
    }
    for (const [, , scheme] of text.matchAll(secrets)) seen.schemes.add(scheme!);
    if (this.options.tamper !== "token") return text;
    return this.#changed(text).replace(
      secrets,
      (_, name, scheme, value) =>
        scheme === "Basic" ? `${name}Basic ${flipped(value)}\r` : `${name}Digest ${
          value.replace(
            /response="(.)/,
            (_: string, digit: string) => `response="${digit === "0" ? "1" : "0"}`,
          )
        }\r`,
    );
  }

  #answer(text: string): string {
    if (text.includes("Envelope")) this.seen.clear = true;
    if (/^Content-Type: multipart\/x-multi-encrypted/im.test(text)) this.seen.answeredInPieces = true;
    const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
    if (status !== undefined) this.seen.refusal = status === "401" || status === "403" ? status : undefined;
    if (status === "401") {
      for (const [, scheme] of text.matchAll(/^WWW-Authenticate: (\w+)/gim)) this.seen.offered.add(scheme!);
    }
    return this.options.tamper === "answer" ? this.#changed(text) : text;
  }

  #changed(text: string): string {
    return text.replace(tokens, (_, name, scheme, token) => `${name}: ${scheme} ${flipped(token)}\r`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function flipped(token: string): string {
  const bytes = Uint8Array.fromBase64(token);
  bytes[bytes.length - 1]! ^= 1;
  return bytes.toBase64();
}

function formOf(token: string): Seen["form"] {
  if (token.startsWith("NTLMSSP\0")) return "NTLM";
  if (token.startsWith("\x16\x03")) return "TLS";
  // The object identifier behind the length of an initial token (RFC 2743 3.1).
  return token.slice(0, 16).includes("\x2b\x06\x01\x05\x05\x02") ? "SPNEGO" : "Kerberos";
}
