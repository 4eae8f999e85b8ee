/**
 * What systemd is told (sd_notify(3)): that the daemon is ready, reloads, stops, and that its event loop still turns. Without
 * NOTIFY_SOCKET nothing is told to anybody.
 * @module
 */
import { type DatagramSender, datagramSender } from "../../ffi/datagram.ts";

/** See the module. */
export class ServiceNotifier implements Disposable {
  readonly #sender: DatagramSender | undefined;
  readonly #watchdogMs: number | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;

  private constructor(sender: DatagramSender | undefined, watchdogMs: number | undefined) {
    this.#sender = sender;
    this.#watchdogMs = watchdogMs;
  }

  /** For the socket of the environment; its variables are taken out of it, so that no child process talks in our name. */
  static fromEnvironment(): ServiceNotifier {
    const path = take("NOTIFY_SOCKET");
    const microseconds = Number(take("WATCHDOG_USEC") ?? "0");
    const pid = take("WATCHDOG_PID");
    const sender = path === undefined ? undefined : datagramSender(path);
    const guarded = microseconds > 0 && (pid === undefined || Number(pid) === Deno.pid);
    return new ServiceNotifier(sender, guarded ? microseconds / 1_000 : undefined);
  }

  /** Somebody is told. */
  get active(): boolean {
    return this.#sender !== undefined;
  }

  /** Work is taken. From now on the watchdog hears of each half of its time, as long as the event loop turns. */
  ready(status: string): void {
    this.#send({ READY: "1", STATUS: status });
    if (this.#watchdogMs === undefined || this.#watchdog !== undefined || this.#sender === undefined) return;
    this.#send({ WATCHDOG: "1" });
    this.#watchdog = setInterval(() => this.#send({ WATCHDOG: "1" }), this.#watchdogMs / 2);
    Deno.unrefTimer(this.#watchdog as unknown as number);
  }

  /** Files are read again; `ready` follows. */
  reloading(): void {
    if (this.#sender === undefined) return;
    this.#send({ RELOADING: "1", MONOTONIC_USEC: String(this.#sender.monotonicMicroseconds()) });
  }

  /** It begins to stop. The watchdog is kept quiet until the end. */
  stopping(status: string): void {
    this.#send({ STOPPING: "1", STATUS: status });
  }

  /** One line for whoever asks what it is doing. */
  status(text: string): void {
    this.#send({ STATUS: text });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    this.#sender?.[Symbol.dispose]();
  }

  #send(fields: Readonly<Record<string, string>>): void {
    const lines = Object.entries(fields).map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}`);
    this.#sender?.send(lines.join("\n"));
  }
}

function take(name: string): string | undefined {
  const value = Deno.env.get(name);
  if (value !== undefined) Deno.env.delete(name);
  return value === "" ? undefined : value;
}
