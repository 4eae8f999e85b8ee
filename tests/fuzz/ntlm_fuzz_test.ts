// Mutated tokens against every reader of NTLM, SPNEGO and Basic: nothing but results and typed errors may come out.
import assert from "node:assert/strict";
import { DroverError } from "../../protocol/errors.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { createNegotiateAcceptor, createNegotiateInitiator, parseBasic } from "../../protocol/auth/mod.ts";
import {
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
  parseNegotiate,
} from "../../protocol/auth/ntlm_messages.ts";
import { NtlmSession } from "../../protocol/auth/ntlm_session.ts";
import { parseSpnego } from "../../protocol/auth/spnego_tokens.ts";
import {
  acceptorOptions,
  initiatorOptions,
  logOn,
  seededBytes,
  stepNow,
  tokenOf,
} from "../helpers/auth_pair.ts";

const seed = 20_240_229;
const execs = 20_000;
const contextExecs = 2_000;

/** Every token of a dialogue. */
function tokensOf(wrap: "spnego" | "raw"): Uint8Array[] {
  const tokens: Uint8Array[] = [];
  logOn(
    createNegotiateInitiator({ ...initiatorOptions(), wrap }),
    createNegotiateAcceptor(acceptorOptions()),
    (token) => {
      tokens.push(token.slice());
      return token;
    },
  );
  return tokens;
}

/** A small random source, and the mutations that reach deepest into lengths and offsets. */
class Mutator {
  readonly #bytes: (length: number) => Uint8Array;

  constructor(seed: number) {
    this.#bytes = seededBytes(seed);
  }

  below(limit: number): number {
    const [a, b, c] = this.#bytes(3);
    return (a! << 16 | b! << 8 | c!) % limit;
  }

  mutate(original: Uint8Array): Uint8Array {
    let bytes = original.slice();
    for (let count = 1 + this.below(4); count > 0; count--) {
      const at = this.below(bytes.length + 1);
      switch (this.below(6)) {
        case 0:
          if (at < bytes.length) bytes[at]! ^= 1 << this.below(8);
          break;
        case 1:
          if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0x84, 0xff][this.below(6)]!;
          break;
        case 2:
          bytes = bytes.slice(0, at);
          break;
        case 3:
          bytes = Uint8Array.from([
            ...bytes.subarray(0, at),
            ...this.#bytes(this.below(9)),
            ...bytes.subarray(at),
          ]);
          break;
        case 4:
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + this.below(9))]);
          break;
        default:
          bytes.copyWithin(at, this.below(bytes.length + 1), this.below(bytes.length + 1));
      }
    }
    return bytes;
  }
}

/** Runs `use`; the outcome as one of few words, so that outcomes can be counted. */
function outcomeOf(use: () => unknown): string {
  try {
    use();
    return "accepted";
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    assert.match(error.message, /^[a-zA-Z ]+: /);
    return `${error.code} ${error.message.replace(/\d+|0x[0-9a-f]+/g, "n")}`;
  }
}

function report(count: number, since: number, states: ReadonlySet<string>): void {
  const seconds = (performance.now() - since) / 1_000;
  console.log(`FUZZ name=ntlm execs_per_s=${Math.round(count / seconds)} states=${states.size}`);
}

Deno.test("mutated tokens give results or typed errors in every reader", () => {
  const mutator = new Mutator(seed);
  const corpus = [...tokensOf("raw"), ...tokensOf("spnego")];
  const blob = parseAuthenticate(tokensOf("raw")[2]!).ntResponse.subarray(16);
  const sealed = new NtlmSession(new Uint8Array(16), "client").seal(new Uint8Array(40));
  corpus.push(blob, sealed);
  const readers: Record<string, (bytes: Uint8Array) => unknown> = {
    negotiate: parseNegotiate,
    challenge: parseChallenge,
    authenticate: parseAuthenticate,
    blob: parseClientBlob,
    spnego: parseSpnego,
    sealed: (bytes) => new NtlmSession(new Uint8Array(16), "server").unseal(bytes),
    basic: (bytes) => parseBasic(bytes.toBase64()),
    basicText: (bytes) => parseBasic(new TextDecoder("latin1").decode(bytes)),
  };
  const entries = Object.entries(readers);
  const states = new Set<string>();
  const since = performance.now();
  for (let i = 0; i < execs; i++) {
    const bytes = mutator.mutate(corpus[mutator.below(corpus.length)]!);
    const [name, read] = entries[i % entries.length]!;
    states.add(`${name} ${outcomeOf(() => read(bytes))}`);
  }
  report(execs, since, states);
  assert.ok(states.size > 30, `only ${states.size} different outcomes were reached`);
});

Deno.test("a dialogue with one mutated token ends in a typed failure, or well with nothing changed", () => {
  const mutator = new Mutator(seed + 1);
  const states = new Set<string>();
  const since = performance.now();
  for (let i = 0; i < contextExecs; i++) {
    const wrap = i % 2 === 0 ? "spnego" : "raw";
    const client = createNegotiateInitiator({ ...initiatorOptions(), wrap });
    const server = createNegotiateAcceptor(acceptorOptions());
    const target = mutator.below(wrap === "spnego" ? 4 : 3);
    let changed = false;
    const outcome = outcomeOf(() =>
      logOn(client, server, (token, leg) => {
        if (leg !== target) return token;
        const mutated = mutator.mutate(token);
        changed = mutated.toHex() !== token.toHex();
        return mutated;
      })
    );
    states.add(`${target} ${outcome}`);
    if (changed && target < 3) assertNotFooled(outcome, server, wrap);
  }
  report(contextExecs, since, states);
});

/**
 * The service accepts a changed token only where the change carries no meaning (bytes that no field covers and that the
 * SPNEGO frame adds), and then the account is the right one all the same.
 */
function assertNotFooled(outcome: string, server: SecurityContext, wrap: string): void {
  if (outcome !== "accepted") return;
  assert.equal(server.principal, "DOM\\alice");
  assert.equal(wrap, "spnego", "a change to a bare NTLM message went unnoticed");
}

Deno.test("random bytes never log on and never break a context", () => {
  const random = seededBytes(seed + 2);
  for (let length = 0; length < 400; length++) {
    const server = createNegotiateAcceptor(acceptorOptions());
    const first = stepNow(server, random(length));
    assert.equal(first.kind, "failed");
    const client = createNegotiateInitiator(initiatorOptions());
    tokenOf(stepNow(client));
    assert.equal(stepNow(client, random(length)).kind, "failed");
  }
});
