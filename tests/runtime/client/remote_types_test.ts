/**
 * What scripts are told of the API's documents is what the daemon's schemas say. The proof is in the types, which `deno task ok` checks;
 * the test holds that scripts load none of the schemas.
 */
import assert from "node:assert/strict";
import type { z } from "@hono/zod-openapi";
import type {
  EventPlace,
  HostDocument,
  JobChange,
  JobDocument,
  JobFilter,
  JobHostDocument,
  JobHostEvent,
  JobHostFilter,
  JobRequestBody,
  PingDocument,
} from "../../../runtime/client/remote/documents.ts";
import type { RetryOptions } from "../../../mod.ts";
import type { hostSchema, pingSchema } from "../../../runtime/daemon/schemas/host.ts";
import type {
  eventSchema,
  jobHostListQuery,
  jobHostSchema,
  jobListQuery,
  jobRequestSchema,
  jobSchema,
  retrySchema,
} from "../../../runtime/daemon/schemas/job.ts";

/** Only `true` is a proof. */
type Proof<T extends true> = T;
/** What the daemon sends is what is promised. */
type Gives<Schema extends z.ZodType, Promised> = z.output<Schema> extends Promised ? true : false;
/** What is sent is what the daemon takes. */
type Takes<Schema extends z.ZodType, Sent> = Sent extends z.input<Schema> ? true : false;
/** No field is left out. */
type Whole<Schema extends z.ZodType, Promised, Left extends string = never> =
  Exclude<keyof z.input<Schema>, Left> extends keyof Promised ? true : false;
type Every<T> = T extends unknown ? keyof T : never;

export type Proofs = [
  Proof<Gives<typeof jobSchema, JobDocument>>,
  Proof<Whole<typeof jobSchema, JobDocument>>,
  Proof<Gives<typeof jobHostSchema, JobHostDocument>>,
  Proof<Whole<typeof jobHostSchema, JobHostDocument>>,
  Proof<Gives<typeof hostSchema, HostDocument>>,
  Proof<Gives<typeof pingSchema, PingDocument>>,
  Proof<Takes<typeof jobRequestSchema, Sendable<JobRequestBody>>>,
  Proof<Whole<typeof jobRequestSchema, JobRequestBody>>,
  Proof<Takes<typeof retrySchema, Writable<Omit<RetryOptions, "idempotencyKey">>>>,
  Proof<Takes<typeof jobListQuery, JobFilter>>,
  Proof<Whole<typeof jobListQuery, JobFilter, "limit" | "cursor">>,
  Proof<Takes<typeof jobHostListQuery, JobHostFilter>>,
  Proof<Whole<typeof jobHostListQuery, JobHostFilter, "limit" | "cursor">>,
  // Bytes come as text or base64, at an offset.
  Proof<
    Exclude<keyof z.input<typeof eventSchema>, "base64" | "offset"> extends
      Every<JobHostEvent | JobChange> | keyof EventPlace ? true : false
  >,
];

/** Schemas say nothing of `readonly`. */
type Writable<T> = T extends readonly (infer Item)[] ? Item[]
  : T extends object ? { -readonly [Name in keyof T]: Writable<T[Name]> }
  : T;
/** JSON leaves out what is undefined. */
type Sendable<T> = Writable<T>;

Deno.test("a script that imports mod.ts loads neither schemas nor the server of the API", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL("../../../mod.ts", import.meta.url).pathname],
  }).output();
  assert.ok(success);
  const { modules, roots } = JSON.parse(new TextDecoder().decode(stdout)) as {
    readonly roots: readonly [string];
    readonly modules: readonly {
      readonly specifier: string;
      readonly dependencies?: readonly { readonly code?: { readonly specifier: string } }[];
    }[];
  };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>(roots);
  for (const specifier of loaded) {
    for (const { code } of known.get(specifier)?.dependencies ?? []) {
      if (code !== undefined) loaded.add(code.specifier);
    }
  }
  const names = [...loaded];
  assert.ok(names.some((name) => name.endsWith("/runtime/client/remote/remote_fleet.ts")));
  assert.deepEqual(names.filter((name) => /zod|hono|\/runtime\/(daemon|store)\//.test(name)), []);
});
