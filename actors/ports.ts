/**
 * The narrow ports through which the actors reach the world. The real ones live in `runtime/`, the simulated ones
 * in `runtime/transports/simulated.ts`; nothing here does I/O.
 *
 * Events of a port are called outside of any handler; an actor turns them into messages to itself.
 * @module
 */
import type { AccessToken } from "../protocol/access/mod.ts";
import type { NetworkError } from "../protocol/errors.ts";
import type { SecurityContext } from "../protocol/ports.ts";
import type { Secret } from "../protocol/secret.ts";

/** Wall and monotonic time, and one-shot timers. Milliseconds everywhere. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z; may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls `wake` once, not before `delayMs` from now. Returns a function that cancels it. */
  schedule(delayMs: number, wake: () => void): () => void;
}

/** Source of random bytes: cryptographically strong in production, seeded in the simulator. */
export interface RandomSource {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

/** What is known about a TLS connection. */
export interface TlsFacts {
  /** E.g. `TLSv1.2`. */
  readonly protocol: string;
  /** DER of the peer's certificate, where it sent one. */
  readonly peerCertificate: Uint8Array | undefined;
  /** DER of all certificates that a client sent, its own first, where a listener asked for them; whose they are is not checked. */
  readonly peerChain?: readonly Uint8Array[];
  /** DER of our own certificate, on the accepting side. */
  readonly localCertificate: Uint8Array | undefined;
  /** Name of the suite, as the engine writes it. */
  readonly cipher?: string;
}

/** What is known about an open connection. */
export interface ConnectionFacts {
  /** Our IP address. */
  readonly localAddress: string;
  /** Our port. */
  readonly localPort: number;
  /** The peer's IP address. */
  readonly remoteAddress: string;
  /** The peer's port. */
  readonly remotePort: number;
  /** Present when the connection is encrypted by TLS. */
  readonly tls: TlsFacts | undefined;
}

/** What happens on a connection. `onOpen` is first, `onClosed` is last and comes exactly once. */
export interface ConnectionEvents {
  /** The connection (with its TLS handshake) stands. */
  onOpen(facts: ConnectionFacts): void;
  /** Bytes arrived. The next chunk comes only after {@link Connection.resume}. The array belongs to the receiver. */
  onData(bytes: Uint8Array): void;
  /** The peer will send no more (half-close). Writing is still possible. */
  onEnd(): void;
  /** What was written has left our buffer, after a `write` that returned `false`. */
  onDrain(): void;
  /** The connection is gone; `error` says why when it was not closed by both sides in order. */
  onClosed(error: NetworkError | undefined): void;
}

/** An ordered, reliable stream of bytes in both directions. */
export interface Connection {
  /** Queues bytes. `false`: above the high-water mark, wait for `onDrain` before writing more. Never throws. */
  write(bytes: Uint8Array): boolean;
  /** Asks for the next chunk. */
  resume(): void;
  /** Closes our direction after everything queued was sent. */
  end(): void;
  /** Closes at once, both directions; what is queued is dropped. `onClosed` still follows. */
  abort(): void;
}

/** How to verify a server's certificate, and what to prove who we are with. */
export interface TlsClientOptions {
  /** `system`: system roots and host name are checked; `ignore`: nothing is checked. */
  readonly verify: "system" | "ignore";
  /** PEM of additional trusted roots. */
  readonly ca?: string;
  /** The issuer is not checked (SkipCACheck): name and time are. */
  readonly skipCaCheck?: boolean;
  /** The name is not checked (SkipCNCheck). */
  readonly skipCnCheck?: boolean;
  /** Path of lists of revoked certificates (CRL, PEM or DER), one of the issuer's among them; default: nobody asks for revocation. */
  readonly crlFile?: string;
  /** SHA-256 or SHA-1 of the server's certificate, lower-case hex: it is this one, and nothing else of it is checked. */
  readonly fingerprint?: string;
  /** Our own certificate, for a server that asks for one. */
  readonly identity?: TlsIdentity;
  /** Default: `platform`. */
  readonly engine?: TlsEngineName;
  /** TLS 1.0 and 1.1, and keys and hashes that are too weak today, are good enough. Only with `openssl`. */
  readonly legacy?: boolean;
}

/**
 * Who speaks TLS. `platform`: Deno's own, TLS 1.2 and 1.3 with the suites of today. `openssl`: the system's OpenSSL, which also has
 * the older suites of TLS 1.2, and shows a client certificate to servers that ask for it in mid-connection.
 */
export type TlsEngineName = "platform" | "openssl";

/** A certificate with its key: PEM of both, or PKCS#12. */
export type TlsIdentity =
  | { readonly certificate: string; readonly key: string }
  | { readonly pfx: Uint8Array; readonly passphrase: string };

/** A proxy that opens connections for us by HTTP's CONNECT (RFC 9110 section 9.3.6). */
export interface ProxyOptions {
  /** Name or IP literal (IPv6 without brackets). */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Account of the proxy, which is used when the proxy asks for one. */
  readonly credential?: {
    /** `DOMAIN\name`, or any other name. */
    readonly user: string;
    /** Its password. */
    readonly password: Secret;
    /** Whether a proxy that offers no NTLM may have the password in clear (Basic); default `false`. */
    readonly allowBasic?: boolean;
  };
}

/** Where to connect. */
export interface ConnectTarget {
  /** Name or IP literal (IPv6 without brackets). */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** TLS when present. */
  readonly tls?: TlsClientOptions;
  /** Through which proxy; absent: straight. */
  readonly proxy?: ProxyOptions;
  /** Milliseconds until the connection (with TLS) must stand, or it is closed with `ConnectTimeout`. */
  readonly timeoutMs: number;
}

/** Opens connections. */
export interface Connector {
  /** Starts to connect; everything else comes through `events`. `onClosed` without `onOpen` means that it never stood. */
  connect(target: ConnectTarget, events: ConnectionEvents): Connection;
}

/** For whom an exchange with a host is. */
export interface WorkPlace {
  /** Key of the job. */
  readonly job: string;
  /** Place of the host in it. */
  readonly index: number;
}

/** One request that was sent to a host, after its end. */
export interface ExchangeNote {
  /** The last part of its action (DSP0226, [MS-WSMV]), e.g. `Create`, `Command` or `Receive`. */
  readonly operation: string;
  /** Absent: it is for no host of a job. */
  readonly place: WorkPlace | undefined;
  /** Where it went. */
  readonly to: ConnectTarget;
  /** Milliseconds that it waited for a connection. */
  readonly waitedMs: number;
  /** Milliseconds from the request to the end of the answer. */
  readonly durationMs: number;
  /** Status of the answer; `undefined`: none came. */
  readonly httpStatus: number | undefined;
  readonly outcome: "answered" | "fault" | "failed";
  /** Of the fault or error. */
  readonly code: string | undefined;
}

/** Told of every exchange with a host, for metrics and traces. Called as an effect; must be short and throw nothing. */
export interface ExchangeObserver {
  /** A request goes to a connection; `ended` follows, exactly once. */
  exchangeBegan(): void;
  /** It has ended, whatever came of it. */
  exchangeEnded(note: ExchangeNote): void;
}

/** Where and how to listen. */
export interface ListenAddress {
  /** IP literal (IPv6 without brackets). */
  readonly host: string;
  /** TCP port; 0 chooses one. */
  readonly port: number;
  /** TLS when present: PEM of the certificate chain and the key. */
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    readonly maxVersion: "TLSv1.2" | "TLSv1.3";
    /** Whether clients are asked for a certificate; those without one are let in all the same. Default `false`. */
    readonly askCertificate?: boolean;
    /** Default: `platform`. */
    readonly engine?: TlsEngineName;
  };
}

/** What happens at a listener. */
export interface ListenerEvents {
  /** The socket is bound. */
  onListening(address: { readonly host: string; readonly port: number }): void;
  /**
   * A client connected (with TLS: before its handshake is done). `accept` must be called at once, with the events of the
   * new connection; `onOpen` follows when the handshake is done.
   */
  onConnection(accept: (events: ConnectionEvents) => Connection): void;
  /** The listener is closed; `error` when it could not be bound or broke. */
  onClosed(error: NetworkError | undefined): void;
}

/** A listening socket. */
export interface ListenerHandle {
  /** Stops listening; accepted connections live on. */
  close(): void;
}

/** Opens listeners. */
export interface ListenerHost {
  /** Starts to listen. */
  listen(address: ListenAddress, events: ListenerEvents): ListenerHandle;
}

/** The two output streams of a process. */
export type OutputStream = "stdout" | "stderr";

/** What to run. */
export type ProcessCommand =
  /** One line for the system's shell: `/bin/sh -c LINE`, on Windows `cmd.exe /c LINE`. */
  | { readonly kind: "line"; readonly line: string }
  /** One program with exactly these arguments, without a shell. */
  | { readonly kind: "argv"; readonly program: string; readonly args: readonly string[] };

/** A process to start. */
export interface ProcessSpec {
  /** What to run. */
  readonly command: ProcessCommand;
  /** Working directory; the account's home or `/` when absent. */
  readonly cwd?: string;
  /** Variables added to the account's base environment. */
  readonly env: Readonly<Record<string, string>>;
  /** System user that it runs as; `undefined`: the service's own. */
  readonly systemUser: string | undefined;
  /** Whether the account's profile (login environment) is left unloaded (WINRS_NOPROFILE). */
  readonly noProfile: boolean;
}

/** What happens to a process. `onExit` or `onFailed` is last and comes exactly once. */
export interface ProcessEvents {
  /** It runs. */
  onStarted(pid: number): void;
  /** Output arrived; the next chunk of this stream comes only after {@link ProcessHandle.resume}. */
  onOutput(stream: OutputStream, bytes: Uint8Array): void;
  /** This stream is at its end. */
  onOutputEnd(stream: OutputStream): void;
  /** It ended and both streams are at their end. A process killed by a signal has 128 + signal number. */
  onExit(exitCode: number): void;
  /** It could not be started. `code`: `NotFound`, `AccessDenied`, `BadDirectory` or `SpawnFailed`. */
  onFailed(code: "NotFound" | "AccessDenied" | "BadDirectory" | "SpawnFailed", message: string): void;
}

/** A running process. All methods are harmless after its end. */
export interface ProcessHandle {
  /** Queues bytes for standard input; `done(false)` when the process reads no more. */
  writeStdin(bytes: Uint8Array, done: (taken: boolean) => void): void;
  /** Closes standard input after what is queued. */
  endStdin(): void;
  /** Asks for the next chunk of `stream`. */
  resume(stream: OutputStream): void;
  /** Interrupts (`ctrl_c`: SIGINT, `ctrl_break`: SIGQUIT) or kills (`terminate`: SIGKILL) the whole process group. */
  signal(kind: "ctrl_c" | "ctrl_break" | "terminate"): void;
}

/** Starts processes. */
export interface ProcessHost {
  /** Shell language of `line` commands; absent: cmd.exe's. */
  readonly platform?: "posix";
  /** Starts one; everything else comes through `events`. */
  spawn(spec: ProcessSpec, events: ProcessEvents): ProcessHandle;
}

/** Converts a stream of text from one encoding to another, chunk by chunk. Never throws: what has no counterpart becomes a substitute. */
export interface TextConverter {
  /** Takes the next bytes and gives what is complete; characters may be split between chunks. */
  convert(bytes: Uint8Array): Uint8Array;
  /** Ends the stream: what is left. */
  finish(): Uint8Array;
}

/** Windows code pages, for shells with WINRS_CODEPAGE. */
export interface CodePages {
  /** Converter from UTF-8 into the code page; `undefined` for an unknown one. */
  fromUtf8(codepage: number): TextConverter | undefined;
  /** Converter from the code page into UTF-8; `undefined` for an unknown one. */
  toUtf8(codepage: number): TextConverter | undefined;
}

/** Who may use a service. */
export interface ServiceAccount {
  /** Name in its one canonical spelling: quotas count by it, shells belong to it. */
  readonly name: string;
  /** System user that its processes run as; `undefined`: the service's own. */
  readonly systemUser: string | undefined;
  /** What RootSDDL is checked with. */
  readonly token: AccessToken;
  /** What its client has handed over with this logon, so that its commands can log on elsewhere; absent: nothing. */
  readonly delegated?: DelegatedCredentials;
}

/** Credentials that a client has handed over. */
export interface DelegatedCredentials {
  /**
   * Lays a copy ready for processes of `systemUser` (`undefined`: the service's own user). Called as an effect, while the logon lasts.
   *
   * @throws DroverError
   */
  provide(systemUser: string | undefined): ProvidedCredentials;
}

/** A copy of credentials, for the processes of one shell. */
export interface ProvidedCredentials {
  /** The variables by which processes find it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Destroys it. Idempotent; throws nothing. */
  wipe(): void;
}

/** Accepts logons. */
export interface SecurityProvider {
  /** A context that accepts one logon under the scheme `Negotiate` on a connection. */
  acceptNegotiate(facts: ConnectionFacts): SecurityContext;
  /** The same under the scheme `Kerberos`; absent where the service has no keys. */
  acceptKerberos?(facts: ConnectionFacts): SecurityContext;
  /** The same under the scheme `CredSSP`; absent where the service has no certificate for it. */
  acceptCredSsp?(facts: ConnectionFacts): SecurityContext;
  /** The account of an established context; `undefined` when it has none here. */
  account(context: SecurityContext): ServiceAccount | undefined;
  /** Why a context has failed or has no account, where there is more to say than its error does; for the operator only. */
  refusal?(context: SecurityContext): string | undefined;
  /** The account of a client's certificate; absent where none is accepted. */
  checkCertificate?(facts: ConnectionFacts): CertificateVerdict;
  /** Who the client of a dialogue says it is, where that is known before it is proven; for the operator only. */
  claimant?(context: SecurityContext): string | undefined;
  /** Whether an account that has logged on is still as it was then; absent: always. */
  isCurrent?(account: ServiceAccount): boolean;
  /**
   * Checks a password; `done` is called once, at once or later, and takes as long for an unknown name as for a wrong password. The
   * function that comes back says that nobody waits for it any more.
   */
  checkPassword(
    username: string,
    password: Secret,
    facts: ConnectionFacts,
    done: (verdict: PasswordVerdict) => void,
  ): () => void;
}

/** What became of the check of a password. Reasons are for the operator, never for the client. */
export type PasswordVerdict =
  | { readonly kind: "account"; readonly account: ServiceAccount }
  | { readonly kind: "denied"; readonly reason: string }
  /** It could not be checked now. */
  | { readonly kind: "busy"; readonly reason: string };

/** Whose a client's certificate is. Reasons are for the operator, never for the client. */
export type CertificateVerdict =
  | { readonly kind: "account"; readonly account: ServiceAccount }
  /** `user`: who it says it is. */
  | { readonly kind: "refused"; readonly user: string | undefined; readonly reason: string };
