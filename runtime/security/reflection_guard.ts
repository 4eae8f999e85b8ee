/** The one guard of this process against its own NTLM challenges coming back. @module */
import { ReflectionGuard } from "../../protocol/auth/mod.ts";

/** Shared by every service and every client of this process: a challenge of ours is never answered by us. */
export const reflectionGuard: ReflectionGuard = new ReflectionGuard();
