/** MIT Kerberos through GSS-API: loaded when first used, its handles owned, what may wait off the event loop. @module */
export { GssFlag, indefinite, RoutineError } from "./constants.ts";
export { type AcceptorSpec, type ContextStep, GssContext, type InitiatorSpec } from "./context.ts";
export { Credential, type CredentialStore } from "./credential.ts";
export { GssError, GssUnavailable } from "./errors.ts";
export type { Handle } from "./handle.ts";
export { hostRealm } from "./host_realm.ts";
export { copyCache, initialTickets } from "./initial_tickets.ts";
export { GssLibrary } from "./library.ts";
export { callsUnderWay } from "./memory.ts";
export { destroyCache } from "./memory_cache.ts";
export { principalName } from "./name.ts";
export { readRealms, type Realms } from "./realms.ts";
