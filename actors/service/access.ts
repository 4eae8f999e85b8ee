/**
 * What RootSDDL lets an account do. Rights are asked for as in the permissions of WinRM: Read for Get, Enumerate and Subscribe, Write
 * for Put, Create and Delete, Execute for Invoke; whatever is done with a shell is Execute, as in those of a session configuration.
 * @module
 */
import { AccessRight, grants, parseSddl, type SecurityDescriptor } from "../../protocol/access/mod.ts";
import { isShellResource } from "../../protocol/shell/mod.ts";
import { actions } from "../../protocol/soap/mod.ts";
import { WsmanFaultError } from "../../protocol/wsman/mod.ts";
import type { ServiceAccount } from "../ports.ts";
import type { ServiceEvent } from "./options.ts";

const rights = {
  GR: AccessRight.read,
  GW: AccessRight.write,
  GX: AccessRight.execute,
} as const;

const reading: ReadonlySet<string> = new Set([
  actions.get,
  actions.enumerate,
  actions.pull,
  actions.release,
]);
const writing: ReadonlySet<string> = new Set([actions.put, actions.create, actions.delete]);

/** A request that is asked about. */
export interface Asked {
  readonly account: ServiceAccount;
  /** Where the client is. */
  readonly from: string;
}

/** The check of one service. */
export class ServiceAccess {
  readonly #descriptor: SecurityDescriptor;

  /** Throws `UsageError` for a text that is no descriptor, which the settings have refused before. */
  constructor(rootSddl: string) {
    this.#descriptor = parseSddl(rootSddl);
  }

  /** Why the account may not do this; `undefined`: it may. */
  refuseRequest(asked: Asked, action: string, resourceUri: string): Refusal | undefined {
    const right = reading.has(action)
      ? "GR"
      : writing.has(action) && !isShellResource(resourceUri)
      ? "GW"
      : "GX";
    return this.#refuse(asked, right, action.slice(action.lastIndexOf("/") + 1));
  }

  /** Why the account may not ask who we are; those who have not logged on may, and are told less. */
  refuseIdentify(asked: Asked): Refusal | undefined {
    return this.#refuse(asked, "GR", "Identify");
  }

  #refuse({ account, from }: Asked, right: keyof typeof rights, operation: string): Refusal | undefined {
    if (grants(this.#descriptor, account.token, rights[right])) return undefined;
    return {
      event: { kind: "accessDenied", user: account.name, from, operation: operation.slice(0, 64), right },
      fault: WsmanFaultError.win32(5, "Access is denied"),
    };
  }
}

/** A refused request. */
export interface Refusal {
  /** For the operator. */
  readonly event: ServiceEvent;
  /** For the client, as Windows has it: `s:Sender`, `w:AccessDenied`, ERROR_ACCESS_DENIED. */
  readonly fault: WsmanFaultError;
}
