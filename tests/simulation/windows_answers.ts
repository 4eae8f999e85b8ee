/** What a Windows-shaped far end says when it is asked for its settings, its boot time and its shells. @module */
import type { WindowsProfile } from "./windows_profile.ts";

const rsp = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

/** winrm/config, as far as anybody reads it. WinRM 2.0 has no MaxConcurrentUsers worth reading. */
export function configBody(profile: WindowsProfile): string {
  const { old, maxOperations, maxShells, maxProcesses } = profile;
  const users = old ? "" : "<cfg:MaxConcurrentUsers>10</cfg:MaxConcurrentUsers>";
  return '<cfg:Config xmlns:cfg="http://schemas.microsoft.com/wbem/wsman/1/config" xml:lang="en-US">' +
    `<cfg:MaxEnvelopeSizekb>${
      old ? 150 : 500
    }</cfg:MaxEnvelopeSizekb><cfg:MaxTimeoutms>60000</cfg:MaxTimeoutms>` +
    "<cfg:Client><cfg:NetworkDelayms>5000</cfg:NetworkDelayms></cfg:Client><cfg:Service>" +
    "<cfg:MaxConcurrentOperations>4294967295</cfg:MaxConcurrentOperations>" +
    `<cfg:MaxConcurrentOperationsPerUser>${maxOperations}</cfg:MaxConcurrentOperationsPerUser>` +
    `<cfg:MaxConnections>${old ? 25 : 300}</cfg:MaxConnections></cfg:Service><cfg:Winrs>` +
    `<cfg:AllowRemoteShellAccess>true</cfg:AllowRemoteShellAccess>${users}` +
    `<cfg:MaxProcessesPerShell>${maxProcesses}</cfg:MaxProcessesPerShell>` +
    `<cfg:MaxShellsPerUser>${maxShells}</cfg:MaxShellsPerUser></cfg:Winrs></cfg:Config>`;
}

/** The one Win32_OperatingSystem; `bootTime` in milliseconds since 1970. */
export function operatingSystemBody(bootTime: number): string {
  const uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem";
  return `<p:Win32_OperatingSystem xmlns:p="${uri}" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common">` +
    `<p:LastBootUpTime><cim:Datetime>${new Date(bootTime).toISOString()}</cim:Datetime></p:LastBootUpTime>` +
    "</p:Win32_OperatingSystem>";
}

/** One shell of an enumeration. */
export function shellItem(id: string, name: string, user: string): string {
  return `<rsp:Shell xmlns:rsp="${rsp}"><rsp:ShellId>${id}</rsp:ShellId><rsp:Name>${name}</rsp:Name>` +
    `<rsp:ResourceUri>${rsp}/cmd</rsp:ResourceUri><rsp:Owner>SIM\\${user}</rsp:Owner></rsp:Shell>`;
}
