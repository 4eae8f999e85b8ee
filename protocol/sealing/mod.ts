/** Sealed bodies: joining a security context with the parts of `multipart/encrypted` ([MS-WSMV] 2.2.9.1). @module */
export { sealedProtocol, type SealingScheme } from "./scheme.ts";
export { SealedMessages, sealMessage, unsealPart } from "./sealed_part.ts";
