/** Credentials: what a principal proves itself with. @module */
import { CredentialUsage, GssOid, indefinite } from "./constants.ts";
import { Handle } from "./handle.ts";
import type { GssLibrary } from "./library.ts";
import { Frame, type Native, oid, pointerIn, u32Of } from "./memory.ts";
import { displayName, nameHandle, principalName } from "./name.ts";
import { minor as callMinor } from "./registers.ts";

/** Where a credential's keys and tickets are: names of MIT's credential store extensions, e.g. `ccache`, `client_keytab`, `keytab`. */
export type CredentialStore = Readonly<Record<string, string>>;

/** A credential, and whose it is. */
export class Credential implements Disposable {
  /** The native handle. */
  readonly handle: Handle;
  /** `name@REALM`; of an acceptor that takes every key of its keytab: empty. */
  readonly principal: string;
  /** Seconds that it was good for when it was got; Infinity: it does not end. */
  readonly lifetimeSeconds: number;

  private constructor(handle: Handle, principal: string, lifetimeSeconds: number) {
    this.handle = handle;
    this.principal = principal;
    this.lifetimeSeconds = lifetimeSeconds;
  }

  /**
   * Takes a credential from a store: for an initiator a `ccache`, or a `client_keytab` with the `ccache` that takes its tickets; for
   * an acceptor a `keytab`. Without `principal` the store decides.
   *
   * @throws GssError
   */
  static async fromStore(
    library: GssLibrary,
    usage: "initiate" | "accept",
    store: CredentialStore,
    principal?: string,
  ): Promise<Credential> {
    using name = principal === undefined ? nameHandle(library) : principalName(library, principal);
    const frame = new Frame();
    const minor = frame.zeros(4);
    const handle = credentialHandle(library);
    frame.hold([name, handle]);
    const { pointer } = name;
    await name.during(() =>
      library.async("gss_acquire_cred_from", frame, minor, (functions) =>
        functions.acquireFromAsync(
          minor,
          pointer,
          0,
          frame.oidSet(GssOid.krb5),
          CredentialUsage[usage],
          frame.keyValues(store),
          handle.slot,
          null,
          null,
        ))
    );
    return usage === "accept"
      ? new Credential(handle, "", Infinity)
      : await Credential.#inquired(library, handle);
  }

  /** Takes over what the library wrote to `slot`, which is empty then; `undefined`: it was before. */
  static received(library: GssLibrary, slot: Native): Credential | undefined {
    if (pointerIn(slot) === null) return undefined;
    const handle = credentialHandle(library);
    handle.slot.set(slot);
    slot.fill(0);
    return new Credential(handle, "", Infinity);
  }

  /**
   * Copies the tickets into another store. Of a cache in memory, `MEMORY:name`, credentials can be taken by {@link Credential.fromStore}
   * until it is destroyed.
   *
   * @throws GssError
   */
  copyTo(library: GssLibrary, store: CredentialStore): void {
    const frame = new Frame();
    const minor = frame.zeros(4);
    const major = library.functions.gss_store_cred_into(
      minor,
      this.handle.pointer,
      CredentialUsage.initiate,
      oid(GssOid.krb5),
      1,
      0,
      frame.keyValues(store),
      null,
      null,
    );
    frame.end();
    library.check("gss_store_cred_into", major, minor);
  }

  /** Asks for name and lifetime; the library logs on now, where it has put that off. */
  static async #inquired(library: GssLibrary, handle: Handle): Promise<Credential> {
    try {
      const frame = new Frame();
      const minor = frame.zeros(4);
      using name = nameHandle(library);
      const lifetime = frame.zeros(4);
      frame.hold([name, handle]);
      const { pointer } = handle;
      await handle.during(() =>
        library.async(
          "gss_inquire_cred",
          frame,
          minor,
          (functions) => functions.inquireCredentialAsync(minor, pointer, name.slot, lifetime, null, null),
        )
      );
      const seconds = u32Of(lifetime);
      return new Credential(
        handle,
        displayName(library, name.pointer),
        seconds === indefinite ? Infinity : seconds,
      );
    } catch (error) {
      handle[Symbol.dispose]();
      throw error;
    }
  }

  /** Gives the credential back. Contexts that were made with it live on. */
  [Symbol.dispose](): void {
    this.handle[Symbol.dispose]();
  }
}

function credentialHandle(library: GssLibrary): Handle {
  return new Handle((slot) => library.functions.gss_release_cred(callMinor, slot));
}
