/** Logons of simulated machines: the product's own NTLM on both sides, with every sealed plaintext shown to the witness. @module */
import type { ConnectionFacts, RandomSource, SecurityProvider } from "../../actors/ports.ts";
import { administrators } from "../../protocol/access/mod.ts";
import { createNegotiateAcceptor, createNegotiateInitiator, ntHash } from "../../protocol/auth/mod.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { Secret } from "../../protocol/secret.ts";
import type { Observer } from "./observer.ts";
import type { Machine } from "./world.ts";

/** Accounts of every machine. */
export const users: readonly string[] = ["anna", "ben"];
/** Their password. */
export const password = new Secret("Simulated-Pa55");
/** Not their password. */
export const wrongPassword = new Secret("not it");
const hash = ntHash(password);

/** A context that shows what it seals. */
class Witnessed implements SecurityContext {
  readonly #inner: SecurityContext;
  readonly #sealed: (plaintext: Uint8Array) => void;

  constructor(inner: SecurityContext, sealed: (plaintext: Uint8Array) => void) {
    this.#inner = inner;
    this.#sealed = sealed;
  }

  get established(): boolean {
    return this.#inner.established;
  }

  get principal(): string | undefined {
    return this.#inner.principal;
  }

  get mechanism(): SecurityContext["mechanism"] {
    return this.#inner.mechanism;
  }

  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    this.#inner.step(token, done);
  }

  seal(plaintext: Uint8Array): Uint8Array {
    this.#sealed(plaintext);
    return this.#inner.seal(plaintext);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return this.#inner.unseal(sealed);
  }

  dispose(): void {
    this.#inner.dispose();
  }
}

/** A far end's side of one logon. */
export function acceptor(machine: Machine, observer: Observer, clientPort: number): SecurityContext {
  const inner = createNegotiateAcceptor({
    ntHash: (name) => users.includes(name.toLowerCase()) ? hash : undefined,
    computerName: "SIM",
    domainName: "SIM",
    random: (length) => machine.random.bytes(length),
    now: () => machine.clock.now(),
  });
  return new Witnessed(inner, (plaintext) => observer.sealed("server", clientPort, plaintext));
}

/** Logons of our own service on `machine`. */
export function security(machine: Machine, observer: Observer): SecurityProvider {
  const token = { sids: new Set([administrators]), denyOnly: new Set<string>() };
  const account = (name: string) => ({ name, systemUser: undefined, token });
  return {
    acceptNegotiate: (facts) => acceptor(machine, observer, facts.remotePort),
    account: (context) => account(nameOf(context)),
    checkPassword: (username, given, _facts, done) => {
      const right = users.includes(username) && given.reveal() === password.reveal();
      done(right ? { kind: "account", account: account(username) } : { kind: "denied", reason: "wrong" });
      return () => {};
    },
  };
}

/** The account of an established context. */
export function nameOf(context: SecurityContext): string {
  const principal = context.principal ?? "";
  return principal.slice(principal.lastIndexOf("\\") + 1).toLowerCase();
}

/** The client's side of one logon. */
export function initiator(
  observer: Observer,
  options: {
    readonly user: string;
    readonly wrong: boolean;
    readonly wrap: "raw" | "spnego";
    readonly host: string;
  },
): (facts: ConnectionFacts, random: RandomSource, wallNow: () => number) => SecurityContext {
  return (facts, random, wallNow) =>
    new Witnessed(
      createNegotiateInitiator({
        credential: {
          username: options.user,
          domain: "",
          password: options.wrong ? wrongPassword : password,
        },
        targetName: `HTTP/${options.host}`,
        random: (length) => random.bytes(length),
        now: wallNow,
        wrap: options.wrap,
      }),
      (plaintext) => observer.sealed("client", facts.localPort, plaintext),
    );
}
