/** Durable jobs: what the store keeps of them, and the actors that run them. @module */
export {
  type DurableHost,
  durableJob,
  type DurableJobEnd,
  type DurableJobMessage,
  type DurableJobSpec,
  type WishMessage,
} from "./durable_job.ts";
export { type JobStore, StoreError, type StoreErrorCode, type StoreRecord } from "./job_store.ts";
export { batchSize, Rolling } from "./rolling.ts";
