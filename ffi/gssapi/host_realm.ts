/** The realm of a host by krb5.conf. @module */
import { GssError } from "./errors.ts";
import type { GssLibrary } from "./library.ts";
import { Frame, pointerIn } from "./memory.ts";

/** Contexts that nobody uses at the moment: to make one is a call on another thread. They notice when krb5.conf changes. */
const idleOf = new WeakMap<GssLibrary, Deno.PointerValue[]>();
const mostIdle = 12;

/**
 * The realm that `[domain_realm]` names for `host`; empty where it names none, which leaves it to the client's KDC. The host's name
 * is taken as it is; the DNS is asked for a realm only where krb5.conf has switched that on (`dns_lookup_realm`).
 *
 * @throws GssError
 */
export async function hostRealm(library: GssLibrary, host: string): Promise<string> {
  const { functions } = library;
  const frame = new Frame();
  const realms = frame.zeros(8);
  const idle = idleOf.get(library) ?? [];
  idleOf.set(library, idle);
  const context = idle.pop() ?? await newContext(library);
  try {
    const code = await frame.whileRunning(functions.hostRealmAsync(context, frame.text(host), realms));
    if (code !== 0) throw failed("krb5_get_host_realm", code);
    const list = pointerIn(realms);
    if (list === null) return "";
    try {
      const first = Deno.UnsafePointer.create(new Deno.UnsafePointerView(list).getBigUint64());
      return first === null ? "" : new Deno.UnsafePointerView(first).getCString();
    } finally {
      functions.krb5_free_host_realm(context, list);
    }
  } finally {
    if (idle.length < mostIdle) idle.push(context);
    else functions.krb5_free_context(context);
  }
}

async function newContext(library: GssLibrary): Promise<Deno.PointerValue> {
  const frame = new Frame();
  const slot = frame.zeros(8);
  const code = await frame.whileRunning(library.functions.initKrb5Async(slot));
  if (code !== 0) throw failed("krb5_init_context", code);
  return pointerIn(slot);
}

function failed(call: string, code: number): GssError {
  return new GssError(call, 0, code >>> 0, "the configuration of Kerberos cannot be read (krb5.conf)");
}
