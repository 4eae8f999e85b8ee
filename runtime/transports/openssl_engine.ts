/**
 * TLS by the system's OpenSSL. Beside what the platform's has: the older suites of TLS 1.2 (and, where asked for, older versions),
 * client certificates that a server asks for in mid-connection, and listeners without session tickets.
 * @module
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { OpensslConnection, OpensslContext } from "../../ffi/openssl/mod.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { opensslLibrary } from "../security/openssl.ts";
import { dial } from "./dial.ts";
import { incoming, outgoing } from "./openings.ts";
import { clientContext } from "./openssl_contexts.ts";
import { secured } from "./openssl_socket.ts";
import { StreamConnection } from "./stream_connection.ts";
import { listenWith, TcpSocket } from "./tcp.ts";
import type { TlsEngine } from "./tls_engine.ts";
import { clientHandshakeError, handshakeError } from "./tls_errors.ts";
import { trustOf } from "./tls_trust.ts";

/** The engine. Without OpenSSL, connections and listeners fail with `OpensslMissing`. */
export const opensslEngine: TlsEngine = {
  connect: (target, events) => {
    const trust = trustOf(target);
    const { host } = target;
    const open = async (signal: AbortSignal) => {
      const context = clientContext(target.tls, trust);
      const tcp = new TcpSocket(await dial(target, signal));
      // SNI and certificates know no dot at the end (RFC 6066 section 3).
      const peer = { host: host.replace(/\.$/, ""), isAddress: isIP(host) !== 0, anyName: trust.anyName };
      let tls: OpensslConnection;
      const start = () => tls = new OpensslConnection(context, peer);
      const socket = await secured(tcp, start, undefined, signal);
      try {
        const certificate = socket.facts.tls?.peerCertificate;
        if (certificate === undefined) {
          throw new NetworkError("TlsUntrusted", "the server has no certificate");
        }
        trust.check(certificate, () => tls.peerChain);
      } catch (error) {
        socket.close();
        throw error;
      }
      return socket;
    };
    const failed = clientHandshakeError("openssl", target.tls.legacy === true);
    return new StreamConnection(events, outgoing(target, open, failed));
  },

  listen: (address, events) =>
    listenWith(address, events, () => {
      const { certificate, key, maxVersion, askCertificate = false } = address.tls;
      const context = new OpensslContext(opensslLibrary("use TLS engine openssl"), {
        role: "server",
        minVersion: "TLSv1.2",
        maxVersion,
        certificate,
        key,
        requestCertificate: askCertificate,
      });
      const localCertificate = new Uint8Array(new X509Certificate(certificate).raw);
      return (conn, peer) => {
        const tcp = new TcpSocket(conn);
        const open = (signal: AbortSignal) =>
          secured(tcp, () => new OpensslConnection(context), localCertificate, signal);
        return incoming(peer, open, handshakeError);
      };
    }),
};
