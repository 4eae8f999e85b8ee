/** Whether kinit has left tickets where everybody looks for them first. @module */

/**
 * Whether the default credential cache seems to be there: a file by its path, any other kind by KRB5CCNAME. A place that only
 * krb5.conf names is not looked up.
 */
export function hasDefaultTickets(): boolean {
  const name = variable("KRB5CCNAME") ?? `/tmp/krb5cc_${Deno.uid() ?? 0}`;
  const [kind, ...rest] = name.split(":");
  if (rest.length > 0 && kind !== "FILE") return true;
  try {
    return Deno.statSync(rest.length > 0 ? rest.join(":") : name).isFile;
  } catch {
    return false;
  }
}

/** A variable of the environment, where it may be read. */
export function variable(name: string): string | undefined {
  const permitted = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  return permitted ? Deno.env.get(name) : undefined;
}
