/** Numbers and object identifiers of GSS-API (RFC 2744, RFC 4121, and MIT's gssapi_ext.h). @module */

/** Flags of a context (req_flags, ret_flags). */
export const GssFlag = {
  delegate: 0x1,
  mutual: 0x2,
  replay: 0x4,
  sequence: 0x8,
  confidentiality: 0x10,
  integrity: 0x20,
  /** The initiator sent channel bindings, and they were those of the acceptor (GSS_C_CHANNEL_BOUND_FLAG). */
  channelBound: 0x800,
} as const;

/** Usage of a credential. */
export const CredentialUsage = { initiate: 1, accept: 2 } as const;

/** Types of the buffers of an IOV call. */
export const IovType = { data: 1, header: 2, padding: 9, stream: 10 } as const;

/** Content bytes of object identifiers. */
export const GssOid = {
  /** 1.2.840.113554.1.2.2, Kerberos 5 */
  krb5: new Uint8Array([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]),
  /** 1.2.840.113554.1.2.2.1, GSS_KRB5_NT_PRINCIPAL_NAME */
  principalName: new Uint8Array([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01]),
  /** 1.2.840.113554.1.2.2.6, GSS_KRB5_NT_ENTERPRISE_NAME */
  enterpriseName: new Uint8Array([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x06]),
} as const;

/** Routine errors, as they stand in bits 16 to 23 of a major status (RFC 2744 section 3.9.1). */
export const RoutineError = {
  badBindings: 4,
  badMic: 6,
  noCredential: 7,
  defectiveToken: 9,
  credentialsExpired: 11,
  contextExpired: 12,
  failure: 13,
  unavailable: 16,
} as const;

/** GSS_S_CONTINUE_NEEDED. */
export const continueNeeded = 0x1;

/** Supplementary bits that say that a message came twice, too late, or not in its turn. */
export const outOfSequence = 0x2 | 0x4 | 0x8 | 0x10;

/** GSS_C_INDEFINITE. */
export const indefinite = 0xffff_ffff;
