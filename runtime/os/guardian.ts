/**
 * The guardian: a small shell process that kills every command of this service when the service is gone, however it
 * went (`kill -9` included). One for each service process; it reads our pipe and acts when that ends.
 *
 * How nothing escapes between the start of a command and its registration:
 * 1. The pipe's end is seen by the guardian only when *every* holder of the writing end is gone. A child that the
 *    service has just forked holds it too, until its `exec` closes it. So once the end is seen, each child is a
 *    started program with its environment in place, or was never made.
 * 2. Every command gets a marker in its environment, which its descendants inherit. On Linux the guardian looks for it
 *    in /proc, again and again until nobody has it: that finds commands not registered yet, and grandchildren that
 *    left the process group (`setsid`).
 * 3. The process groups that were registered are killed as well: they hold whoever has dropped the marker (`env -i`).
 *
 * A process that both left its group and dropped the marker escapes: only cgroups could hold it. Without /proc (macOS)
 * a command whose service is killed in the microseconds before its registration escapes, too.
 *
 * A folder with secrets can be left to it as well: it removes that.
 *
 * The guardian has a session of its own and ignores the signals of terminals, holds none of our streams but its pipe,
 * and has an environment without markers, so that the guardian of a service around us does not take it for a command.
 * @module
 */

/** Environment variable that every command and all its descendants carry. */
export const markerVariable = "DROVER_SERVICE_ID";

// "+N" registers a process group, "-N" forgets it; what begins with "/" is the folder. `read` and `kill` are built in: nothing is
// started until the end.
const script = `
trap '' HUP INT QUIT TERM TSTP
groups=' '
folder=
while IFS= read -r line; do
  group=\${line#?}
  case $line in
    +*) groups="$groups$group " ;;
    -*) case $groups in
          *" $group "*) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;;
        esac ;;
    /*) folder=$line ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
[ -z "$folder" ] || rm -rf -- "$folder"
[ -r /proc/self/environ ] || exit 0
quiet=0
pass=0
while [ $quiet -lt 3 ] && [ $pass -lt 100 ]; do
  quiet=$((quiet + 1))
  pass=$((pass + 1))
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    pid=\${pid%/environ}
    [ "$pid" = $$ ] && continue
    kill -KILL "$pid" 2>/dev/null && quiet=0
  done
  sleep 0.05
done
`;

/** How long to wait before a guardian that was killed is replaced. */
const restartDelayMs = 200;

/** Keeps the guardian of this process running and tells it what to kill. */
export class Guardian {
  /** Value of {@link markerVariable} for all commands of this process. */
  readonly marker: string = crypto.randomUUID();
  readonly #groups = new Set<number>();
  #pipe: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #child: Deno.ChildProcess | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #folder: string | undefined;
  #closed = false;

  /** Starts it, on systems that have process groups. */
  constructor() {
    if (Deno.build.os !== "windows") this.#start();
  }

  /** Kill this process group when the service ends. */
  watch(group: number): void {
    this.#groups.add(group);
    this.#tell(`+${group}\n`);
  }

  /** The group is gone; its number may come again for somebody else's. */
  forget(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`-${group}\n`);
  }

  /** Remove this folder when the service ends. There is one for a service. */
  removeAtEnd(folder: string): void {
    this.#folder = folder;
    this.#tell(`${folder}\n`);
  }

  /** Ends it; whatever is still watched or marked is killed. Resolves when nothing is left. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#child?.ref();
    await this.#pipe?.close().catch(() => {});
    await this.#child?.status;
  }

  #start(): void {
    if (this.#closed) return;
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command("/bin/sh", {
        args: ["-c", script, "drover-guardian", `${markerVariable}=${this.marker}`],
        cwd: "/",
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin" },
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
    } catch {
      return this.#startLater();
    }
    // It must not keep the service's event loop alive.
    child.unref();
    this.#child = child;
    this.#pipe = child.stdin.getWriter();
    for (const group of this.#groups) this.#tell(`+${group}\n`);
    if (this.#folder !== undefined) this.#tell(`${this.#folder}\n`);
    child.status.then(() => this.#startLater(), () => this.#startLater());
  }

  #startLater(): void {
    if (this.#closed) return;
    this.#pipe = undefined;
    this.#child = undefined;
    this.#restart = setTimeout(() => this.#start(), restartDelayMs);
    Deno.unrefTimer(this.#restart);
  }

  #tell(line: string): void {
    // A broken pipe is noticed by the guardian's status, which replaces it.
    this.#pipe?.write(new TextEncoder().encode(line)).catch(() => {});
  }
}
