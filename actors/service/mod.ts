/** The WinRM service as actors: listeners, connections, dispatcher, shells. @module */
export type { ServiceAuth, ServiceEvent, ServiceOptions } from "./options.ts";
export { serviceRoot } from "./root.ts";
