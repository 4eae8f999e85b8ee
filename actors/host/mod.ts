/** The client's actors: fleet, hosts, sessions, shells, commands, jobs. @module */
export type { CommandEnd, CommandMessage, CommandReport, CommandSpec, CommandTimes } from "./command.ts";
export {
  type HostError,
  type HostResult,
  type HostStatus,
  hostStatuses,
  type OutputEvent,
  type ProgressEvent,
  type ResultEvent,
  type RunEvent,
  type RunSink,
} from "./events.ts";
export { fleet, type FleetLimits, type FleetMessage, type HostCircuit } from "./fleet.ts";
export { fleetPicture, type HostPicture, quietHost } from "./fleet_picture.ts";
export type { Dialogue, DialogueStep, InquireMessage, InquiryOutcome, Question } from "./inquiry.ts";
export { job, type JobMessage, type JobSpec } from "./job.ts";
export type { LeaseMessage, LeaseReport, LeaseSpec } from "./lease.ts";
export { limitsWatcher } from "./limits_watcher.ts";
export { describeLogon, type LogonUsed } from "./logon.ts";
export { ping, type PingResult } from "./ping.ts";
export { bootTimeQuestion, sweepQuestion, type Swept } from "./questions.ts";
export { type RebootMessage, type RebootResult, type RebootSpec, rebootWait } from "./reboot.ts";
export { shellName } from "./shell_names.ts";
export type { Authentication, HostTarget, InitiatorFactory } from "./target.ts";
