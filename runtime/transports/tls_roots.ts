/** The certificate authorities that this machine trusts, the same for every engine. @module */
import tls from "node:tls";

let roots: readonly string[] | undefined;
let trusted = false;

/** PEM of each: the platform's own and the operating system's. Read once for the process. */
export function systemRoots(): readonly string[] {
  return roots ??= [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])];
}

/** Has the platform's engine trust {@link systemRoots}, once for the process. */
export function trustSystemRoots(): void {
  if (trusted) return;
  trusted = true;
  // Node 22.19 has it and so does the platform; its type definitions lag behind.
  (tls as typeof tls & { setDefaultCACertificates(roots: readonly string[]): void })
    .setDefaultCACertificates(systemRoots());
}
