/** OpenSSL 3: TLS without sockets. @module */
export { OpensslConnection, OpensslContext, type OpensslOptions } from "./connection.ts";
export { OpensslError, OpensslUnavailable } from "./errors.ts";
export { OpensslLibrary } from "./library.ts";
