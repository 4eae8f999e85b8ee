// SPNEGO with a mechanism that takes its time beside NTLM: choosing, falling back, and noticing who meddles with the choice.
import assert from "node:assert/strict";
import {
  createSpnegoAcceptor,
  createSpnegoInitiator,
  kerberosOids,
  type Mechanism,
  type MechanismOffer,
  ntlmChoice,
  ntlmOffer,
} from "../../../protocol/auth/mod.ts";
import {
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  NegState,
  Oid,
  parseSpnego,
} from "../../../protocol/auth/spnego_tokens.ts";
import { DeniedError, type DroverError, ProtocolError } from "../../../protocol/errors.ts";
import type { SecurityContext, SecurityStep } from "../../../protocol/ports.ts";
import { acceptorOptions, initiatorOptions } from "../../helpers/auth_pair.ts";

const [oid, oidOfWindows] = kerberosOids as [Uint8Array, Uint8Array];
const bytes = (text: string) => new TextEncoder().encode(text);

/** A mechanism of one round trip whose steps end later, as those of Kerberos do. */
class Slow implements Mechanism {
  readonly mechanism = "Kerberos";
  readonly principal = "alice@REALM";
  readonly alwaysSigns = false;
  established = false;
  disposed = false;
  readonly #replies: readonly SecurityStep[];
  #at = 0;

  constructor(replies: readonly SecurityStep[]) {
    this.#replies = replies;
  }

  step(_token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    const reply = this.#replies[this.#at++]!;
    queueMicrotask(() => {
      if (reply.kind === "done") this.established = true;
      done(reply);
    });
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return plaintext;
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return sealed;
  }

  signList(list: Uint8Array): Uint8Array {
    return bytes(`mic of ${list.toHex()}`);
  }

  verifyList(list: Uint8Array, mic: Uint8Array): void {
    if (new TextDecoder().decode(mic) !== `mic of ${list.toHex()}`) {
      throw new ProtocolError("SealBroken", "wrong");
    }
  }

  dispose(): void {
    this.disposed = true;
  }
}

function slow(
  replies: readonly SecurityStep[],
  extra: Partial<MechanismOffer> = {},
): MechanismOffer & { made: Slow[] } {
  const made: Slow[] = [];
  const create = () => {
    const mechanism = new Slow(replies);
    made.push(mechanism);
    return mechanism;
  };
  return { oids: kerberosOids, create, isBare: (token) => token[0] === 0x62, made, ...extra };
}

const asClient: readonly SecurityStep[] = [{ kind: "continue", token: bytes("request") }, { kind: "done" }];
const asServer: readonly SecurityStep[] = [{ kind: "done", token: bytes("reply") }];

function step(context: SecurityContext, token?: Uint8Array): Promise<SecurityStep> {
  return new Promise((resolve) => context.step(token, resolve));
}

function tokenOf(outcome: SecurityStep): Uint8Array {
  if (outcome.kind === "failed") throw outcome.error;
  return outcome.token!;
}

async function failureOf(outcome: Promise<SecurityStep>): Promise<string> {
  const ended = await outcome;
  return ended.kind === "failed" ? ended.error.code : ended.kind;
}

/** Tokens back and forth until the initiator has nothing more to say. */
async function logOn(client: SecurityContext, server: SecurityContext): Promise<number> {
  let token = tokenOf(await step(client));
  for (let rounds = 1;; rounds++) {
    const answer = await step(server, token);
    if (answer.kind === "failed") throw answer.error;
    if (answer.token === undefined) return rounds;
    const next = await step(client, answer.token);
    if (next.kind === "failed") throw next.error;
    if (next.token === undefined) return rounds;
    token = next.token;
  }
}

Deno.test("the mechanism that both prefer takes one round trip, and no mechListMIC", async () => {
  const client = createSpnegoInitiator([slow(asClient), ntlmOffer(initiatorOptions())]);
  const server = createSpnegoAcceptor([slow(asServer), ntlmChoice(acceptorOptions())]);
  assert.equal(await logOn(client, server), 1);
  assert.ok(client.established && server.established);
  assert.equal(client.fallback, undefined);
  assert.deepEqual([client.mechanism, server.mechanism], ["Kerberos", "Kerberos"]);
  assert.equal(server.principal, "alice@REALM");
});

Deno.test("a server without the preferred mechanism takes the next, signed with mechListMIC", async () => {
  const first = slow(asClient);
  const client = createSpnegoInitiator([first, ntlmOffer(initiatorOptions())]);
  const server = createSpnegoAcceptor([ntlmChoice(acceptorOptions())]);
  assert.equal(await logOn(client, server), 3);
  assert.deepEqual([client.mechanism, server.mechanism], ["NTLM", "NTLM"]);
  assert.equal(client.fallback, "the service chose it");
  assert.ok(first.made[0]!.disposed);
  assert.deepEqual(server.unseal(client.seal(bytes("hello"))), bytes("hello"));
  assert.deepEqual(client.unseal(server.seal(bytes("hello"))), bytes("hello"));
});

Deno.test("who changes the list of mechanisms on its way is noticed", async () => {
  const client = createSpnegoInitiator([slow(asClient), ntlmOffer(initiatorOptions())]);
  await step(client);
  // What the server gets to see is an offer in which the client's favourite is another.
  const fresh = createSpnegoAcceptor([ntlmChoice(acceptorOptions())]);
  const list = encodeMechanismList([oidOfWindows, Oid.ntlm]);
  const answer = tokenOf(await step(fresh, encodeNegTokenInit(list, new Uint8Array(0))));
  const negotiate = tokenOf(await step(client, answer));
  const authenticate = tokenOf(await step(client, tokenOf(await step(fresh, negotiate))));
  assert.equal(await failureOf(step(fresh, authenticate)), "SealBroken");
});

Deno.test("what a mechanism has the client told of its refusal comes to the client's mechanism, framed as a reject", async () => {
  const skew = new DeniedError("Skew", "the clocks are apart");
  const told: (Uint8Array | undefined)[] = [];
  const client = slow([asClient[0]!, { kind: "failed", error: skew }]);
  const create = () => {
    const mechanism = client.create();
    const step = mechanism.step.bind(mechanism);
    mechanism.step = (token, done) => {
      told.push(token);
      step(token, done);
    };
    return mechanism;
  };
  const initiator = createSpnegoInitiator([{ ...client, create }, ntlmOffer(initiatorOptions())]);
  const refusing = (token?: Uint8Array) =>
    createSpnegoAcceptor([
      slow([{ kind: "failed", error: skew, ...(token === undefined ? {} : { token }) }]),
    ]);
  const offer = tokenOf(await step(initiator));
  const outcome = await step(refusing(bytes("why")), offer);
  assert.ok(outcome.kind === "failed" && outcome.token !== undefined);
  assert.equal(await failureOf(step(initiator, outcome.token)), "Skew");
  assert.deepEqual(told, [undefined, bytes("why")]);
  // Where there is nothing to tell, nothing is told.
  const silent = await step(refusing(), offer);
  assert.ok(silent.kind === "failed" && silent.token === undefined);
});

Deno.test("a reject ends the dialogue, whatever comes with it", async () => {
  for (const responseToken of [undefined, bytes("reply")]) {
    const client = createSpnegoInitiator([slow(asClient)]);
    await step(client);
    const reject = encodeNegTokenResp({ state: NegState.reject, responseToken });
    assert.equal(await failureOf(step(client, reject)), "SpnegoRejected");
    assert.equal(client.established, false);
  }
});

Deno.test("the first step's failure leads to the next mechanism only where it may", async () => {
  const failing = (error: DroverError): SecurityStep[] => [{ kind: "failed", error }];
  const absent = new DeniedError("Absent", "there is no ticket");
  const wrong = new DeniedError("Wrong", "the password is wrong");
  const fallsBack = (error: DroverError) => error === absent;
  const ntlm = ntlmOffer(initiatorOptions());

  const goesOn = createSpnegoInitiator([slow(failing(absent), { fallsBack }), ntlm]);
  const offer = parseSpnego(tokenOf(await step(goesOn)));
  assert.ok(offer.kind === "init");
  assert.deepEqual(offer.mechanisms, [Oid.ntlm]);
  assert.equal(goesOn.fallback, "there is no ticket");

  assert.equal(
    await failureOf(step(createSpnegoInitiator([slow(failing(wrong), { fallsBack }), ntlm]))),
    "Wrong",
  );
  assert.equal(await failureOf(step(createSpnegoInitiator([slow(failing(absent)), ntlm]))), "Absent");
  assert.equal(
    await failureOf(step(createSpnegoInitiator([slow(failing(absent), { fallsBack })]))),
    "Absent",
  );
  assert.equal(await failureOf(step(createSpnegoInitiator([]))), "NoMechanism");
});

Deno.test("the client refuses to be accepted without a dialogue, or without the mechListMIC that is due", async () => {
  const offers = () => [slow(asClient), ntlmOffer(initiatorOptions())];
  const answers: [string, Uint8Array][] = [
    ["SpnegoOutOfOrder", encodeNegTokenResp({ state: NegState.acceptCompleted, mechanism: oid })],
    ["SpnegoOutOfOrder", encodeNegTokenResp({ state: NegState.acceptCompleted, mechanism: Oid.ntlm })],
    ["SpnegoMechanism", encodeNegTokenResp({ state: NegState.acceptIncomplete, mechanism: Oid.spnego })],
    ["SpnegoRejected", encodeNegTokenResp({ state: NegState.reject })],
    [
      "SealBroken",
      encodeNegTokenResp({
        state: NegState.acceptCompleted,
        mechanism: oid,
        responseToken: bytes("x"),
        mic: bytes("y"),
      }),
    ],
  ];
  for (const [code, answer] of answers) {
    const client = createSpnegoInitiator(offers());
    await step(client);
    assert.equal(await failureOf(step(client, answer)), code);
    assert.equal(await failureOf(step(client, answer)), "ContextOver");
  }
  // A server that wants signatures gets ours, and must send its own.
  const client = createSpnegoInitiator(offers());
  await step(client);
  const wants = encodeNegTokenResp({ state: NegState.requestMic, mechanism: oid, responseToken: bytes("x") });
  const ours = parseSpnego(tokenOf(await step(client, wants)));
  assert.ok(ours.kind === "response" && ours.mic !== undefined);
  const bare = encodeNegTokenResp({ state: NegState.acceptCompleted });
  assert.equal(await failureOf(step(client, bare)), "SpnegoMic");
});

Deno.test("a server that was asked for its second choice demands the client's signature after its last token", async () => {
  const server = createSpnegoAcceptor([slow(asServer)]);
  const list = encodeMechanismList([Oid.ntlm, oid]);
  const asked = parseSpnego(tokenOf(await step(server, encodeNegTokenInit(list, bytes("ntlm")))));
  assert.ok(asked.kind === "response" && asked.state === NegState.requestMic);
  const last = await step(server, encodeNegTokenResp({ responseToken: bytes("request") }));
  assert.equal(last.kind, "continue", "nothing is proven yet");
  const mic = new Slow([]).signList(list);
  const end = await step(server, encodeNegTokenResp({ mic }));
  assert.ok(end.kind === "done" && server.established);

  for (const wrong of [undefined, bytes("mic of nothing")]) {
    const other = createSpnegoAcceptor([slow(asServer)]);
    await step(other, encodeNegTokenInit(list, bytes("ntlm")));
    await step(other, encodeNegTokenResp({ responseToken: bytes("request") }));
    assert.match(
      await failureOf(step(other, encodeNegTokenResp({ mic: wrong }))),
      /^(SpnegoMic|SealBroken)$/,
    );
    assert.ok(!other.established);
  }
});

Deno.test("the identifier that Windows gave Kerberos is answered with itself; bare tokens need no SPNEGO", async () => {
  const server = createSpnegoAcceptor([ntlmChoice(acceptorOptions()), slow(asServer)]);
  const list = encodeMechanismList([oidOfWindows, oid, Oid.ntlm]);
  const answer = parseSpnego(tokenOf(await step(server, encodeNegTokenInit(list, bytes("request")))));
  assert.ok(answer.kind === "response");
  assert.deepEqual(answer.mechanism, oidOfWindows);
  assert.equal(answer.state, NegState.acceptCompleted);
  const bare = createSpnegoAcceptor([slow(asServer)]);
  assert.deepEqual(tokenOf(await step(bare, bytes("bare"))), bytes("reply"));
  assert.ok(bare.established);
});

Deno.test("a dialogue that is disposed of during a step fails, and takes no second step meanwhile", async () => {
  const client = createSpnegoInitiator([slow(asClient)]);
  const token = tokenOf(await step(client));
  const early = createSpnegoInitiator([slow(asClient)]);
  const first = step(early);
  early.dispose();
  assert.equal(await failureOf(first), "ContextDisposed");
  const server = createSpnegoAcceptor([slow(asServer)]);
  const pending = step(server, token);
  const second = step(server, token);
  server.dispose();
  assert.equal(await failureOf(second), "ContextOver");
  assert.equal(await failureOf(pending), "ContextDisposed");
  assert.ok(!server.established);
  assert.throws(() => server.seal(bytes("x")), { code: "NotSealing" });
});
