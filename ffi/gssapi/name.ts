/** Names of principals. @module */
import { GssOid } from "./constants.ts";
import { Handle } from "./handle.ts";
import type { GssLibrary } from "./library.ts";
import { Frame } from "./memory.ts";

/** A handle that becomes a name. */
export function nameHandle(library: GssLibrary): Handle {
  return new Handle((slot) => library.functions.gss_release_name(new Uint8Array(4), slot));
}

/**
 * The name of a Kerberos principal, as `kinit` reads it. `HTTP/host@` leaves the realm open: libkrb5 asks the client's KDC, which
 * may refer it to another. No name is looked up in the DNS on the way.
 *
 * @throws GssError when the text is no name of a principal
 */
export function principalName(library: GssLibrary, text: string): Handle {
  const frame = new Frame();
  const minor = frame.zeros(4);
  const name = nameHandle(library);
  const major = library.functions.gss_import_name(
    minor,
    frame.buffer(frame.copy(new TextEncoder().encode(text))),
    frame.oid(GssOid.principalName),
    name.slot,
  );
  frame.end();
  library.check("gss_import_name", major, minor);
  return name;
}

/** The text of a name. */
export function displayName(library: GssLibrary, name: Handle): string {
  const frame = new Frame();
  const minor = frame.zeros(4);
  const text = frame.buffer();
  library.check(
    "gss_display_name",
    library.functions.gss_display_name(minor, name.pointer, text, null),
    minor,
  );
  return new TextDecoder().decode(library.take(text));
}
