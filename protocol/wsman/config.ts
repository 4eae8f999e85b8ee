/**
 * `winrm/config` on the wire ([MS-WSMV] 2.2.4 and 4.2.1): written by our service, in the order of Windows Server 2012 and later, and
 * read by our client, from any version. No setting is a secret.
 * @module
 */
import { actions, type Envelope, ns, resources } from "../soap/mod.ts";
import { escapeText } from "../xml/mod.ts";
import type { ServiceSettings } from "./config_model.ts";
import type { RequestParts } from "./request.ts";
import { type ResponseContext, writeResponse } from "./response.ts";

/** What a service is set to. */
export interface EffectiveConfig {
  /** Its limits. */
  readonly settings: ServiceSettings;
  /** Whether it accepts clear text on plain HTTP. */
  readonly allowUnencrypted: boolean;
  /** Schemes that it offers. */
  readonly auth: readonly ("basic" | "kerberos" | "negotiate" | "certificate" | "credssp")[];
}

/** A setting, or a group of them. */
type Item = readonly [name: string, value: string | number | boolean | readonly Item[]];

/** What Windows shows where nothing is bounded: in the deprecated settings, and in those of shells. */
const noBound = 4_294_967_295;
const noShellBound = 2_147_483_647;

const defaultPorts: Item = ["DefaultPorts", [["HTTP", 5985], ["HTTPS", 5986]]];

/** What our own client does, which has no settings: the section is there for readers that expect it. */
const client: readonly Item[] = [
  ["NetworkDelayms", 5_000],
  ["URLPrefix", "wsman"],
  ["AllowUnencrypted", false],
  ["Auth", [
    ["Basic", true],
    ["Digest", true],
    ["Kerberos", true],
    ["Negotiate", true],
    ["Certificate", true],
    ["CredSSP", true],
  ]],
  defaultPorts,
  ["TrustedHosts", ""],
];

function service({ settings, allowUnencrypted, auth }: EffectiveConfig): readonly Item[] {
  return [
    ["RootSDDL", settings.RootSDDL],
    ["MaxConcurrentOperations", noBound],
    ["MaxConcurrentOperationsPerUser", settings.MaxConcurrentOperationsPerUser],
    ["EnumerationTimeoutms", settings.EnumerationTimeoutms],
    ["MaxConnections", settings.MaxConnections],
    ["MaxPacketRetrievalTimeSeconds", settings.MaxPacketRetrievalTimeSeconds],
    ["AllowUnencrypted", allowUnencrypted],
    ["Auth", [
      ["Basic", auth.includes("basic")],
      ["Kerberos", auth.includes("kerberos")],
      ["Negotiate", auth.includes("negotiate")],
      ["Certificate", auth.includes("certificate")],
      ["CredSSP", auth.includes("credssp")],
      ["CbtHardeningLevel", settings.CbtHardeningLevel],
    ]],
    defaultPorts,
    ["IPv4Filter", "*"],
    ["IPv6Filter", "*"],
    ["EnableCompatibilityHttpListener", false],
    ["EnableCompatibilityHttpsListener", false],
    ["CertificateThumbprint", ""],
    ["AllowRemoteAccess", true],
  ];
}

function winrs({ settings }: EffectiveConfig): readonly Item[] {
  return [
    ["AllowRemoteShellAccess", settings.AllowRemoteShellAccess],
    ["IdleTimeout", settings.IdleTimeout],
    ["MaxConcurrentUsers", settings.MaxConcurrentUsers],
    ["MaxShellRunTime", settings.MaxShellRunTime],
    ["MaxProcessesPerShell", settings.MaxProcessesPerShell],
    ["MaxMemoryPerShellMB", noShellBound],
    ["MaxShellsPerUser", settings.MaxShellsPerUser],
  ];
}

function whole(config: EffectiveConfig): readonly Item[] {
  const { settings } = config;
  return [
    ["MaxEnvelopeSizekb", settings.MaxEnvelopeSizekb],
    ["MaxTimeoutms", settings.MaxTimeoutms],
    ["MaxBatchItems", settings.MaxBatchItems],
    ["MaxProviderRequests", noBound],
    ["Client", client],
    ["Service", service(config)],
    ["Winrs", winrs(config)],
  ];
}

/** The parts that can be asked for, by what follows the resource URI of the whole. */
const parts: Readonly<
  Record<string, { readonly root: string; readonly items: (config: EffectiveConfig) => readonly Item[] }>
> = {
  "": { root: "Config", items: whole },
  "/client": { root: "Client", items: () => client },
  "/service": { root: "Service", items: service },
  "/winrs": { root: "Winrs", items: winrs },
};

/** The part of winrm/config that `resourceUri` names, for {@linkcode writeConfigResponse}; `undefined`: none that we have. */
export function configPart(resourceUri: string): string | undefined {
  const uri = resourceUri.toLowerCase();
  if (!uri.startsWith(resources.config)) return undefined;
  const part = uri.slice(resources.config.length);
  return Object.hasOwn(parts, part) ? part : undefined;
}

/** GetResponse with one part of winrm/config. Its elements are in the namespace of the resource. */
export function writeConfigResponse(
  context: ResponseContext,
  part: string,
  config: EffectiveConfig,
): Uint8Array {
  const { root, items } = parts[part]!;
  const body = `<cfg:${root} xmlns:cfg="${resources.config}${part}">${write(items(config))}</cfg:${root}>`;
  return writeResponse("transfer", `${actions.get}Response`, context, body);
}

function write(items: readonly Item[]): string {
  return items.map(([name, value]) =>
    `<cfg:${name}>${typeof value === "object" ? write(value) : escapeText(String(value))}</cfg:${name}>`
  ).join("");
}

/** A request without what its sender adds. */
type Request = Omit<RequestParts, "messageId" | "operationTimeoutMs">;

/** Get of the whole winrm/config. */
export function getConfig(): Request {
  return { action: actions.get, resourceUri: resources.config, body: "" };
}

/** Settings of a host that bound a client. Absent: that version of Windows does not have it, or it is no number. */
export interface HostConfig {
  /** Largest envelope, in KB of 1,024 bytes. */
  readonly MaxEnvelopeSizekb?: number;
  /** Operations that one user may have open at once. */
  readonly MaxConcurrentOperationsPerUser?: number;
  /** Requests that are processed at once, of all users. */
  readonly MaxConnections?: number;
  /** Users that may have shells at once. */
  readonly MaxConcurrentUsers?: number;
  /** Shells that one user may have. */
  readonly MaxShellsPerUser?: number;
  /** Commands that may run in one shell at once; 0: unlimited. */
  readonly MaxProcessesPerShell?: number;
  /** Milliseconds without activity after which a shell is deleted. */
  readonly IdleTimeout?: number;
}

const wanted: readonly (readonly [section: "Service" | "Winrs" | undefined, name: keyof HostConfig])[] = [
  [undefined, "MaxEnvelopeSizekb"],
  ["Service", "MaxConcurrentOperationsPerUser"],
  ["Service", "MaxConnections"],
  ["Winrs", "MaxConcurrentUsers"],
  ["Winrs", "MaxShellsPerUser"],
  ["Winrs", "MaxProcessesPerShell"],
  ["Winrs", "IdleTimeout"],
];

/** Reads an answer to {@linkcode getConfig}. What is unknown is passed over; an answer about something else says nothing. */
export function readConfig(envelope: Envelope): HostConfig {
  const config: { -readonly [name in keyof HostConfig]: number } = {};
  const root = envelope.body.child(ns.cfg, "Config");
  for (const [section, name] of wanted) {
    const place = section === undefined ? root : root?.child(ns.cfg, section);
    const text = place?.child(ns.cfg, name)?.text.trim() ?? "";
    // The largest that Windows writes is 2^32 - 1.
    if (/^\d{1,10}$/.test(text)) config[name] = Number(text);
  }
  return config;
}
