/** WS-Management: headers, faults, requests and answers. @module */
export { getOperatingSystem, readLastBootUpTime } from "./boot_time.ts";
export {
  configPart,
  type EffectiveConfig,
  getConfig,
  type HostConfig,
  readConfig,
  writeConfigResponse,
} from "./config.ts";
export { enumerate, type EnumerationPage, pull, readEnumeration } from "./enumeration.ts";
export {
  type FaultContext,
  type FaultShortName,
  ReportedFault,
  reportedFault,
  writeFault,
  WsmanFaultError,
} from "./fault.ts";
export { faultCode, faultName, firstFaultCode } from "./fault_names.ts";
export { readRequestHeaders, type RequestHeaders, type WsmanOption } from "./headers.ts";
export { type OperatingSystem, readOperatingSystem } from "./operating_system.ts";
export { type EndpointHeaders, type RequestParts, RequestWriter } from "./request.ts";
export {
  closeResponse,
  openResponse,
  type ResponseContext,
  type ResponseShape,
  writeResponse,
} from "./response.ts";
export { readSettings, type SettingTree, type SettingValue } from "./settings.ts";
