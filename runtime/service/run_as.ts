/** Which system user the shells of a service may run as. @module */
import { UsageError } from "../../protocol/errors.ts";
import { currentUser, lookupUser, type SystemUser } from "../os/users.ts";

/** What was found out. */
export interface RunAsDecision {
  /** System user for accounts that name none; `undefined`: the service's own. */
  readonly systemUser: string | undefined;
  /** What the operator should know. */
  readonly warning: string | undefined;
}

/**
 * Decides before anything listens. A root service runs shells as root only when told so, or, with a warning, when nobody
 * but this machine can reach it; an unprivileged service cannot run them as anybody but itself.
 *
 * @throws UsageError `RunAsUnknown`, `RunAsNotPermitted`, `RunAsRequired`
 */
export function decideRunAs(
  runAs: string | undefined,
  listeners: readonly { readonly host: string }[],
  me: SystemUser = currentUser(),
  lookup: (name: string) => SystemUser | undefined = lookupUser,
): RunAsDecision {
  if (runAs !== undefined) {
    const user = lookup(runAs);
    if (user === undefined) {
      throw new UsageError("RunAsUnknown", `run shells as ${runAs}: there is no such user`);
    }
    if (me.uid !== 0 && user.uid !== me.uid) {
      throw new UsageError(
        "RunAsNotPermitted",
        `run shells as ${runAs}: the service is not root and can run them only as ${me.name}`,
      );
    }
    return { systemUser: user.uid === me.uid ? undefined : runAs, warning: undefined };
  }
  if (me.uid !== 0) return { systemUser: undefined, warning: undefined };
  if (!listeners.every(({ host }) => isLoopback(host))) {
    throw new UsageError(
      "RunAsRequired",
      "start the service: it is root and reachable from other machines; say --run-as USER, or --run-as root",
    );
  }
  return { systemUser: undefined, warning: "shells run as root, because the service does; see --run-as" };
}

/** Whether an IP literal is this machine's own. */
export function isLoopback(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host) || host === "::1" || host === "localhost";
}
