/**
 * Life and death of actors: start, stop, crash, restart, escalation, as in OTP. Runs handlers, each in a turn of its own actor.
 *
 * An actor ends in this order: its timers, questions and watches are dropped; its children are stopped in reverse start
 * order, one after the other, each within its own `shutdownMs`; `stopped` is called; its supervisor decides. An actor that
 * may come back keeps its address, its mailbox and its place among its siblings; only the message that it crashed on is lost.
 * @module
 */
import type { StopReason, Supervision } from "./actor.ts";
import type { Cell, ChildNews, RestartGroup } from "./cell.ts";
import { CellContext } from "./context.ts";
import { crashReport } from "./crash_report.ts";
import { KernelError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { defaultSupervision, RestartWindow } from "./restart_window.ts";

/** See the module. */
export class Supervisor {
  readonly #kernel: Kernel;

  /** Supervises the actors of `kernel`. */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Does the most urgent thing of the lanes kill, stop, start and supervision. `false`: there is nothing. */
  step(cell: Cell): boolean {
    if (cell.kill) {
      cell.kill = false;
      this.#kill(cell);
    } else if (cell.stop) {
      cell.stop = false;
      this.#stop(cell);
    } else if (cell.state === "starting") {
      this.#start(cell);
    } else if (cell.state === "passive" && cell.mailbox !== undefined) {
      this.#start(cell);
    } else {
      const { news } = cell;
      if (news === undefined) return false;
      cell.news = news.next;
      if (news.next === undefined) cell.newest = undefined;
      this.#hear(cell, news);
    }
    return true;
  }

  /** Runs a handler outside the hot path and carries out its effects. `false`: it crashed. */
  run(cell: Cell, doing: string, handler: () => void): boolean {
    const kernel = this.#kernel;
    kernel.enter(cell);
    try {
      handler();
      kernel.commit(cell);
    } catch (error) {
      kernel.rollback();
      this.crash(cell, error, undefined, doing);
      return false;
    }
    if (cell.leaving !== undefined) this.leave(cell);
    return true;
  }

  /** The handler has called `stop()` or `passivate()`. */
  leave(cell: Cell): void {
    const { leaving } = cell;
    cell.leaving = undefined;
    if (leaving === "passivate") return this.#passivate(cell);
    this.#finish(cell, { kind: cell.state === "stopping" ? "shutdown" : "normal" }, false);
  }

  /** A handler threw while it was handling `message`, or doing something else. */
  crash(cell: Cell, error: unknown, message: unknown, doing?: string): void {
    cell.leaving = undefined;
    this.#report(cell, error, message, doing);
    this.#finish(cell, { kind: "crashed", error }, false);
  }

  #report(cell: Cell, error: unknown, message: unknown, doing?: string): void {
    const { onCrash, redact } = this.#kernel.ports;
    if (onCrash === undefined) return;
    try {
      onCrash(crashReport({ path: cell.ref.path, restarts: cell.restarts }, error, message, doing, redact));
    } catch {
      // A reporter that fails must not take the actors with it.
    }
  }

  // ---- one life

  #start(cell: Cell): void {
    cell.state = "running";
    const context = cell.context ??= new CellContext(this.#kernel, cell);
    this.run(cell, "(start)", () => cell.behaviour = cell.spec.start(context));
  }

  #stop(cell: Cell): void {
    switch (cell.state) {
      case "new":
      case "starting":
      case "passive":
        return this.#finish(cell, { kind: "shutdown" }, false);
      case "down":
        if (cell.stopRequested) this.#end(cell, { kind: "shutdown" });
        return;
      case "running": {
        const { behaviour, context } = cell;
        let atOnce = true;
        if (behaviour?.stopping !== undefined && context !== undefined) {
          const done = this.run(cell, "(stopping)", () => atOnce = behaviour.stopping?.(context) ?? true);
          if (!done || cell.state !== "running") return;
        }
        if (atOnce) this.#finish(cell, { kind: "shutdown" }, false);
        else cell.state = "stopping";
        return;
      }
      case "stopping":
      case "ending":
      case "ended":
    }
  }

  #kill(cell: Cell): void {
    switch (cell.state) {
      case "ended":
        return;
      case "down":
        if (cell.stopRequested) this.#end(cell, { kind: "killed" });
        return;
      case "ending":
        if (cell.ending !== undefined) cell.ending.kill = true;
        return this.#continueEnding(cell);
      default:
        this.#finish(cell, { kind: "killed" }, true);
    }
  }

  /** Begins the end of this life. */
  #finish(cell: Cell, reason: StopReason, kill: boolean): void {
    if (cell.state === "ending" || cell.state === "down" || cell.state === "ended") return;
    const kernel = this.#kernel;
    if (cell.deadline !== undefined) {
      kernel.removeTimer(cell.deadline);
      cell.deadline = undefined;
    }
    const parent = cell.parent;
    if (parent?.state !== "running" || !returns(cell, reason)) kernel.closeMailbox(cell);
    this.#beginEnding(cell, reason, kill);
  }

  /** Begins the end of this life, unless there is something to do. */
  #passivate(cell: Cell): void {
    const { mailbox } = cell;
    const idle = (mailbox === undefined || mailbox.size === 0) && cell.news === undefined &&
      cell.waitingOn === undefined && !cell.stop && !cell.kill;
    if (cell.state === "running" && idle) this.#beginEnding(cell, { kind: "passivated" }, false);
  }

  #beginEnding(cell: Cell, reason: StopReason, kill: boolean): void {
    cell.state = "ending";
    this.#kernel.dropOwn(cell);
    cell.ending = { reason, kill, remaining: cell.children === undefined ? [] : [...cell.children.values()] };
    this.#continueEnding(cell);
  }

  /** Keeps what the next message needs, and nothing else. */
  #sleep(cell: Cell): void {
    cell.state = "passive";
    cell.context = undefined;
    cell.children = undefined;
    cell.news = cell.newest = undefined;
    cell.window = undefined;
    if (cell.mailbox?.size === 0) cell.mailbox = undefined;
    // It may have been sent something by its last words, or while its children ended.
    if (cell.mailbox !== undefined) this.#kernel.enqueue(cell);
  }

  #continueEnding(cell: Cell): void {
    const ending = cell.ending;
    if (ending === undefined) return;
    const { remaining } = ending;
    for (let child = remaining.at(-1); child !== undefined; child = remaining.at(-1)) {
      if (child.state !== "ended") {
        if (ending.kill) this.#kernel.signalKill(child, true);
        else this.#kernel.signalStop(child, true);
        return;
      }
      remaining.pop();
    }
    // Somebody may have stopped it since it asked to be passivated.
    const sleeps = ending.reason.kind === "passivated" && !cell.stopRequested && cell.group === undefined;
    const reason: StopReason = ending.reason.kind === "passivated" && !sleeps
      ? { kind: "shutdown" }
      : ending.reason;
    this.#lastWords(cell, reason);
    cell.ending = undefined;
    cell.behaviour = undefined;
    if (sleeps) return this.#sleep(cell);
    cell.state = "down";
    const parent = cell.parent;
    if (parent === undefined || parent.state === "ending") this.#end(cell, reason);
    else this.#tellParent(parent, { kind: "down", child: cell.ref, reason, next: undefined });
  }

  #lastWords(cell: Cell, reason: StopReason): void {
    const { behaviour, context } = cell;
    if (behaviour?.stopped === undefined || context === undefined) return;
    const kernel = this.#kernel;
    kernel.enter(cell);
    try {
      behaviour.stopped(reason, context);
      kernel.commit(cell);
    } catch (error) {
      kernel.rollback();
      this.#report(cell, error, undefined, "(stopped)");
    }
    // What `stopped` asked for must not reach the next life.
    kernel.dropOwn(cell);
  }

  /** The end for good. */
  #end(cell: Cell, reason: StopReason): void {
    if (cell.state === "ended") return;
    const kernel = this.#kernel;
    cell.state = "ended";
    if (cell.parent !== undefined) kernel.actorCount--;
    kernel.dropOwn(cell);
    kernel.closeMailbox(cell);
    cell.news = cell.newest = undefined;
    cell.context = undefined;
    const group = cell.group;
    cell.group = undefined;
    cell.ref.cell = undefined;
    cell.ref.ended = reason;
    kernel.registry.release(cell);
    for (let ask = cell.asks; ask !== undefined; ask = cell.asks) {
      kernel.settle(ask, { kind: "targetStopped" });
    }
    kernel.tellWatchers(cell, reason);
    for (const listener of cell.onEnded ?? []) listener(reason);
    const parent = cell.parent;
    if (parent === undefined) return;
    parent.children?.delete(cell.name);
    if (parent.state === "ending") this.#continueEnding(parent);
    else if (parent.behaviour?.childEnded !== undefined) {
      this.#tellParent(parent, { kind: "ended", child: cell.ref, reason, next: undefined });
    }
    if (group !== undefined) this.#advance(group, parent);
  }

  #tellParent(parent: Cell, news: ChildNews): void {
    if (parent.newest === undefined) parent.news = news;
    else parent.newest.next = news;
    parent.newest = news;
    this.#kernel.enqueue(parent);
  }

  // ---- supervision

  #hear(parent: Cell, news: ChildNews): void {
    if (parent.state !== "running" && parent.state !== "stopping") return;
    if (news.kind === "ended") {
      const { behaviour, context } = parent;
      if (context === undefined) return;
      this.run(parent, "(childEnded)", () => behaviour?.childEnded?.(news.child, news.reason, context));
      return;
    }
    const child = news.child.cell;
    if (child === undefined || child.state !== "down") return;
    if (child.group !== undefined) return this.#advance(child.group, parent);
    if (!returns(child, news.reason) || parent.state === "stopping") return this.#end(child, news.reason);
    const supervision = parent.spec.supervision ?? defaultSupervision;
    const window = parent.window ??= new RestartWindow(supervision);
    const delayMs = window.allow(this.#kernel.ports.clock.monotonic(), () => this.#random());
    if (delayMs !== undefined) return this.#restartWith(parent, child, supervision.strategy, delayMs);
    this.#end(child, news.reason);
    // Above the root there is nobody to escalate to: only the child ends.
    if (parent.parent === undefined) return;
    const message = `supervise ${child.ref.path}: more than ${supervision.maxRestarts} restarts in ` +
      `${supervision.windowMs} ms`;
    const cause = news.reason.kind === "crashed" ? news.reason.error : undefined;
    this.crash(
      parent,
      new KernelError("KernelRestartIntensity", message, { cause }),
      undefined,
      "(supervision)",
    );
  }

  #restartWith(parent: Cell, child: Cell, strategy: Supervision["strategy"], delayMs: number): void {
    const all = [...(strategy === "oneForOne" ? [child] : parent.children?.values() ?? [])];
    const members = strategy === "restForOne" ? all.slice(all.indexOf(child)) : all;
    const group: RestartGroup = { members, toStop: [...members], delayMs, waiting: true };
    // A member of an earlier group belongs to the later one, which contains that group.
    for (const member of members) member.group = group;
    this.#advance(group, parent);
  }

  /** Stops the next member that still lives; restarts all when there is none. */
  #advance(group: RestartGroup, parent: Cell): void {
    if (!group.waiting || (parent.state !== "running" && parent.state !== "stopping")) return;
    for (let member = group.toStop.at(-1); member !== undefined; member = group.toStop.at(-1)) {
      if (member.group === group && member.state !== "down" && member.state !== "ended") {
        return this.#kernel.signalStop(member, false);
      }
      group.toStop.pop();
    }
    group.waiting = false;
    const restart = () => {
      for (const member of group.members) if (member.group === group) this.#restart(member, parent);
    };
    if (group.delayMs > 0) this.#kernel.startTimer(parent, group.delayMs, "run", restart);
    else restart();
  }

  #restart(cell: Cell, parent: Cell): void {
    cell.group = undefined;
    if (cell.state !== "down") return;
    const temporary = (cell.spec.restart ?? "temporary") === "temporary";
    if (cell.stopRequested || temporary || parent.state !== "running") {
      return this.#end(cell, { kind: "shutdown" });
    }
    cell.restarts++;
    cell.stop = false;
    cell.kill = false;
    cell.state = "starting";
    this.#kernel.enqueue(cell);
  }

  #random(): number {
    const bytes = this.#kernel.ports.random.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
  }
}

/** Whether an actor that ends with `reason` comes back, if its supervisor lives and allows it. */
function returns(cell: Cell, reason: StopReason): boolean {
  const restart = cell.spec.restart ?? "temporary";
  if (cell.stopRequested || restart === "temporary") return false;
  return cell.group !== undefined || restart === "permanent" || reason.kind === "crashed";
}
