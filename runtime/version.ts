/** Version of Drover, the same as in `deno.json`. @module */

/** Semantic version. */
export const version = "0.1.0";
