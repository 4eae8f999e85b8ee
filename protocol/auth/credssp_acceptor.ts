/** The server's side of CredSSP ([MS-CSSP] 3.1.5): it proves its key, and gets the client's credentials. @module */
import { DeniedError, UsageError } from "../errors.ts";
import { CredSspContext, credsspOutOfOrder } from "./credssp_context.ts";
import {
  incrementedKey,
  keyHash,
  parseCredentials,
  type PasswordCredentials,
  safeCredsspVersion,
  subjectPublicKeyOf,
  type TsRequest,
} from "./credssp_tokens.ts";
import { sameSecret } from "./ntlm_crypto.ts";
import type { Done } from "./step_frame.ts";

type State = "handshake" | "negotiating" | "checkingKey" | "awaitingCredentials" | "over";

/** See the module. */
export class CredSspAcceptor extends CredSspContext {
  #state: State = "handshake";
  #delegated: PasswordCredentials | undefined;

  /** What the client handed over; until {@link CredSspAcceptor.dispose}. */
  get delegated(): PasswordCredentials | undefined {
    return this.#delegated;
  }

  protected override wipe(): void {
    this.#delegated = undefined;
    super.wipe();
  }

  protected take(token: Uint8Array | undefined, end: Done): void {
    // What the inner dialogue would have the client told is no message of CredSSP.
    const done: Done = (outcome) =>
      end(outcome.kind === "failed" ? { kind: "failed", error: outcome.error } : outcome);
    const state = this.#state;
    this.#state = "over";
    if (token === undefined) throw credsspOutOfOrder("the client sent no token");
    switch (state) {
      case "handshake": {
        const { output, done: stands } = this.tls.handshake(token);
        if (output.length === 0) throw credsspOutOfOrder("the client's TLS message is cut");
        this.#state = stands ? "negotiating" : "handshake";
        return done({ kind: "continue", token: output });
      }
      case "negotiating":
        return this.#negotiate(this.read(token), done);
      case "checkingKey":
        return this.#checkKey(this.read(token), undefined, done);
      case "awaitingCredentials":
        return this.#takeCredentials(this.read(token), done);
      case "over":
        throw new UsageError("ContextOver", "step dialogue: it is over");
    }
  }

  #negotiate(request: TsRequest, done: Done): void {
    if (request.negoToken === undefined) throw credsspOutOfOrder("the client's message has no token");
    this.advance(this.inner, request.negoToken, done, (outcome) => {
      if (outcome.kind === "done" && request.pubKeyAuth !== undefined) {
        return this.#checkKey(request, outcome.token, done);
      }
      if (outcome.token === undefined) throw credsspOutOfOrder("the client does not check the server's key");
      this.#state = outcome.kind === "done" ? "checkingKey" : "negotiating";
      done({ kind: "continue", token: this.write({ negoToken: outcome.token }) });
    });
  }

  #checkKey(request: TsRequest, negoToken: Uint8Array | undefined, done: Done): void {
    const { pubKeyAuth, clientNonce } = request;
    if (pubKeyAuth === undefined) throw credsspOutOfOrder("the client does not check the server's key");
    const key = subjectPublicKeyOf(this.tls.serverKey);
    const hashed = this.version >= safeCredsspVersion;
    if (hashed && clientNonce === undefined) throw credsspOutOfOrder("the client sent no nonce");
    const expected = hashed ? keyHash("Client-To-Server", clientNonce!, key) : key;
    if (!sameSecret(this.unwrap(pubKeyAuth), expected)) {
      throw new DeniedError(
        "CredSspKey",
        "check the key that the client saw: it is another one, somebody is in between",
      );
    }
    this.#state = "awaitingCredentials";
    const proof = hashed ? keyHash("Server-To-Client", clientNonce!, key) : incrementedKey(key);
    done({ kind: "continue", token: this.write({ negoToken, pubKeyAuth: this.wrap(proof) }) });
  }

  #takeCredentials(request: TsRequest, done: Done): void {
    if (request.authInfo === undefined) throw credsspOutOfOrder("the client sent no credentials");
    const plain = this.unwrap(request.authInfo);
    this.#delegated = parseCredentials(plain);
    plain.fill(0);
    done({ kind: "done" });
  }
}
