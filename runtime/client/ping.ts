/** Asks one host which service answers. @module */
import { type HostTarget, ping } from "../../actors/host/mod.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { Connector } from "../../actors/ports.ts";
import type { PingAnswer } from "./any_fleet.ts";

/** Never fails otherwise than by its answer; `closing` ends it when its system ends. */
export function pingHost(
  system: ActorSystem,
  connector: Connector,
  target: HostTarget,
  closing?: AbortSignal,
): Promise<PingAnswer> {
  return new Promise((resolve) => {
    const closed = () =>
      resolve({ kind: "failed", code: "FleetClosed", message: "identify: the fleet is closed" });
    closing?.addEventListener("abort", closed, { once: true });
    if (closing?.aborted === true) return closed();
    system.spawn(ping(target, connector, (result) => {
      closing?.removeEventListener("abort", closed);
      if (result.kind === "failed") {
        resolve({ kind: "failed", code: result.error.code, message: result.error.message });
        return;
      }
      const { productVendor, productVersion } = result.identity;
      const { logon } = result;
      resolve({
        kind: "answered",
        vendor: productVendor,
        version: productVersion,
        durationMs: result.durationMs,
        ...(logon === undefined ? {} : { logon }),
      });
    }));
  });
}
