/** Permits: who may do how much at once, on which host, for which job. @module */
export type { CrowdedMessage } from "./crowding.ts";
export { conservativeLimits, type HostLimits, quotaOf } from "./limits.ts";
export {
  limitsOfConfig,
  limitsOfProfile,
  limitsOfSettings,
  type WindowsProfile,
  type WindowsProfileName,
  windowsProfiles,
} from "./profiles.ts";
export type { Priority } from "./round.ts";
export {
  type PermitCost,
  type PermitGrant,
  type PermitRequest,
  Scheduler,
  type SchedulerInfo,
  type SchedulerOptions,
} from "./scheduler.ts";
export {
  type PermitOwner,
  scheduler,
  type SchedulerActorOptions,
  type SchedulerMessage,
} from "./scheduler_actor.ts";
