/** WSManFaults ([MS-WSMV] 2.2.4.43) in both directions: read into typed errors, and written for the service's answers. @module */
import { utf8 } from "../bytes.ts";
import { DroverError } from "../errors.ts";
import {
  actions,
  anonymousAddress,
  type Envelope,
  ns,
  openEnvelope,
  type QualifiedName,
  readFault,
  type SoapFault,
} from "../soap/mod.ts";
import { escapeAttribute, escapeText, type XmlElement } from "../xml/mod.ts";
import { faultCode, faultName } from "./fault_names.ts";

/** A fault that the peer reported, with everything a program may decide on. */
export class ReportedFault extends DroverError {
  /** WSManFault or Win32 code; `undefined` when the peer gave none. */
  readonly faultCode: number | undefined;
  /** The fault as it came. */
  readonly fault: SoapFault;

  /** Makes the error of `fault`. Its `code` is the symbolic name of the fault code where that is known. */
  constructor(fault: SoapFault) {
    const detail = readDetail(fault);
    const name = detail.code === undefined ? undefined : faultName(detail.code);
    const label = name ??
      (detail.code === undefined
        ? `SoapFault:${fault.subcode?.local ?? fault.code}`
        : `WSManFault:${detail.code}`);
    const said = detail.message || fault.reason || "the service gave no text";
    super("reported", label, `the service reported ${label}: ${said}`);
    this.fault = fault;
    this.faultCode = detail.code;
  }

  /** Whether this is the fault with this short name, e.g. `OPERATION_TIMEDOUT`. */
  is(shortName: string): boolean {
    return this.faultCode === faultCode(shortName);
  }

  /** Whether it says that no data came in time and the Receive or Pull is to be repeated. */
  get isOperationTimeout(): boolean {
    return this.is("OPERATION_TIMEDOUT") ||
      (this.faultCode === undefined && this.fault.subcode?.local === "TimedOut");
  }

  /** Whether it says that we may not do this. */
  get isAccessDenied(): boolean {
    return this.faultCode === 5 || this.faultCode === 2147942405 ||
      this.fault.subcode?.local === "AccessDenied";
  }

  /** Whether it says that the service knows nothing by these selectors (any more), e.g. no such shell or command. */
  get isUnknownSelectors(): boolean {
    return this.is("UNEXPECTED_SELECTORS") || this.is("INVALID_SELECTORS");
  }
}

/** The fault in `envelope` as an error, or `undefined`. */
export function reportedFault(envelope: Envelope): ReportedFault | undefined {
  const fault = readFault(envelope);
  return fault === undefined ? undefined : new ReportedFault(fault);
}

interface FaultDetail {
  readonly code: number | undefined;
  readonly message: string;
}

/** The same fault comes as f:WSManFault or as a CIM object MSFT_WmiError, whose namespaces and casing vary. */
function readDetail(fault: SoapFault): FaultDetail {
  const blocks = fault.detail?.children ?? [];
  const wsman = blocks.find((block) => block.local === "WSManFault");
  if (wsman !== undefined) {
    return { code: number(wsman.attribute("", "Code")), message: allText(wsman).trim() };
  }
  const wmi = blocks.find((block) => block.local === "MSFT_WmiError" || block.local === "OMI_Error");
  if (wmi !== undefined) {
    const text = (local: string) => wmi.children.find((child) => child.local === local)?.text.trim();
    return {
      code: number(text("error_Code")),
      message: text("error_WindowsErrorMessage") || text("Message") || "",
    };
  }
  return { code: undefined, message: "" };
}

function allText(element: XmlElement): string {
  return element.children.reduce((text, child) => text + allText(child), element.text);
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}

/** How a fault that our service reports looks: SOAP code, subcode (prefix:local) and our own words. */
interface FaultForm {
  readonly code: "Sender" | "Receiver";
  readonly subcode: string;
  readonly reason: string;
}

/** The faults that our service reports, by the short name of their WSManFault code. */
const forms = {
  RESOURCE_NOT_FOUND: {
    code: "Sender",
    subcode: "a:DestinationUnreachable",
    reason: "There is no resource with this URI and these selectors",
  },
  INVALID_MESSAGE_INFORMATION_HEADER: {
    code: "Sender",
    subcode: "a:InvalidMessageInformationHeader",
    reason: "A message header is not valid",
  },
  MESSAGE_INFORMATION_HEADER_REQUIRED: {
    code: "Sender",
    subcode: "a:MessageInformationHeaderRequired",
    reason: "A required message header (Action or MessageID) is missing",
  },
  ACTION_NOT_SUPPORTED: {
    code: "Sender",
    subcode: "a:ActionNotSupported",
    reason: "This resource does not support the action",
  },
  ENUMERATE_INVALID_ENUMERATION_CONTEXT: {
    code: "Receiver",
    subcode: "n:InvalidEnumerationContext",
    reason: "The enumeration context is unknown or has expired",
  },
  ENUMERATE_FILTER_DIALECT_REQUESTED_UNAVAILABLE: {
    code: "Sender",
    subcode: "n:FilterDialectRequestedUnavailable",
    reason: "The filter dialect is not supported",
  },
  ENUMERATE_CANNOT_PROCESS_FILTER: {
    code: "Sender",
    subcode: "n:CannotProcessFilter",
    reason: "The filter cannot be processed",
  },
  OPERATION_TIMEDOUT: {
    code: "Receiver",
    subcode: "w:TimedOut",
    reason: "The operation has no data within OperationTimeout; repeat it to go on waiting",
  },
  ENCODING_LIMIT: {
    code: "Sender",
    subcode: "w:EncodingLimit",
    reason: "An encoding limit is exceeded or MaxEnvelopeSize is below 8192",
  },
  UNSUPPORTED_ENCODING: {
    code: "Sender",
    subcode: "w:UnsupportedEncoding",
    reason: "The character encoding is not supported",
  },
  INVALID_OPTIONS: {
    code: "Sender",
    subcode: "w:InvalidOptions",
    reason: "An option is unknown and must be complied with, or its value is not valid",
  },
  INVALID_PARAMETER: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "A parameter of the operation is not valid",
  },
  INVALID_RESOURCE_URI: {
    code: "Sender",
    subcode: "w:InvalidResourceURI",
    reason: "The resource URI is missing or not valid",
  },
  INVALID_SELECTORS: {
    code: "Sender",
    subcode: "w:InvalidSelectors",
    reason: "The selectors are not valid for this resource",
  },
  UNEXPECTED_SELECTORS: {
    code: "Sender",
    subcode: "w:InvalidSelectors",
    reason: "The selectors name a shell or command that does not exist",
  },
  INVALID_TIMEOUT_HEADER: {
    code: "Sender",
    subcode: "a:InvalidMessageInformationHeader",
    reason: "OperationTimeout is not a valid duration",
  },
  QUOTA_LIMIT: { code: "Sender", subcode: "w:QuotaLimit", reason: "The service is busy with other requests" },
  QUOTA_MAX_SHELLS: {
    code: "Sender",
    subcode: "w:QuotaLimit",
    reason: "This user has as many shells as MaxShellsPerUser allows",
  },
  QUOTA_MAX_OPERATIONS: {
    code: "Receiver",
    subcode: "w:InternalError",
    reason: "This user has as many operations as MaxConcurrentOperationsPerUser allows",
  },
  QUOTA_MAX_SHELLUSERS: {
    code: "Sender",
    subcode: "w:QuotaLimit",
    reason: "As many users have shells as MaxConcurrentUsers allows",
  },
  QUOTA_MAX_COMMANDS_PER_SHELL_PPQ: {
    code: "Sender",
    subcode: "w:QuotaLimit",
    reason: "This shell has as many commands as MaxProcessesPerShell allows",
  },
  SCHEMA_VALIDATION_ERROR: {
    code: "Sender",
    subcode: "w:SchemaValidationError",
    reason: "The message does not match its schema",
  },
  INVALID_SOAP_BODY: {
    code: "Sender",
    subcode: "w:InvalidBody",
    reason: "The body of the message is not valid",
  },
  MAX_ENVELOPE_SIZE_EXCEEDED: {
    code: "Sender",
    subcode: "w:EncodingLimit",
    reason: "The message is larger than MaxEnvelopeSizekb allows",
  },
  UNSUPPORTED_FEATURE: {
    code: "Sender",
    subcode: "w:UnsupportedFeature",
    reason: "The service does not support this feature",
  },
  REMOTESHELLS_NOT_ALLOWED: {
    code: "Sender",
    subcode: "w:AccessDenied",
    reason: "AllowRemoteShellAccess is false: remote shells are refused",
  },
  ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED: {
    code: "Sender",
    subcode: "w:InvalidOptions",
    reason: "The code page of WINRS_CODEPAGE is not supported",
  },
  ERROR_WINRS_SHELL_CLIENTID_NOT_VALID: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "The ShellId that the client chose is no GUID",
  },
  ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT: {
    code: "Sender",
    subcode: "w:AlreadyExists",
    reason: "A shell with the ShellId that the client chose exists",
  },
  ERROR_WINRS_SHELLCOMMAND_CLIENTID_NOT_VALID: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "The CommandId that the client chose is no GUID",
  },
  ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT: {
    code: "Sender",
    subcode: "w:AlreadyExists",
    reason: "A command with the CommandId that the client chose exists",
  },
  ERROR_WINRS_IDLETIMEOUT_OUTOFBOUNDS: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "The idle time-out of the shell is out of bounds",
  },
  ERROR_WINRS_RECEIVE_IN_PROGRESS: {
    code: "Sender",
    subcode: "w:Concurrency",
    reason: "Another Receive for this command is under way",
  },
  SHELL_INVALID_DESIRED_STREAMS: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "A desired stream does not exist in this shell",
  },
  SHELL_INVALID_INPUT_STREAM: {
    code: "Sender",
    subcode: "w:InvalidParameter",
    reason: "The input stream does not exist in this shell",
  },
  COMMAND_TERMINATED: { code: "Receiver", subcode: "w:InternalError", reason: "The command was terminated" },
  PROVIDER_FAILURE: {
    code: "Receiver",
    subcode: "w:InternalError",
    reason: "The provider of the resource failed",
  },
} satisfies Record<string, FaultForm>;

/** Short names of the faults that our service reports. */
export type FaultShortName = keyof typeof forms;

/** Thrown inside the service to be answered as a fault; never crosses the network as an error of its own. */
export class WsmanFaultError extends DroverError {
  /** SOAP code. */
  readonly soapCode: "Sender" | "Receiver" | "MustUnderstand";
  /** Subcode as prefix:local, with the prefixes of {@link ns}. */
  readonly subcode: string | undefined;
  /** WSManFault or Win32 code. */
  readonly faultCode: number | undefined;
  /** For MustUnderstand. */
  readonly notUnderstood: readonly QualifiedName[];

  private constructor(
    label: string,
    text: string,
    form: {
      soapCode: "Sender" | "Receiver" | "MustUnderstand";
      subcode?: string;
      faultCode?: number;
      notUnderstood?: readonly QualifiedName[];
    },
    cause?: unknown,
  ) {
    super("peer", label, text, cause === undefined ? undefined : { cause });
    this.soapCode = form.soapCode;
    this.subcode = form.subcode;
    this.faultCode = form.faultCode;
    this.notUnderstood = form.notUnderstood ?? [];
  }

  /** The fault with this short name; `detail` is added to its text. */
  static of(shortName: FaultShortName, options: { detail?: string; cause?: unknown } = {}): WsmanFaultError {
    const form: FaultForm = forms[shortName];
    const text = options.detail === undefined ? form.reason : `${form.reason}: ${options.detail}`;
    return new WsmanFaultError(
      faultName(faultCode(shortName)) ?? shortName,
      text,
      { soapCode: form.code, subcode: form.subcode, faultCode: faultCode(shortName) },
      options.cause,
    );
  }

  /** A fault that carries a Win32 code or HRESULT, as shell providers report it, e.g. 2147942402 for a missing file. */
  static win32(code: number, text: string): WsmanFaultError {
    const denied = code === 5 || code === 2147942405;
    return new WsmanFaultError(faultName(code) ?? `Win32:${code}`, text, {
      soapCode: denied ? "Sender" : "Receiver",
      subcode: denied ? "w:AccessDenied" : "w:InternalError",
      faultCode: code,
    });
  }

  /**
   * The fault for headers that must be understood and are not (SOAP 1.2 part 1, section 5.4.8, which does not ask for all of
   * them): the first 16 with names of a usual length, as thousands of headers can share one namespace of any length.
   */
  static mustUnderstand(headers: readonly QualifiedName[]): WsmanFaultError {
    return new WsmanFaultError(
      "MustUnderstand",
      "The service does not understand a header that it must understand",
      {
        soapCode: "MustUnderstand",
        notUnderstood: headers.filter(({ namespace }) => namespace.length <= 1024).slice(0, 16),
      },
    );
  }
}

/** What a fault answer needs beside the fault. */
export interface FaultContext {
  /** `a:MessageID` of the answer, with its `uuid:`. */
  readonly messageId: string;
  /** `a:MessageID` of the request; left out when it could not be read. */
  readonly relatesTo: string | undefined;
  /** Machine name for the detail. */
  readonly machine: string;
}

const opening = openEnvelope("s a x e n w p");

/** Texts that quote a client are cut here: the whole of a request must not come back in a fault. */
const maxTextLength = 2048;
const unwritable = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

/** Texts of faults come from operating systems too: what XML cannot say becomes U+FFFD, so that writing never fails. */
function writable(text: string): string {
  return text.slice(0, maxTextLength).replace(unwritable, "\uFFFD");
}

/** The bytes of a fault answer; it goes out with HTTP status 500. */
export function writeFault(fault: WsmanFaultError, context: FaultContext): Uint8Array {
  const family = fault.subcode?.slice(0, 1);
  const action = family === undefined || family === "a"
    ? actions.addressingFault
    : family === "n"
    ? actions.enumerationFault
    : actions.wsmanFault;
  const notUnderstood = fault.notUnderstood.map((name) =>
    `<s:NotUnderstood qname="q:${escapeAttribute(name.local)}" xmlns:q="${
      escapeAttribute(name.namespace)
    }"></s:NotUnderstood>`
  ).join("");
  const text = escapeText(writable(fault.message));
  const subcode = fault.subcode === undefined
    ? ""
    : `<s:Subcode><s:Value>${fault.subcode}</s:Value></s:Subcode>`;
  const detail = fault.faultCode === undefined
    ? ""
    : `<s:Detail><f:WSManFault xmlns:f="${ns.f}" Code="${fault.faultCode}" Machine="${
      escapeAttribute(writable(context.machine))
    }">` +
      `<f:Message>${text}</f:Message></f:WSManFault></s:Detail>`;
  return utf8(
    `${opening}<s:Header><a:Action>${action}</a:Action><a:MessageID>${context.messageId}</a:MessageID>` +
      `<a:To>${anonymousAddress}</a:To>` +
      (context.relatesTo === undefined ? "" : `<a:RelatesTo>${escapeText(context.relatesTo)}</a:RelatesTo>`) +
      notUnderstood +
      `</s:Header><s:Body><s:Fault><s:Code><s:Value>s:${fault.soapCode}</s:Value>${subcode}</s:Code>` +
      `<s:Reason><s:Text xml:lang="en-US">${text} </s:Text></s:Reason>${detail}</s:Fault></s:Body></s:Envelope>`,
  );
}
