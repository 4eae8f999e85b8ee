/** OpenSSL 3: TLS without sockets. @module */
export { OpensslConnection, type OpensslPeerName } from "./connection.ts";
export { OpensslContext, type OpensslOptions, type OpensslVersion } from "./context.ts";
export { OpensslError, OpensslExcess, OpensslUnavailable, OpensslUntrusted } from "./errors.ts";
export { OpensslLibrary } from "./library.ts";
export { OpensslTrustStore } from "./trust_store.ts";
