/** Names of principals. @module */
import { GssOid, RoutineError } from "./constants.ts";
import { Handle } from "./handle.ts";
import type { GssLibrary } from "./library.ts";
import { Frame, oid } from "./memory.ts";
import { input, minor, numberIn, output, scratch } from "./registers.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Whether a name has a suffix before its realm (RFC 6806 section 5). Behind a backslash @ is a letter like any other. */
export function isEnterpriseName(text: string): boolean {
  return /(?<!\\)@.*(?<!\\)@/s.test(text);
}

/** A handle that becomes a name. */
export function nameHandle(library: GssLibrary): Handle {
  return new Handle((slot) => library.functions.gss_release_name(minor, slot));
}

/**
 * The name of a Kerberos principal, as `kinit` reads it. `HTTP/host@` leaves the realm open: libkrb5 asks the client's KDC, which
 * may refer it to another. No name is looked up in the DNS on the way. `name@suffix@REALM` is an enterprise name: the KDC
 * of REALM knows whose it is.
 *
 * @throws GssError when the text is no name of a principal
 */
export function principalName(library: GssLibrary, text: string): Handle {
  const frame = new Frame();
  const name = nameHandle(library);
  const major = library.functions.gss_import_name(
    minor,
    frame.buffer(frame.copy(encoder.encode(text))),
    oid(isEnterpriseName(text) ? GssOid.enterpriseName : GssOid.principalName),
    name.slot,
  );
  frame.end();
  library.check("gss_import_name", major, minor);
  return name;
}

/** The text of a name. */
export function displayName(library: GssLibrary, name: Deno.PointerValue): string {
  const major = library.functions.gss_display_name(minor, name, output, null);
  library.check("gss_display_name", major, minor);
  return decoder.decode(library.take(output));
}

/**
 * An attribute of a name, where somebody has signed it whom the library trusts (RFC 6680); `undefined`: the name has none such.
 *
 * @throws GssError
 */
export function authenticatedAttribute(
  library: GssLibrary,
  name: Deno.PointerValue,
  attribute: string,
): Uint8Array | undefined {
  const [authenticated, complete, displayed, more] = scratch;
  // All of the value, not the first of several.
  new Int32Array(more.buffer, more.byteOffset, 1)[0] = -1;
  const major = library.functions.gss_get_name_attribute(
    minor,
    name,
    input(encoder.encode(attribute)),
    authenticated,
    complete,
    output,
    displayed,
    more,
  );
  if ((major >>> 16 & 0xff) === RoutineError.unavailable) return undefined;
  library.check("gss_get_name_attribute", major, minor);
  library.take(displayed);
  const value = library.take(output);
  return numberIn(authenticated) === 0 ? undefined : value;
}
