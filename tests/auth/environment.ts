/**
 * What the tests of Kerberos need: MIT's library and KDC, Samba's, Apache, and a Python virtual environment with clients that speak it.
 * `tests/setup_debian.sh` installs the first; the last is made once, below `build/interop`.
 * @module
 */
import { fileURLToPath } from "node:url";
import { pythonEnvironment } from "../interop/environment.ts";
import { domainControllerPresent } from "./active_directory.ts";
import { apachePresent } from "./apache.ts";
import { fakeClockLibrary } from "./fake_clock.ts";
import { kdcPresent } from "./kdc.ts";

/** What there is. */
export interface KerberosEnvironment {
  /** The virtual environment's `python`. */
  readonly python: string | undefined;
  /** Whether anything can be tested. */
  readonly usable: boolean;
  /** One sentence for each thing that is missing. */
  readonly missing: readonly string[];
}

const requirements = fileURLToPath(new URL("peers/requirements.txt", import.meta.url));

/** Prepares the peers, or finds them prepared. Never throws for what cannot be had. */
export async function kerberosEnvironment(): Promise<KerberosEnvironment> {
  const missing: string[] = [];
  if (!kdcPresent) {
    missing.push("a KDC: run tests/setup_debian.sh as root (Debian: krb5-kdc, krb5-admin-server, krb5-user)");
  }
  if (!apachePresent) missing.push("Apache with GSSAPI: run tests/setup_debian.sh as root");
  if (!domainControllerPresent) {
    missing.push("a domain controller: run tests/setup_debian.sh as root (Debian: samba-ad-dc)");
  }
  if (fakeClockLibrary === undefined) {
    missing.push("a false clock: run tests/setup_debian.sh as root (Debian: libfaketime)");
  }
  if (!kdcPresent) return { python: undefined, usable: false, missing };
  try {
    // Two of the packages are C that Cython wrote: built without optimising it takes a minute less.
    const python = await pythonEnvironment("venv-kerberos", requirements, { CFLAGS: "-O0 -g0" });
    return { python, usable: true, missing };
  } catch (error) {
    missing.push(
      `pyspnego and pykerberos (Debian: gcc, libkrb5-dev, python3-dev): ${
        error instanceof Error ? error.message : error
      }`,
    );
    return { python: undefined, usable: true, missing };
  }
}
