/**
 * Drover: run things on many Windows (and other) machines through WinRM.
 *
 * ```ts
 * import { Fleet } from "./mod.ts";
 *
 * await using fleet = new Fleet({ inventory: "hosts.yml", throttle: 64 });
 * for await (const event of fleet.run("hostname", { hosts: "web*", timeout: 30_000 })) {
 *   if (event.type === "output") console.log(event.host, event.data.text());
 *   if (event.type === "result") console.log(event.host, event.status, event.exitCode);
 * }
 * ```
 * @module
 */
export { Fleet, type FleetOptions, FleetRun, type RunOptions } from "./runtime/client/fleet.ts";
export type {
  AnyFleet,
  AnyRun,
  CommonRunOptions,
  FleetEvent,
  FleetOutput,
  GapEvent,
  HostSummary,
  PingAnswer,
} from "./runtime/client/any_fleet.ts";
export { type OutputRange, RemoteFleet } from "./runtime/client/remote/remote_fleet.ts";
export type { RemoteFleetOptions } from "./runtime/client/remote/connection.ts";
export type {
  EventPlace,
  JobChange,
  JobDocument,
  JobEvent,
  JobFilter,
  JobHostDocument,
  JobHostEvent,
  JobHostFilter,
  JobTerms,
  RemoteRunOptions,
  RetryOptions,
  SubmitOptions,
} from "./runtime/client/remote/documents.ts";
export type { FollowOptions } from "./runtime/client/remote/follow.ts";
export { RemoteRun } from "./runtime/client/remote/remote_run.ts";
export {
  FleetHost,
  type OpenShellOptions,
  type RebootOptions,
  type ShellOptions,
} from "./runtime/client/fleet_host.ts";
export type { SweepReport } from "./runtime/client/sweeper.ts";
export { OutputBytes } from "./runtime/client/output_bytes.ts";
export { Shell, type ShellRunOptions, type ShellRunResult } from "./runtime/client/shell.ts";
export type { AuthKind, KerberosOptions } from "./runtime/client/authentication.ts";
export type { ProxyOptions } from "./actors/ports.ts";
export { type ClientCertificate, readClientCertificate } from "./runtime/security/client_identity.ts";
export type { ConnectionOptions } from "./runtime/client/targets.ts";
export type {
  HostError,
  HostResult,
  HostStatus,
  LogonUsed,
  ProgressEvent,
  ResultEvent,
} from "./actors/host/mod.ts";
export type { JobHostState, JobState, RollingTerms } from "./actors/daemon/job_types.ts";
export type { Priority } from "./actors/scheduler/mod.ts";
export type { CrashReport } from "./actors/kernel/crash_report.ts";
export type { ActorLine, SnapshotOptions, SnapshotTotals, SystemSnapshot } from "./actors/kernel/snapshot.ts";
export type {
  Connection,
  ConnectionEvents,
  ConnectionFacts,
  Connector,
  ConnectTarget,
  TlsClientOptions,
  TlsEngineName,
  TlsFacts,
  TlsIdentity,
} from "./actors/ports.ts";
export {
  type Blame,
  DeniedError,
  DroverError,
  NetworkError,
  ProtocolError,
  UsageError,
} from "./protocol/errors.ts";
export { Secret } from "./protocol/secret.ts";
export type {
  IgnoredVariable,
  Inventory,
  InventoryAuth,
  InventoryConnection,
  InventoryHost,
} from "./runtime/inventory/mod.ts";
