/**
 * Opens this process to inspection by other processes of the same user: a Unix socket that answers requests for pictures of its
 * actors, and nothing else. What it costs is bounded, whoever asks: pictures take a twentieth of the process' time at most, and
 * connections are few, short-lived, and cut when they do not move.
 * @module
 */
import type { SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";
import { version } from "../version.ts";
import { openFolder, ownEnvironment } from "./folder.ts";
import { linesOf, writeAll } from "./lines.ts";
import { maxRequestBytes, type ProcessSnapshot, readRequest } from "./protocol.ts";

/** What is to be seen. */
export interface InspectionSource {
  /** What this process is: `service`, `exec`, … */
  readonly program: string;
  /** What it is there for, in short. No secrets: other processes of this user read it. */
  readonly about: string;
  /** Paths of actors that are shown whatever is asked for. */
  readonly notable?: readonly string[];
  /** Makes a picture; `undefined` when nothing stands at `options.path`. */
  readonly snapshot: (options: SnapshotOptions) => SystemSnapshot | undefined;
  /** Told why the process cannot be inspected, which is no failure of what it does. */
  readonly onUnavailable?: (why: string) => void;
}

/** Connections that are served at once. */
const maxConnections = 8;
/** Milliseconds that a connection may take for a request, or for taking its answer. */
const stallMs = 10_000;
/** Tries to make the socket while others that end take the folder away. Each needs one of them to end within the microseconds between. */
const folderTries = 100;
/** After a picture, so many times its own time passes before the next. */
const pauseFactor = 19;

/** Opens the endpoint, or does nothing where that cannot be. Never throws. Disposing closes it, and leaves no file. */
export function openInspection(source: InspectionSource): Disposable {
  try {
    return new Endpoint(source);
  } catch (error) {
    source.onUnavailable?.(error instanceof Error ? error.message : String(error));
    return { [Symbol.dispose]() {} };
  }
}

class Endpoint implements Disposable {
  readonly #source: InspectionSource;
  readonly #listener: Deno.Listener;
  readonly #folder: string;
  readonly #path: string;
  readonly #connections = new Set<Deno.Conn>();
  readonly #opened = performance.now();
  /** Pictures are made one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(source: InspectionSource) {
    if (Deno.build.os === "windows") throw new Error("open inspection: it is not available on Windows");
    this.#source = source;
    const { folder, listener } = listenInFolder();
    this.#folder = folder;
    this.#path = `${folder}/${Deno.pid}.sock`;
    try {
      Deno.chmodSync(earlyPath(folder), 0o600);
      Deno.renameSync(earlyPath(folder), this.#path);
    } catch (error) {
      listener.close();
      this.#leave(earlyPath(folder));
      throw error;
    }
    listener.unref();
    this.#listener = listener;
    this.#accept();
  }

  /** Removes what was made at `path`, and the folder with the last of what is in it. */
  #leave(path: string): void {
    removeIfThere(path);
    removeIfThere(this.#folder);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    this.#leave(this.#path);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let connection: Deno.Conn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        this.#source.onUnavailable?.(`accept inspection: ${String(error)}`);
        // Out of descriptors, perhaps: not again at once.
        await pause(stallMs);
        continue;
      }
      if (this.#connections.size >= maxConnections) close(connection);
      else this.#serve(connection);
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    this.#connections.add(connection);
    let stalled = unreferenced(() => close(connection), stallMs);
    const progress = () => {
      clearTimeout(stalled);
      stalled = unreferenced(() => close(connection), stallMs);
    };
    try {
      const lines = linesOf(connection, maxRequestBytes);
      for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
        // Waiting for its turn is not its own time.
        clearTimeout(stalled);
        const answer = await this.#answer(line.value);
        progress();
        await writeAll(connection, `${answer}\n`);
        progress();
      }
    } catch {
      // The other side has left, or was cut.
    } finally {
      clearTimeout(stalled);
      this.#connections.delete(connection);
      close(connection);
    }
  }

  async #answer(line: string): Promise<string> {
    const request = readRequest(line);
    if (typeof request === "string") return JSON.stringify({ error: request });
    const before = this.#turn;
    const own = Promise.withResolvers<void>();
    this.#turn = own.promise;
    await before;
    const started = performance.now();
    try {
      return JSON.stringify(this.#snapshot(request) ?? { error: `there is no actor ${request.path}` });
    } finally {
      unreferenced(own.resolve, (performance.now() - started) * pauseFactor);
    }
  }

  #snapshot(request: SnapshotOptions): ProcessSnapshot | undefined {
    const { program, about, notable = [], snapshot } = this.#source;
    const system = snapshot(request);
    if (system === undefined) return undefined;
    return {
      format: 1,
      version,
      pid: Deno.pid,
      program,
      about,
      uptimeMs: Math.round(performance.now() - this.#opened),
      memory: Deno.memoryUsage().rss,
      notable: notable.flatMap((path) => snapshot({ path, limit: 1 })?.actors ?? []),
      system,
    };
  }
}

/** A socket has a name of its own until it answers and has its mode: whoever sees it under its last one can use it. */
function earlyPath(folder: string): string {
  return `${folder}/${Deno.pid}.new`;
}

/** Another process that ends may take the empty folder away with it at any moment: then it is made again, a few times. */
function listenInFolder(): { folder: string; listener: Deno.Listener } {
  for (let tries = 1;; tries++) {
    try {
      const folder = openFolder(ownEnvironment());
      if (folder.kind === "unusable") throw new Error(`open inspection: ${folder.why}`);
      const path = earlyPath(folder.path);
      // What a dead process with our number has left there is replaced.
      removeIfThere(path);
      return { folder: folder.path, listener: Deno.listen({ transport: "unix", path }) };
    } catch (error) {
      if (tries >= folderTries) throw error;
    }
  }
}

/** A timer that does not keep the process alive. */
function unreferenced(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(run, ms);
  Deno.unrefTimer(Number(timer));
  return timer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void unreferenced(resolve, ms));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed already.
  }
}

/** Removes a socket, or a folder that is empty. */
function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already, in use by others, or not ours to remove.
  }
}
