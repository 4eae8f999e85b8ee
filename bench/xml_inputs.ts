/** Documents for the XML benchmark, made here: the shapes that WinRM services send, without a byte of anyone's recording. @module */

const envelope = 'xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" ' +
  'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" ' +
  'xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell" ' +
  'xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" ' +
  'xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"';

const header = (action: string): string =>
  `<s:Header><a:Action>${action}</a:Action><a:MessageID>uuid:1F2E3D4C-0001-4002-8003-00000000A001</a:MessageID>` +
  "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>" +
  "<a:RelatesTo>uuid:9a8b7c6d-0001-4002-8003-00000000b002</a:RelatesTo></s:Header>";

const document = (action: string, body: string): Uint8Array =>
  new TextEncoder().encode(`<s:Envelope ${envelope}>${header(action)}<s:Body>${body}</s:Body></s:Envelope>`);

const shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const command = "5D4C3B2A-0001-4002-8003-00000000C003";

/** `count` ReceiveResponses with 32 KB of base64 each. */
export function receive(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, number) => {
    const bytes = new Uint8Array(24576);
    let state = number + 1;
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      bytes[i] = state >>> 24;
    }
    return document(
      `${shell}/ReceiveResponse`,
      `<rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="${command}">${bytes.toBase64()}</rsp:Stream>` +
        `<rsp:CommandState CommandId="${command}" State="${shell}/CommandState/Running"></rsp:CommandState></rsp:ReceiveResponse>`,
    );
  });
}

/** One PullResponse with `count` instances of Win32_Service. `wide` puts text outside of ASCII into every instance. */
export function enumerate(count: number, wide = false): Uint8Array {
  const uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_Service";
  const nil = (name: string): string => `<p:${name} xsi:nil="true"/>`;
  const value = (name: string, text: string | number | boolean): string => `<p:${name}>${text}</p:${name}>`;
  const items = Array.from({ length: count }, (_, i) => {
    const name = `Service${i}`;
    const caption = wide
      ? `Dienst Nr. ${i} für Geräte`
      : i % 25 === 0
      ? `Search &amp; Index ${i}`
      : `Sample Service ${i}`;
    return `<p:Win32_Service xmlns:p="${uri}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
      'xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:Win32_Service_Type" xml:lang="en-US">' +
      value("AcceptPause", i % 3 === 0) + value("AcceptStop", i % 2 === 0) + value("Caption", caption) +
      value("CheckPoint", 0) + value("CreationClassName", "Win32_Service") +
      value("DelayedAutoStart", false) +
      value(
        "Description",
        `${caption} keeps the records of subsystem ${i} and answers requests of local programs.`,
      ) +
      value("DesktopInteract", false) + value("DisplayName", caption) + value("ErrorControl", "Normal") +
      value("ExitCode", i % 7 === 0 ? 1077 : 0) + nil("InstallDate") + value("Name", name) +
      value("PathName", `C:\\Windows\\system32\\svchost.exe -k ${name}Group -p`) +
      value("ProcessId", 400 + i * 4) +
      value("ServiceSpecificExitCode", 0) + value("ServiceType", "Share Process") +
      value("Started", i % 2 === 0) +
      value("StartMode", i % 2 === 0 ? "Auto" : "Manual") + value("StartName", "NT AUTHORITY\\LocalService") +
      value("State", i % 2 === 0 ? "Running" : "Stopped") + value("Status", "OK") +
      value("SystemCreationClassName", "Win32_ComputerSystem") + value("SystemName", "HOST01") +
      value("TagId", 0) +
      value("WaitHint", 0) + "</p:Win32_Service>";
  });
  return document(
    "http://schemas.xmlsoap.org/ws/2004/09/enumeration/PullResponse",
    `<n:PullResponse><n:Items>${items.join("")}</n:Items><n:EndOfSequence/></n:PullResponse>`,
  );
}

/** A CommandResponse. */
export function small(): Uint8Array {
  return document(
    `${shell}/CommandResponse`,
    `<rsp:CommandResponse><rsp:CommandId>${command}</rsp:CommandId></rsp:CommandResponse>`,
  );
}

/** The bytes in pieces of `size`. */
export function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
