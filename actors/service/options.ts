/** What a service needs and what it tells about itself. @module */
import type { DroverError, NetworkError } from "../../protocol/errors.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import type { ServiceSettings } from "../../protocol/wsman/config_model.ts";
import type { CodePages, ListenAddress, ListenerHost, ProcessHost, SecurityProvider } from "../ports.ts";

/** Authentication schemes that a service can offer. */
export type ServiceAuth = "negotiate" | "kerberos" | "credssp" | "certificate" | "basic";

/** One service: its listeners, who may use it, and the ports that it works through. */
export interface ServiceOptions {
  /** Where to listen. */
  readonly listeners: readonly ListenAddress[];
  /** Schemes that are offered, in this order. Basic is offered on plain HTTP only with `allowUnencrypted`, certificate never. */
  readonly auth: readonly ServiceAuth[];
  /** Whether clear text is accepted on plain HTTP. */
  readonly allowUnencrypted: boolean;
  /** Limits. */
  readonly settings: ServiceSettings;
  /** Name of this machine in faults. */
  readonly machineName: string;
  /** What authenticated clients are told of the product, e.g. `OS: Linux SP: 0.0 Stack: 3.0`. */
  readonly productVersion: string;
  /** Opens the listeners. */
  readonly listenerHost: ListenerHost;
  /** Starts the commands. */
  readonly processHost: ProcessHost;
  /** Checks logons. */
  readonly security: SecurityProvider;
  /** Converts for WINRS_CODEPAGE. */
  readonly codePages: CodePages;
  /** Told about everything that an operator may want to know; default: nobody. Must not throw. */
  readonly onEvent?: (event: ServiceEvent) => void;
}

/** What a service tells its operator. No event has a secret in it. */
export type ServiceEvent =
  /** A listener is bound, or (with `error`) could not be, or broke. */
  | { readonly kind: "listening"; readonly index: number; readonly host: string; readonly port: number }
  | { readonly kind: "listenerClosed"; readonly index: number; readonly error: NetworkError | undefined }
  /** Someone logged on. */
  | {
    readonly kind: "logon";
    readonly scheme: ServiceAuth;
    /** What was chosen under the scheme; absent with Basic. */
    readonly mechanism: SecurityContext["mechanism"];
    readonly user: string;
    readonly from: string;
  }
  /** A logon failed. The name is what the client claimed, where it could be read. */
  | {
    readonly kind: "logonFailed";
    readonly scheme: ServiceAuth;
    readonly user: string | undefined;
    readonly from: string;
    readonly reason: string;
  }
  /** RootSDDL does not give an account the right (GR, GW or GX) to what it asked for. */
  | {
    readonly kind: "accessDenied";
    readonly user: string;
    readonly from: string;
    /** The last part of the action, e.g. `Create`. */
    readonly operation: string;
    readonly right: "GR" | "GW" | "GX";
  }
  /** A request was not processed because of how it came. */
  | { readonly kind: "refused"; readonly from: string; readonly status: number; readonly reason: string }
  /** A shell began or ended; `expired`: by its idle time-out or lifetime. */
  | { readonly kind: "shellOpened"; readonly shellId: string; readonly user: string; readonly from: string }
  | {
    readonly kind: "shellClosed";
    readonly shellId: string;
    readonly user: string;
    readonly reason: "deleted" | "expired" | "stopped" | "crashed";
  };

/** Error text for an event, without its cause chain. */
export function eventReason(error: DroverError): string {
  return `${error.code}: ${error.message}`;
}
