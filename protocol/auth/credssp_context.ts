/** What both sides of CredSSP share: the inner dialogue's protection of single values, and messages as TLS records. @module */
import { concat } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityContext, TlsSession } from "../ports.ts";
import {
  credsspVersion,
  encodeTsRequest,
  maxTsRequestLength,
  parseTsRequest,
  safeCredsspVersion,
  type TsRequest,
} from "./credssp_tokens.ts";
import { StepFrame } from "./step_frame.ts";

/** What both sides are made with. */
export interface CredSspOptions {
  /** TLS inside of HTTP, in the same role, with 1.2 at most: there the side that speaks first after the handshake is the client. */
  readonly tls: TlsSession;
  /** The dialogue inside of TLS: SPNEGO, in the same role. Must seal. */
  readonly inner: SecurityContext;
  /** Lowest version of the peer; default 5, since before it the proof of the key can be relayed (CVE-2018-0886). */
  readonly minVersion?: 2 | 3 | 4 | 5 | 6;
}

/** Bytes of plaintext that are sealed at once: what fits into a TLS record. */
export const credsspPiece = 16_384;

/** Where the signature of a sealed value ends: at least so many bytes, in all inner mechanisms. */
const leastSignature = 16;

/** A side of the dialogue. */
export abstract class CredSspContext extends StepFrame implements SecurityContext {
  readonly mechanism = "CredSSP";
  protected readonly tls: TlsSession;
  protected readonly inner: SecurityContext;
  readonly #minVersion: number;
  #peerVersion: number | undefined;

  constructor({ tls, inner, minVersion }: CredSspOptions) {
    super();
    this.tls = tls;
    this.inner = inner;
    this.#minVersion = minVersion ?? safeCredsspVersion;
  }

  get principal(): string | undefined {
    return this.established ? this.inner.principal : undefined;
  }

  get fallback(): string | undefined {
    return this.inner.fallback;
  }

  seal(plaintext: Uint8Array): Uint8Array {
    this.assertEstablished("seal message");
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, this.tls.trailerLength, true);
    return concat([length, this.tls.encrypt(plaintext)]);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    this.assertEstablished("unseal message");
    if (sealed.length < 4) throw new ProtocolError("SealMalformed", "unseal message: its length is missing");
    return this.tls.decrypt(sealed.subarray(4));
  }

  protected wipe(): void {
    this.inner.dispose();
    this.tls.dispose();
  }

  /** Version that both speak, once the peer has spoken. */
  protected get version(): number {
    return Math.min(credsspVersion, this.#peerVersion ?? credsspVersion);
  }

  /** A message on its way into TLS. */
  protected write(request: Omit<TsRequest, "version">): Uint8Array {
    return this.tls.encrypt(encodeTsRequest({ version: credsspVersion, ...request }));
  }

  /** A message of the peer. Throws `ProtocolError`, and `DeniedError` for one that refuses. */
  protected read(token: Uint8Array): TsRequest {
    if (token.length > 2 * maxTsRequestLength) {
      throw new ProtocolError("CredSspMalformed", "read CredSSP message: it is too long");
    }
    const request = parseTsRequest(this.tls.decrypt(token));
    if (request.version < this.#minVersion) {
      throw new DeniedError(
        "CredSspVersion",
        `negotiate CredSSP: the peer speaks version ${request.version}, at least ${this.#minVersion} is wanted: before version ` +
          `${safeCredsspVersion} credentials can be stolen on the way (CVE-2018-0886); update the peer`,
      );
    }
    if (this.#peerVersion !== undefined && this.#peerVersion !== request.version) {
      throw new ProtocolError("CredSspVersion", "negotiate CredSSP: the peer changed its version in between");
    }
    this.#peerVersion = request.version;
    if (request.errorCode !== undefined && request.errorCode !== 0) {
      throw new DeniedError(
        "CredSspRefused",
        `log on with CredSSP: the service refused it (NTSTATUS 0x${
          request.errorCode.toString(16).padStart(8, "0")
        })`,
      );
    }
    return request;
  }

  /** A value as the inner dialogue seals it, without the length that stands before it in HTTP. */
  protected wrap(value: Uint8Array): Uint8Array {
    return this.inner.seal(value).subarray(4);
  }

  /** Throws `ProtocolError` when it was changed. */
  protected unwrap(sealed: Uint8Array): Uint8Array {
    return this.inner.unseal(concat([Uint8Array.of(leastSignature, 0, 0, 0), sealed]));
  }
}

/** The error of a message that lacks what its turn asks for. */
export function credsspOutOfOrder(why: string): ProtocolError {
  return new ProtocolError("CredSspOutOfOrder", `negotiate CredSSP: ${why}`);
}
