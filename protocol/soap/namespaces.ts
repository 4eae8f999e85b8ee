/** Namespaces, actions and well-known URIs of WS-Management. @module */

/** Namespaces by the prefix that Windows uses for them on the wire. */
export const ns = {
  /** SOAP 1.2 envelope. */
  s: "http://www.w3.org/2003/05/soap-envelope",
  /** WS-Addressing, August 2004. */
  a: "http://schemas.xmlsoap.org/ws/2004/08/addressing",
  /** WS-Transfer. */
  x: "http://schemas.xmlsoap.org/ws/2004/09/transfer",
  /** WS-Enumeration. */
  n: "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
  /** WS-Eventing. */
  e: "http://schemas.xmlsoap.org/ws/2004/08/eventing",
  /** WS-Management of the DMTF. */
  w: "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
  /** WS-Management of Microsoft ([MS-WSMV]). */
  p: "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
  /** Windows shells ([MS-WSMV] 2.2.4.37 and following). */
  rsp: "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
  /** WSManFault ([MS-WSMV] 2.2.4.43). */
  f: "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
  /** Configuration of WinRM ([MS-WSMV] 2.2.4, winrm/config); also the resource. */
  cfg: "http://schemas.microsoft.com/wbem/wsman/1/config",
  /** Identify (DSP0226 section 11). */
  wsmid: "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
  /** What our own service adds for our own client; others pass it over. */
  d: "urn:drover:wsman:1",
  /** XML's own. */
  xml: "http://www.w3.org/XML/1998/namespace",
  /** Schema instance, for `xsi:nil` and `xsi:type`. */
  xsi: "http://www.w3.org/2001/XMLSchema-instance",
} as const;

/** Address of whoever sent the request (WS-Addressing). */
export const anonymousAddress = `${ns.a}/role/anonymous`;

/** Action URIs. */
export const actions = {
  create: `${ns.x}/Create`,
  get: `${ns.x}/Get`,
  put: `${ns.x}/Put`,
  delete: `${ns.x}/Delete`,
  enumerate: `${ns.n}/Enumerate`,
  pull: `${ns.n}/Pull`,
  release: `${ns.n}/Release`,
  command: `${ns.rsp}/Command`,
  send: `${ns.rsp}/Send`,
  receive: `${ns.rsp}/Receive`,
  signal: `${ns.rsp}/Signal`,
  connect: `${ns.rsp}/Connect`,
  disconnect: `${ns.rsp}/Disconnect`,
  reconnect: `${ns.rsp}/Reconnect`,
  wsmanFault: "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
  addressingFault: `${ns.a}/fault`,
  enumerationFault: `${ns.n}/fault`,
} as const;

/** Resource URIs of shells, and of what our client asks besides. */
export const resources = {
  /** All shells, for Enumerate and Get. */
  shell: ns.rsp,
  /** The command shell (winrs). */
  cmd: `${ns.rsp}/cmd`,
  /** Commands of one shell, for Enumerate. */
  command: `${ns.rsp}/Command`,
  /** Settings of the service (winrm/config). */
  config: ns.cfg,
  /** The one instance of this class says when the system was started. */
  operatingSystem: "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem",
  /** Prefix of all PowerShell session configurations. */
  powershellPrefix: "http://schemas.microsoft.com/powershell/",
} as const;
