/**
 * Names of our shells: `drover-OWNER-JOB`. The owner is one life of one process: what it leaves behind when it dies can be told
 * from the shells of others, which are never touched.
 * @module
 */

/** Name of a shell. `owner` and `job` have no `-`. */
export function shellName(owner: string, job: string): string {
  return `drover-${owner}-${job}`;
}

/** Whether a shell with this name was made by `owner`. */
export function isShellOf(name: string | undefined, owner: string): boolean {
  return owner !== "" && name !== undefined && name.startsWith(shellName(owner, ""));
}
