import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { actions, ns, readEnvelope } from "../../../protocol/soap/mod.ts";
import {
  faultCode,
  faultName,
  type FaultShortName,
  firstFaultCode,
  reportedFault,
  writeFault,
  WsmanFaultError,
} from "../../../protocol/wsman/mod.ts";

const context = { messageId: "uuid:1", relatesTo: `uuid:<2>&"`, machine: `web "01"` };

function roundTrip(fault: WsmanFaultError) {
  const envelope = readEnvelope(writeFault(fault, context));
  const reported = reportedFault(envelope);
  assert.ok(reported !== undefined);
  return { envelope, reported };
}

/** Every fault that the service reports; the compiler sees to it that none is missing. */
const all: Readonly<Record<FaultShortName, true>> = {
  RESOURCE_NOT_FOUND: true,
  PROVIDER_FAILURE: true,
  INVALID_MESSAGE_INFORMATION_HEADER: true,
  MESSAGE_INFORMATION_HEADER_REQUIRED: true,
  ACTION_NOT_SUPPORTED: true,
  ENUMERATE_FILTER_DIALECT_REQUESTED_UNAVAILABLE: true,
  ENUMERATE_CANNOT_PROCESS_FILTER: true,
  ENUMERATE_INVALID_ENUMERATION_CONTEXT: true,
  INVALID_SOAP_BODY: true,
  OPERATION_TIMEDOUT: true,
  UNSUPPORTED_ENCODING: true,
  ENCODING_LIMIT: true,
  INVALID_OPTIONS: true,
  INVALID_PARAMETER: true,
  INVALID_RESOURCE_URI: true,
  INVALID_SELECTORS: true,
  QUOTA_LIMIT: true,
  SCHEMA_VALIDATION_ERROR: true,
  UNSUPPORTED_FEATURE: true,
  UNEXPECTED_SELECTORS: true,
  MAX_ENVELOPE_SIZE_EXCEEDED: true,
  INVALID_TIMEOUT_HEADER: true,
  QUOTA_MAX_SHELLS: true,
  QUOTA_MAX_OPERATIONS: true,
  QUOTA_MAX_SHELLUSERS: true,
  QUOTA_MAX_COMMANDS_PER_SHELL_PPQ: true,
  REMOTESHELLS_NOT_ALLOWED: true,
  ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED: true,
  ERROR_WINRS_SHELL_CLIENTID_NOT_VALID: true,
  ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT: true,
  ERROR_WINRS_SHELLCOMMAND_CLIENTID_NOT_VALID: true,
  ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT: true,
  ERROR_WINRS_IDLETIMEOUT_OUTOFBOUNDS: true,
  ERROR_WINRS_RECEIVE_IN_PROGRESS: true,
  SHELL_INVALID_DESIRED_STREAMS: true,
  SHELL_INVALID_INPUT_STREAM: true,
  COMMAND_TERMINATED: true,
};

for (const shortName of Object.keys(all) as FaultShortName[]) {
  Deno.test(`the fault ${shortName} is reported to a client as itself`, () => {
    const fault = WsmanFaultError.of(shortName, { detail: `<&"> \u0007 ü` });
    const { envelope, reported } = roundTrip(fault);
    assert.equal(reported.faultCode, fault.faultCode);
    assert.ok(reported.is(shortName));
    assert.equal(reported.code, fault.code);
    assert.equal(reported.fault.code, fault.soapCode);
    const [prefix, local] = fault.subcode!.split(":");
    assert.deepEqual(reported.fault.subcode, { namespace: ns[prefix as "w"], local });
    assert.equal(reported.fault.reason, fault.message.replace("\u0007", "\uFFFD"));
    assert.equal(envelope.relatesTo, context.relatesTo);
    assert.equal(envelope.messageId, "uuid:1");
    assert.equal(
      envelope.action,
      prefix === "a"
        ? actions.addressingFault
        : prefix === "n"
        ? actions.enumerationFault
        : actions.wsmanFault,
    );
    assert.equal(envelope.body.children.length, 1);
    assert.equal(reported.isOperationTimeout, shortName === "OPERATION_TIMEDOUT");
  });
}

Deno.test("numbers that clients match on are those of Windows", () => {
  const known: Readonly<Partial<Record<FaultShortName, number>>> = {
    RESOURCE_NOT_FOUND: 2150858752,
    OPERATION_TIMEDOUT: 2150858793,
    INVALID_SELECTORS: 2150858813,
    SCHEMA_VALIDATION_ERROR: 2150858817,
    UNEXPECTED_SELECTORS: 2150858843,
    QUOTA_MAX_SHELLS: 2150859173,
    QUOTA_MAX_OPERATIONS: 2150859174,
    ACTION_NOT_SUPPORTED: 2150858771,
    INVALID_MESSAGE_INFORMATION_HEADER: 2150858767,
    ENUMERATE_CANNOT_PROCESS_FILTER: 2150858778,
  };
  for (const [name, number] of Object.entries(known)) assert.equal(faultCode(name), number, name);
  assert.equal(faultName(2150859173), "ERROR_WSMAN_QUOTA_MAX_SHELLS");
  assert.equal(faultName(5), "ERROR_ACCESS_DENIED");
  assert.equal(faultName(firstFaultCode - 1), undefined);
  assert.equal(faultName(firstFaultCode + 512), undefined);
  assert.equal(faultName(firstFaultCode + 0.5), undefined);
  assert.throws(() => faultCode("NO_SUCH_NAME"), (error) => error instanceof UsageError);
});

Deno.test("codes of the operating system keep their number, and access denied says so", () => {
  const missing = roundTrip(WsmanFaultError.win32(2147942402, "nothing\0there \uD800")).reported;
  assert.equal(missing.faultCode, 2147942402);
  assert.equal(missing.fault.code, "Receiver");
  assert.equal(missing.fault.reason, "nothing\uFFFDthere \uFFFD");
  assert.ok(!missing.isAccessDenied);
  const denied = roundTrip(WsmanFaultError.win32(5, "no")).reported;
  assert.ok(denied.isAccessDenied);
  assert.equal(denied.fault.subcode?.local, "AccessDenied");
  assert.equal(denied.code, "ERROR_ACCESS_DENIED");
  assert.equal(roundTrip(WsmanFaultError.win32(123456, "x")).reported.code, "WSManFault:123456");
});

Deno.test("a MustUnderstand fault names its headers, has no detail and the addressing action", () => {
  const names = [{ namespace: ns.w, local: "ResourceUri" }, { namespace: `urn:<&">`, local: "ä" }];
  const { envelope, reported } = roundTrip(WsmanFaultError.mustUnderstand(names));
  assert.equal(reported.fault.code, "MustUnderstand");
  assert.deepEqual(reported.fault.notUnderstood, names);
  assert.equal(reported.fault.detail, undefined);
  assert.equal(reported.faultCode, undefined);
  assert.equal(reported.code, "SoapFault:MustUnderstand");
  assert.equal(envelope.action, actions.addressingFault);
});

Deno.test("a fault for a request whose MessageID could not be read has no RelatesTo", () => {
  const bytes = writeFault(WsmanFaultError.of("SCHEMA_VALIDATION_ERROR"), {
    ...context,
    relatesTo: undefined,
  });
  assert.equal(readEnvelope(bytes).relatesTo, undefined);
});

function report(detail: string, subcode = "w:InternalError") {
  return reportedFault(readEnvelope(utf8(
    `<s:Envelope xmlns:s="${ns.s}" xmlns:w="${ns.w}"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value>` +
      `<s:Subcode><s:Value>${subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text>said</s:Text></s:Reason>` +
      `<s:Detail>${detail}</s:Detail></s:Fault></s:Body></s:Envelope>`,
  )))!;
}

Deno.test("the number is found in every form of detail", () => {
  const wsman = report(
    `<w:FaultDetail>x</w:FaultDetail><f:WSManFault xmlns:f="${ns.f}" Code=" 2150859174 " Machine="m"><f:Message>` +
      `<f:ProviderFault provider="p"><f:WSManFault Code="1"><f:Message>inner </f:Message></f:WSManFault>` +
      `</f:ProviderFault></f:Message></f:WSManFault>`,
  );
  assert.ok(wsman.is("QUOTA_MAX_OPERATIONS"));
  assert.match(wsman.message, /: inner$/);
  const wmi = report(
    `<p:MSFT_WmiError xmlns:p="urn:p"><p:error_Code>2150859173</p:error_Code><p:error_WindowsErrorMessage>` +
      `too many</p:error_WindowsErrorMessage></p:MSFT_WmiError>`,
  );
  assert.ok(wmi.is("QUOTA_MAX_SHELLS"));
  assert.match(wmi.message, /: too many$/);
  const omi = report(
    `<p:OMI_Error xmlns:p="urn:p"><p:error_Code> 5 </p:error_Code><p:Message>m</p:Message></p:OMI_Error>`,
  );
  assert.ok(omi.isAccessDenied);
  assert.match(omi.message, /: m$/);
  assert.ok(report("", "w:TimedOut").isOperationTimeout);
  assert.ok(report("", "w:AccessDenied").isAccessDenied);
  for (const code of ["", "-1", "abc", "0x5", "9".repeat(30)]) {
    const odd = report(`<f:WSManFault xmlns:f="${ns.f}" Code="${code}"/>`);
    assert.equal(odd.faultCode, undefined);
    assert.equal(odd.code, "SoapFault:InternalError");
    assert.match(odd.message, /: said$/);
  }
});
