/**
 * Which of Ansible's connection variables Drover honours, and which it names as ignored. The names are those of the
 * options of Ansible's `winrm` and `psrp` connection plugins (and of pywinrm, whose options the former passes on).
 * @module
 */

/** The field of an inventory host that a variable sets, and how its value is read. */
export type Setting =
  | "address"
  | "port"
  | "user"
  | "password"
  | "scheme"
  | "path"
  | "winrmTransport"
  | "psrpAuth"
  | "certValidation"
  | "caFile"
  | "messageEncryption"
  | "operationTimeout"
  | "readTimeout"
  | "bothTimeouts"
  | "maxEnvelopeSize"
  | "kerberosService"
  | "kerberosHostname"
  | "kerberosKeytab"
  | "kerberosRealm"
  | "kerberosDelegation"
  | "certFile"
  | "certKeyFile"
  | "certKeyPassword"
  | "fingerprint"
  | "proxy"
  | "tlsEngine"
  | "tlsLegacy";

/** Which connection plugin a variable belongs to; `common` ones are read by both. */
export type Family = "common" | "winrm" | "psrp";

/** A variable that Drover honours. */
export interface HonouredVariable {
  readonly variable: string;
  readonly family: Family;
  readonly setting: Setting;
}

const honoured: readonly (readonly [variable: string, family: Family, setting: Setting])[] = [
  ["ansible_host", "common", "address"],
  ["ansible_port", "common", "port"],
  ["ansible_user", "common", "user"],
  ["ansible_password", "common", "password"],
  ["ansible_psrp_host", "psrp", "address"],
  ["ansible_psrp_port", "psrp", "port"],
  ["ansible_psrp_user", "psrp", "user"],
  ["ansible_psrp_password", "psrp", "password"],
  ["ansible_psrp_protocol", "psrp", "scheme"],
  ["ansible_psrp_path", "psrp", "path"],
  ["ansible_psrp_auth", "psrp", "psrpAuth"],
  ["ansible_psrp_cert_validation", "psrp", "certValidation"],
  ["ansible_psrp_cert_trust_path", "psrp", "caFile"],
  ["ansible_psrp_ca_cert", "psrp", "caFile"],
  ["ansible_psrp_message_encryption", "psrp", "messageEncryption"],
  ["ansible_psrp_operation_timeout", "psrp", "operationTimeout"],
  ["ansible_psrp_read_timeout", "psrp", "readTimeout"],
  ["ansible_psrp_max_envelope_size", "psrp", "maxEnvelopeSize"],
  ["ansible_psrp_negotiate_service", "psrp", "kerberosService"],
  ["ansible_psrp_negotiate_hostname_override", "psrp", "kerberosHostname"],
  ["ansible_psrp_negotiate_delegate", "psrp", "kerberosDelegation"],
  ["ansible_winrm_service", "winrm", "kerberosService"],
  ["ansible_winrm_kerberos_hostname_override", "winrm", "kerberosHostname"],
  ["ansible_winrm_kerberos_delegation", "winrm", "kerberosDelegation"],
  ["ansible_winrm_keytab", "winrm", "kerberosKeytab"],
  ["ansible_winrm_realm", "winrm", "kerberosRealm"],
  ["ansible_psrp_certificate_pem", "psrp", "certFile"],
  ["ansible_psrp_certificate_key_pem", "psrp", "certKeyFile"],
  ["ansible_psrp_proxy", "psrp", "proxy"],
  ["ansible_winrm_cert_pem", "winrm", "certFile"],
  ["ansible_winrm_cert_key_pem", "winrm", "certKeyFile"],
  ["ansible_winrm_cert_key_password", "winrm", "certKeyPassword"],
  ["ansible_winrm_proxy", "winrm", "proxy"],
  // Drover's own.
  ["drover_fingerprint", "common", "fingerprint"],
  ["drover_kerberos_realm", "common", "kerberosRealm"],
  ["drover_tls_engine", "common", "tlsEngine"],
  ["drover_tls_legacy", "common", "tlsLegacy"],
  ["ansible_winrm_host", "winrm", "address"],
  ["ansible_winrm_port", "winrm", "port"],
  ["ansible_winrm_user", "winrm", "user"],
  // The psrp plugin reads these two as well.
  ["ansible_winrm_pass", "common", "password"],
  ["ansible_winrm_password", "common", "password"],
  ["ansible_winrm_scheme", "winrm", "scheme"],
  ["ansible_winrm_path", "winrm", "path"],
  ["ansible_winrm_transport", "winrm", "winrmTransport"],
  ["ansible_winrm_server_cert_validation", "winrm", "certValidation"],
  ["ansible_winrm_ca_trust_path", "winrm", "caFile"],
  ["ansible_winrm_message_encryption", "winrm", "messageEncryption"],
  ["ansible_winrm_operation_timeout_sec", "winrm", "operationTimeout"],
  ["ansible_winrm_read_timeout_sec", "winrm", "readTimeout"],
  ["ansible_winrm_connection_timeout", "winrm", "bothTimeouts"],
];

/** Honoured variables; of two for one setting the later in this order wins, as in Ansible's plugins. */
export const honouredVariables: readonly HonouredVariable[] = honoured.map(([variable, family, setting]) => ({
  variable,
  family,
  setting,
}));

const byName = new Map(honouredVariables.map((entry) => [entry.variable, entry]));

const kinit = "Drover logs on to Kerberos by itself";
const credssp = "how CredSSP speaks is not a setting";
const retry = "Drover does not connect again by itself";
const binding = "channel binding follows the connection, it is not a setting";

const reasons = new Map<string, string>([
  ["ansible_psrp_configuration_name", "commands run in a WinRM shell, not in a PowerShell endpoint"],
  ["ansible_psrp_connection_timeout", "connecting is bounded by --timeout"],
  ["ansible_psrp_reconnection_retries", retry],
  ["ansible_psrp_reconnection_backoff", retry],
  ["ansible_psrp_connection_backoff", retry],
  ["ansible_psrp_ignore_proxy", "proxies of the environment are not used unless --proxy-env says so"],
  ["ansible_psrp_negotiate_send_cbt", binding],
  ["ansible_winrm_send_cbt", binding],
  ["ansible_winrm_endpoint", "the endpoint is made of scheme, host, port and path"],
]);

const prefixes: readonly (readonly [prefix: string, reason: string])[] = [
  ["ansible_winrm_kerberos_", kinit],
  ["ansible_winrm_kinit_", kinit],
  ["ansible_winrm_credssp_", credssp],
  ["ansible_psrp_credssp_", credssp],
  ["ansible_psrp_negotiate_", binding],
  ["ansible_winrm_", "no option of WinRM that Drover knows"],
  ["ansible_psrp_", "no option of PSRP that Drover knows"],
  ["ansible_ssh_", "Drover does not connect over SSH"],
  ["ansible_become", "commands run as the account that logs on"],
  ["ansible_runas", "commands run as the account that logs on"],
  ["ansible_shell_", "the shell is the service's own"],
];

/**
 * Why a variable is not honoured, for a host whose variables of `families` are; `undefined` for one that is honoured or
 * that is no connection variable.
 */
export function whyIgnored(variable: string, families: ReadonlySet<Family>): string | undefined {
  const entry = byName.get(variable);
  if (entry !== undefined) {
    if (families.has(entry.family)) return undefined;
    // Account and address of a host that SSH reaches are somebody else's business, not ignored settings.
    if (families.size === 0) {
      return entry.family === "common" ? undefined : "the host is not reached over WinRM";
    }
    return `the connection is ${entry.family === "winrm" ? "psrp" : "winrm"}`;
  }
  if (!variable.startsWith("ansible_")) return undefined;
  return reasons.get(variable) ?? prefixes.find(([prefix]) => variable.startsWith(prefix))?.[1];
}
