/** SOAP 1.2 with WS-Addressing: envelopes, faults, Identify. @module */
export { type Envelope, EnvelopeReader, openEnvelope, readEnvelope } from "./envelope.ts";
export { type QualifiedName, qualifiedName, readFault, type SoapFault } from "./fault.ts";
export {
  type Identity,
  isIdentify,
  readIdentifyResponse,
  writeIdentify,
  writeIdentifyResponse,
} from "./identify.ts";
export { actions, anonymousAddress, ns, resources } from "./namespaces.ts";
