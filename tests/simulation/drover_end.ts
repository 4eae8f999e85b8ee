/** A far end that is the product's own service, with fake processes. It can be killed and started again. @module */
import { serviceRoot } from "../../actors/service/mod.ts";
import { resolveServiceSettings } from "../../protocol/wsman/config_model.ts";
import type { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import { security } from "./accounts.ts";
import type { Observer } from "./observer.ts";
import { type Script, ScriptedProcesses } from "./processes.ts";
import type { Machine, World } from "./world.ts";

/** A machine that commands are run on. */
export interface FarEnd {
  readonly address: string;
  /** Dies at once, with everything on it. */
  kill(told: "peers" | "nobody"): void;
  /** Comes back empty. */
  start(): void;
  /** Its wall clock jumps. */
  jump(ms: number): void;
  /** What is left of a run at this machine, as text; empty: nothing. */
  leftovers(): string[];
}

/** What a far end is made with. */
export interface FarEndOptions {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly observer: Observer;
  readonly scripts: ReadonlyMap<string, Script>;
  readonly address: string;
  readonly tls: boolean;
  readonly settings: Readonly<Record<string, number>>;
}

/** Ports of every far end. */
export const ports = { http: 5985, https: 5986 } as const;

/** Our own service at `address`. */
export class DroverEnd implements FarEnd {
  readonly address: string;
  readonly #options: FarEndOptions;
  #machine: Machine | undefined;
  #processes: ScriptedProcesses | undefined;
  /** Actors and timers while nobody uses it. */
  #idle = { actors: 0, timers: 0 };

  constructor(options: FarEndOptions) {
    this.address = options.address;
    this.#options = options;
    this.start();
  }

  start(): void {
    if (this.#machine !== undefined) return;
    const { world, network, observer, scripts, address, settings } = this.#options;
    const machine = world.machine(address);
    const processes = new ScriptedProcesses(machine, observer, scripts, "posix");
    this.#machine = machine;
    this.#processes = processes;
    machine.system.spawn(serviceRoot({
      listeners: [
        { host: address, port: ports.http },
        { host: address, port: ports.https, tls: { certificate: "", key: "", maxVersion: "TLSv1.2" } },
      ],
      auth: ["negotiate", "basic"],
      allowUnencrypted: true,
      settings: resolveServiceSettings(settings),
      machineName: "SIM",
      productVersion: "OS: simulated SP: 0.0 Stack: 3.0",
      listenerHost: network.listenerHost(),
      processHost: processes,
      security: security(machine, observer),
      codePages: { fromUtf8: () => undefined, toUtf8: () => undefined },
      onEvent: (event) => {
        if (event.kind === "shellOpened") observer.shellOpened(address, event.user, event.shellId);
        if (event.kind === "shellClosed") {
          const { reason } = event;
          observer.shellClosed(
            address,
            event.shellId,
            reason === "deleted" || reason === "expired" ? reason : "other",
          );
        }
      },
    }));
    world.run();
    const { actors, timers } = machine.system.stats;
    this.#idle = { actors, timers };
  }

  kill(told: "peers" | "nobody"): void {
    if (this.#machine === undefined) return;
    this.#machine.kill();
    this.#machine = undefined;
    this.#processes?.vanish();
    this.#options.network.crash(this.address, told);
    this.#options.observer.machineDied(this.address);
  }

  jump(ms: number): void {
    if (this.#machine !== undefined) this.#machine.skewMs += ms;
  }

  leftovers(): string[] {
    if (this.#machine === undefined || this.#processes === undefined) return [];
    const left: string[] = [];
    const { actors, timers } = this.#machine.system.stats;
    if (this.#processes.alive > 0) left.push(`${this.#processes.alive} processes`);
    if (actors > this.#idle.actors) left.push(`${actors - this.#idle.actors} actors`);
    if (timers > this.#idle.timers) left.push(`${timers - this.#idle.timers} timers`);
    return left;
  }
}
