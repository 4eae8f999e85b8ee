/** One exchange that is answered for with Digest: its request, the server's proof, and one more try with a new nonce. @module */
import type { DigestProof, DigestSession } from "../../protocol/auth/mod.ts";
import { type HttpHeaders, parseChallenges } from "../../protocol/http/mod.ts";
import { authorizedRequest } from "./client_http.ts";
import type { HostTarget } from "./target.ts";

/** See the module. */
export class DigestExchange {
  readonly #session: DigestSession;
  readonly #target: HostTarget;
  readonly #envelope: Uint8Array;
  #proof: DigestProof | undefined;
  #renewed = false;

  /** Of one envelope. */
  constructor(session: DigestSession, target: HostTarget, envelope: Uint8Array) {
    this.#session = session;
    this.#target = target;
    this.#envelope = envelope;
  }

  /** Bytes of the request. */
  write(): Uint8Array {
    const { authorization, proof } = this.#session.answer("POST", this.#target.path, this.#envelope);
    this.#proof = proof;
    return authorizedRequest(this.#target, authorization, this.#envelope);
  }

  /**
   * Whether an answer only says that the nonce is too old (RFC 7616, section 3.3): the request was not looked at, and can be written
   * once more.
   */
  renews(status: number, headers: HttpHeaders): boolean {
    if (status !== 401 || this.#renewed) return false;
    const offers = parseChallenges(headers.getAll("www-authenticate"));
    const stale = offers.some(({ scheme, parameters }) =>
      scheme.toLowerCase() === "digest" && parameters.get("stale")?.toLowerCase() === "true"
    );
    if (!stale || !this.#session.take(offers)) return false;
    this.#renewed = true;
    return true;
  }

  /** Takes what an answer says of who gave it. Throws ProtocolError `DigestServer`. */
  confirm(status: number, headers: HttpHeaders): void {
    const info = headers.get("authentication-info");
    if (info !== undefined && status < 400) this.#session.confirm(info, this.#proof!);
  }
}
