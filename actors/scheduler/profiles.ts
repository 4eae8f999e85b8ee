/**
 * What versions of Windows are set to as they come, where that bounds a client. Documents and versions disagree, so the values are
 * data; winrm/config of the host itself knows better wherever it may be read.
 * @module
 */
import { UsageError } from "../../protocol/errors.ts";
import type { HostConfig } from "../../protocol/wsman/mod.ts";
import type { HostLimits } from "./limits.ts";

/** Settings of one version, spelt as in winrm/config ([MS-WSMV] 2.2.4). 0 in MaxProcessesPerShell: unlimited. */
export interface WindowsProfile {
  /** Operations that one user may have open at once. */
  readonly MaxConcurrentOperationsPerUser: number;
  /** Requests that are processed at once, of all users. */
  readonly MaxConnections: number;
  /** Largest envelope, in KB of 1,024 bytes on the wire. */
  readonly MaxEnvelopeSizekb: number;
  /** Shells that one user may have. */
  readonly MaxShellsPerUser: number;
  /** Commands that may run in one shell at once. */
  readonly MaxProcessesPerShell: number;
  /** Megabytes that a shell and its processes may use together. */
  readonly MaxMemoryPerShellMB: number;
  /** Users that may have shells at once. */
  readonly MaxConcurrentUsers: number;
  /** Milliseconds without activity after which a shell is deleted. */
  readonly IdleTimeout: number;
}

/** Recorded in place of a number where nothing is bounded. */
const unbounded = 2_147_483_647;

const windows2012: WindowsProfile = {
  MaxConcurrentOperationsPerUser: 1_500,
  MaxConnections: 300,
  MaxEnvelopeSizekb: 500,
  MaxShellsPerUser: 30,
  MaxProcessesPerShell: 25,
  MaxMemoryPerShellMB: 1_024,
  MaxConcurrentUsers: 10,
  IdleTimeout: 7_200_000,
};

/** All profiles by name. */
export const windowsProfiles = {
  "winrm-2.0": {
    MaxConcurrentOperationsPerUser: 15,
    MaxConnections: 25,
    MaxEnvelopeSizekb: 150,
    MaxShellsPerUser: 5,
    MaxProcessesPerShell: 15,
    MaxMemoryPerShellMB: 150,
    MaxConcurrentUsers: 5,
    IdleTimeout: 180_000,
  },
  "windows-2012": windows2012,
  // What was recorded of it differs in the limits of shells only.
  "windows-2022": {
    ...windows2012,
    MaxShellsPerUser: unbounded,
    MaxProcessesPerShell: unbounded,
    MaxMemoryPerShellMB: unbounded,
    MaxConcurrentUsers: unbounded,
  },
} as const satisfies Record<string, WindowsProfile>;

/** Name of a profile. */
export type WindowsProfileName = keyof typeof windowsProfiles;

/**
 * Limits of one user at a host of the profile `name`.
 *
 * @throws UsageError `UnknownProfile`
 */
export function limitsOfProfile(name: string): HostLimits {
  if (!Object.hasOwn(windowsProfiles, name)) {
    const known = Object.keys(windowsProfiles).join(", ");
    throw new UsageError(
      "UnknownProfile",
      `read profile: there is no ${JSON.stringify(name)}, only ${known}`,
    );
  }
  return limitsOfSettings(windowsProfiles[name as WindowsProfileName]);
}

/**
 * Connections that a session opens at most for anything but Signal and Delete (`actors/host/session.ts`), and one for these. Where a
 * service allows more, this is what bounds a user.
 */
const sessionConnections = 33;

/** Limits that these settings, of a profile or of a host's own winrm/config, put on one user. */
export function limitsOfSettings(
  settings: Pick<
    WindowsProfile,
    | "MaxConcurrentOperationsPerUser"
    | "MaxConnections"
    | "MaxShellsPerUser"
    | "MaxProcessesPerShell"
    | "MaxConcurrentUsers"
  >,
): HostLimits {
  return {
    operations: settings.MaxConcurrentOperationsPerUser,
    connections: Math.min(settings.MaxConnections, sessionConnections),
    shells: settings.MaxShellsPerUser,
    processesPerShell: settings.MaxProcessesPerShell === 0 ? Infinity : settings.MaxProcessesPerShell,
    users: settings.MaxConcurrentUsers,
  };
}

/**
 * Limits that a host's own winrm/config puts on one user. What it does not say is as small as in any version: it may be one that
 * does not know the setting.
 */
export function limitsOfConfig(config: HostConfig): HostLimits {
  return limitsOfSettings({ ...windowsProfiles["winrm-2.0"], ...config });
}
