/** Logons with the certificate of a TLS client (DSP0226 section 5.4, profile `https/mutual`). @module */

/** `Authorization` of a request that is to be answered for by the certificate of its connection. */
export const certificateAuthorization = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";
