/**
 * Tickets for a password, straight into a cache of libkrb5. GSS-API's own way has two faults: it gives no leave to put another name
 * in place of an enterprise name (RFC 6806 section 5), which is how a KDC says whose it is; and in a copy of its tickets it is
 * forgotten how far our clock is from the KDC's.
 * @module
 */
import type { GssLibrary } from "./library.ts";
import { Frame, type Native, pointerIn } from "./memory.ts";
import { isEnterpriseName } from "./name.ts";

/** KRB5_PRINCIPAL_PARSE_ENTERPRISE. */
const parseEnterprise = 4;
/** Bytes of a krb5_creds and more. */
const credsSize = 256;
/** GSS_S_FAILURE: the reason is in the minor status. */
const failure = 13 << 16;

/**
 * Logs on with a password: the KDC is asked, once, and its ticket goes to `cache`, e.g. `MEMORY:name`. `name` is a principal, or
 * `name@suffix@REALM`.
 *
 * @throws GssError
 */
export async function initialTickets(
  library: GssLibrary,
  name: string,
  password: Uint8Array,
  cache: string,
): Promise<void> {
  const { functions } = library;
  const frame = new Frame();
  const minor = frame.zeros(4);
  const check = (call: string, code: number) => library.check(call, noted(minor, code), minor);
  const slot = () => frame.zeros(8);
  const [contextSlot, nameSlot, optionsSlot, cacheSlot] = [slot(), slot(), slot(), slot()];
  check("krb5_init_context", functions.krb5_init_context(contextSlot));
  const context = pointerIn(contextSlot);
  const secret: Native = frame.hold(new Uint8Array(password.length + 1));
  secret.set(password);
  const creds = frame.zeros(credsSize);
  try {
    const enterprise = isEnterpriseName(name);
    const flags = enterprise ? parseEnterprise : 0;
    check("krb5_parse_name", functions.krb5_parse_name_flags(context, frame.text(name), flags, nameSlot));
    check("krb5_get_init_creds_opt_alloc", functions.krb5_get_init_creds_opt_alloc(context, optionsSlot));
    check("krb5_cc_resolve", functions.krb5_cc_resolve(context, frame.text(cache), cacheSlot));
    const [client, options, out] = [nameSlot, optionsSlot, cacheSlot].map(pointerIn);
    if (enterprise) functions.krb5_get_init_creds_opt_set_canonicalize(options!, 1);
    functions.krb5_get_init_creds_opt_set_out_ccache(context, options!, out!);
    await library.async(
      "krb5_get_init_creds_password",
      frame,
      minor,
      async ({ getInitCredsAsync }) =>
        noted(minor, await getInitCredsAsync(context, creds, client!, secret, null, null, 0, null, options!)),
    );
  } finally {
    secret.fill(0);
    const [client, options, out] = [nameSlot, optionsSlot, cacheSlot].map(pointerIn);
    functions.krb5_free_cred_contents(context, creds);
    if (out) functions.krb5_cc_close(context, out);
    if (options) functions.krb5_get_init_creds_opt_free(context, options);
    if (client) functions.krb5_free_principal(context, client);
    functions.krb5_free_context(context);
    frame.end();
  }
}

/**
 * Makes a cache in memory with the tickets of another one, and what is known of the KDC's clock.
 *
 * @throws GssError
 */
export function copyCache(library: GssLibrary, from: string, to: string): void {
  const { functions } = library;
  const frame = new Frame();
  const minor = frame.zeros(4);
  const check = (call: string, code: number) => library.check(call, noted(minor, code), minor);
  const slot = () => frame.zeros(8);
  const [contextSlot, fromSlot, toSlot, clientSlot] = [slot(), slot(), slot(), slot()];
  check("krb5_init_context", functions.krb5_init_context(contextSlot));
  const context = pointerIn(contextSlot);
  try {
    // The context learns the clock from the one, and the other learns it from the context.
    check("krb5_cc_resolve", functions.krb5_cc_resolve(context, frame.text(from), fromSlot));
    const source = pointerIn(fromSlot);
    check("krb5_cc_get_principal", functions.krb5_cc_get_principal(context, source, clientSlot));
    check("krb5_cc_resolve", functions.krb5_cc_resolve(context, frame.text(to), toSlot));
    const target = pointerIn(toSlot);
    check("krb5_cc_initialize", functions.krb5_cc_initialize(context, target, pointerIn(clientSlot)));
    check("krb5_cc_copy_creds", functions.krb5_cc_copy_creds(context, source, target));
  } finally {
    const [source, target, client] = [fromSlot, toSlot, clientSlot].map(pointerIn);
    if (client) functions.krb5_free_principal(context, client);
    if (target) functions.krb5_cc_close(context, target);
    if (source) functions.krb5_cc_close(context, source);
    functions.krb5_free_context(context);
    frame.end();
  }
}

/** Writes an error of libkrb5 where GSS-API has its minor status; the major status that belongs to it. */
function noted(minor: Native, code: number): number {
  new DataView(minor.buffer, minor.byteOffset).setInt32(0, code, true);
  return code === 0 ? 0 : failure;
}
