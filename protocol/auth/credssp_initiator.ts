/** The client's side of CredSSP ([MS-CSSP] 3.1.5): its credentials leave only for a server that has proved its key. @module */
import { DeniedError, UsageError } from "../errors.ts";
import { CredSspContext, type CredSspOptions, credsspOutOfOrder } from "./credssp_context.ts";
import {
  encodeCredentials,
  incrementedKey,
  keyHash,
  nonceLength,
  type PasswordCredentials,
  safeCredsspVersion,
  subjectPublicKeyOf,
  type TsRequest,
} from "./credssp_tokens.ts";
import { sameSecret } from "./ntlm_crypto.ts";
import type { Done } from "./step_frame.ts";

/** A logon that hands its credentials over. */
export interface CredSspInitiatorOptions extends CredSspOptions {
  /** What the server gets. */
  readonly credentials: PasswordCredentials;
  /** Random bytes. */
  readonly random: (length: number) => Uint8Array;
}

type State = "handshake" | "negotiating" | "provingKey" | "over";

/** See the module. */
export class CredSspInitiator extends CredSspContext {
  readonly #credentials: PasswordCredentials;
  readonly #nonce: Uint8Array;
  #state: State = "handshake";

  /** Nothing is sent before the first step. */
  constructor(options: CredSspInitiatorOptions) {
    super(options);
    this.#credentials = options.credentials;
    this.#nonce = options.random(nonceLength);
  }

  protected take(token: Uint8Array | undefined, done: Done): void {
    const state = this.#state;
    this.#state = "over";
    switch (state) {
      case "handshake":
        return this.#handshake(token, done);
      case "negotiating":
        return this.#negotiate(this.#expect(token), done);
      case "provingKey":
        return this.#delegate(this.#expect(token), done);
      case "over":
        throw new UsageError("ContextOver", "step dialogue: it is over");
    }
  }

  #expect(token: Uint8Array | undefined): TsRequest {
    if (token === undefined) throw credsspOutOfOrder("the server sent no token");
    return this.read(token);
  }

  #handshake(token: Uint8Array | undefined, done: Done): void {
    const { output, done: stands } = this.tls.handshake(token ?? new Uint8Array(0));
    if (!stands) {
      if (output.length === 0) throw credsspOutOfOrder("the server's TLS message is cut");
      this.#state = "handshake";
      return done({ kind: "continue", token: output });
    }
    if (output.length > 0) throw credsspOutOfOrder("the TLS handshake ended with our own message");
    this.advance(this.inner, undefined, done, (outcome) => {
      if (outcome.kind === "done" || outcome.token === undefined) {
        throw credsspOutOfOrder("the inner dialogue ended with its first token");
      }
      this.#state = "negotiating";
      done({ kind: "continue", token: this.write({ negoToken: outcome.token }) });
    });
  }

  #negotiate(answer: TsRequest, done: Done): void {
    if (answer.negoToken === undefined) throw credsspOutOfOrder("the server's answer has no token");
    this.advance(this.inner, answer.negoToken, done, (outcome) => {
      if (outcome.kind === "continue") {
        this.#state = "negotiating";
        return done({ kind: "continue", token: this.write({ negoToken: outcome.token }) });
      }
      this.#state = "provingKey";
      const hashed = this.version >= safeCredsspVersion;
      const proof = hashed ? keyHash("Client-To-Server", this.#nonce, this.#key) : this.#key;
      done({
        kind: "continue",
        token: this.write({
          negoToken: outcome.token,
          pubKeyAuth: this.wrap(proof),
          ...(hashed ? { clientNonce: this.#nonce } : {}),
        }),
      });
    });
  }

  #delegate(answer: TsRequest, done: Done): void {
    if (answer.pubKeyAuth === undefined) throw credsspOutOfOrder("the server does not prove its key");
    const expected = this.version >= safeCredsspVersion
      ? keyHash("Server-To-Client", this.#nonce, this.#key)
      : incrementedKey(this.#key);
    if (!sameSecret(this.unwrap(answer.pubKeyAuth), expected)) {
      throw new DeniedError(
        "CredSspKey",
        "check the server's key: the server that logged us on is not the one at the end of TLS, somebody is in between; no " +
          "credentials were sent",
      );
    }
    const plain = encodeCredentials(this.#credentials);
    const authInfo = this.wrap(plain);
    plain.fill(0);
    done({ kind: "done", token: this.write({ authInfo }) });
  }

  get #key(): Uint8Array {
    return subjectPublicKeyOf(this.tls.serverKey);
  }
}
