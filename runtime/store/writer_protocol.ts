/** Messages between the store and its writer's thread. @module */
import type { Batch } from "./batch.ts";
import type { RetentionStep } from "./retention.ts";
import type { RetentionTerms } from "./types.ts";
import type { ErrorNote, RowOutcome, WriterState } from "./writer.ts";

/** To the writer; each has one answer, in order. */
export type WriterRequest =
  | { readonly kind: "open"; readonly path: string }
  /** `epoch`: how many refusals the sender knew of; see {@link WriterAnswer}. */
  | { readonly kind: "batch"; readonly epoch: number; readonly batch: Batch }
  | { readonly kind: "retain"; readonly terms: RetentionTerms }
  | { readonly kind: "close" };

/**
 * From the writer. After a batch failed, all those that were sent before the sender knew are refused too: what is kept never
 * has a hole that nobody knew of.
 */
export type WriterAnswer =
  | { readonly kind: "opened" | "closed"; readonly state: WriterState }
  | { readonly kind: "written"; readonly outcomes: readonly RowOutcome[]; readonly state: WriterState }
  | { readonly kind: "retained"; readonly step: RetentionStep; readonly state: WriterState }
  | { readonly kind: "failed"; readonly error: ErrorNote };
