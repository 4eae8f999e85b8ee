/** Authentication: Basic, and NTLMv2 bare or inside SPNEGO, behind `SecurityContext`. @module */
export { basicAuthorization, parseBasic } from "./basic.ts";
export { certificateAuthorization } from "./certificate.ts";
export { CredSspAcceptor } from "./credssp_acceptor.ts";
export { type CredSspOptions, credsspPiece } from "./credssp_context.ts";
export { CredSspInitiator, type CredSspInitiatorOptions } from "./credssp_initiator.ts";
export type { PasswordCredentials } from "./credssp_tokens.ts";
export { type DigestAnswer, type DigestOptions, type DigestProof, DigestSession } from "./digest.ts";
export { type NtlmCredential, splitUserName } from "./credential.ts";
export { ntHash } from "./ntlm_crypto.ts";
export { createNtlmInitiator, type NtlmInitiatorOptions } from "./ntlm_initiator.ts";
export { createNtlmAcceptor, type NtlmAcceptorContext, type NtlmAcceptorOptions } from "./ntlm_acceptor.ts";
export {
  createNegotiateInitiator,
  createSpnegoInitiator,
  type NegotiateInitiatorOptions,
} from "./negotiate_initiator.ts";
export { createNegotiateAcceptor, createSpnegoAcceptor } from "./negotiate_acceptor.ts";
export {
  isKerberosToken,
  kerberosMessage,
  kerberosOids,
  type KerberosRefusal,
  readKerberosError,
} from "./kerberos_token.ts";
export type { Mechanism, MechanismOffer } from "./mechanism.ts";
export type { LogonAttempt, LogonGate } from "./logon_gate.ts";
export { ntlmChoice, type NtlmChoiceOptions, ntlmOffer } from "./ntlm_mechanism.ts";
export { ReflectionGuard } from "./reflection_guard.ts";
export type { NtlmPolicy } from "./ntlm_verify.ts";
