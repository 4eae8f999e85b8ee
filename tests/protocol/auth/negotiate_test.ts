import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import {
  createNegotiateAcceptor,
  createNegotiateInitiator,
  createNtlmInitiator,
} from "../../../protocol/auth/mod.ts";
import { contextTag, der, DerTag } from "../../../protocol/auth/der.ts";
import { NtlmInitiator } from "../../../protocol/auth/ntlm_initiator.ts";
import {
  encodeMechanismList,
  encodeNegTokenResp,
  NegState,
  Oid,
  parseSpnego,
} from "../../../protocol/auth/spnego_tokens.ts";
import {
  acceptorOptions,
  failureOf,
  initiatorOptions,
  logOn,
  stepNow,
  tokenOf,
} from "../../helpers/auth_pair.ts";

const kerberos = new Uint8Array([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);

function offer(mechanisms: readonly Uint8Array[], token?: Uint8Array): Uint8Array {
  const members = [der(contextTag(0), encodeMechanismList(mechanisms))];
  if (token !== undefined) members.push(der(contextTag(2), der(DerTag.octetString, token)));
  return der(
    DerTag.application0,
    der(DerTag.objectIdentifier, Oid.spnego),
    der(contextTag(0), der(DerTag.sequence, ...members)),
  );
}

function response(token: Uint8Array) {
  const parsed = parseSpnego(token);
  assert.ok(parsed.kind === "response");
  return parsed;
}

Deno.test("SPNEGO logs on in two round trips with mechListMIC both ways, and seals", () => {
  const client = createNegotiateInitiator(initiatorOptions());
  const server = createNegotiateAcceptor(acceptorOptions());
  const tokens: Uint8Array[] = [];
  assert.equal(
    logOn(client, server, (token) => {
      tokens.push(token);
      return token;
    }),
    4,
  );
  assert.ok(client.established && server.established);
  assert.equal(server.principal, "DOM\\alice");
  assert.ok(response(tokens[2]!).mic !== undefined && response(tokens[3]!).mic !== undefined);
  assert.equal(response(tokens[3]!).state, NegState.acceptCompleted);
  const sealed = client.seal(utf8("hello"));
  // The sequence number goes on after the mechListMIC; only the key stream starts anew.
  assert.equal(sealed[16], 1);
  assert.deepEqual(server.unseal(sealed), utf8("hello"));
  assert.deepEqual(client.unseal(server.seal(utf8("world"))), utf8("world"));
});

Deno.test("bare NTLM under Negotiate is accepted, and spoken when asked for", () => {
  const server = createNegotiateAcceptor(acceptorOptions());
  const client = createNegotiateInitiator({ ...initiatorOptions(), wrap: "raw" });
  assert.equal(logOn(client, server), 3);
  assert.deepEqual(server.unseal(client.seal(utf8("hello"))), utf8("hello"));
});

Deno.test("a server that answers SPNEGO with bare NTLM is understood", () => {
  const bare = createNegotiateAcceptor(acceptorOptions());
  const client = createNegotiateInitiator(initiatorOptions());
  const first = parseSpnego(tokenOf(stepNow(client)));
  assert.ok(first.kind === "init");
  const last = stepNow(client, tokenOf(stepNow(bare, first.mechanismToken)));
  assert.equal(last.kind, "done");
  assert.equal(stepNow(bare, tokenOf(last)).kind, "done");
  assert.deepEqual(bare.unseal(client.seal(utf8("hello"))), utf8("hello"));
});

/** A client that offers Kerberos first, with an optimistic token of it or without, and can do NTLM. */
function logOnSecondChoice(options: { token?: Uint8Array; mic: boolean; order?: readonly Uint8Array[] }) {
  const mechanisms = options.order ?? [kerberos, Oid.ntlm];
  const list = encodeMechanismList(mechanisms);
  const server = createNegotiateAcceptor(acceptorOptions());
  const ntlm = new NtlmInitiator(initiatorOptions());
  const chosen = response(tokenOf(stepNow(server, offer(mechanisms, options.token))));
  const negotiate = ntlm.advance(undefined).token;
  const challenge = response(tokenOf(stepNow(server, encodeNegTokenResp({ responseToken: negotiate }))));
  const authenticate = ntlm.advance(challenge.responseToken).token;
  const mic = options.mic ? ntlm.session!.sign(list) : undefined;
  if (options.mic) ntlm.session!.rewind("outgoing");
  const last = stepNow(server, encodeNegTokenResp({ responseToken: authenticate, mic }));
  return { chosen, last, server, session: ntlm.session!, list };
}

Deno.test("NTLM is picked from any place in the list, and then a mechListMIC is demanded", () => {
  for (const token of [undefined, utf8("some Kerberos ticket")]) {
    const { chosen, last, server, session, list } = logOnSecondChoice({ ...(token && { token }), mic: true });
    assert.equal(chosen.state, NegState.requestMic);
    assert.deepEqual(chosen.mechanism, Oid.ntlm);
    assert.equal(chosen.responseToken, undefined);
    session.verify(list, response(tokenOf(last)).mic!);
    session.rewind("incoming");
    assert.deepEqual(session.unseal(server.seal(utf8("hello"))), utf8("hello"));
  }
  assert.equal(failureOf(logOnSecondChoice({ mic: false }).last), "SpnegoMic");
});

Deno.test("an offer of NTLM first without a token is taken up, and needs no mechListMIC", () => {
  const { chosen, last, server } = logOnSecondChoice({ mic: false, order: [Oid.ntlm, kerberos] });
  assert.equal(chosen.state, NegState.acceptIncomplete);
  assert.deepEqual(response(tokenOf(last)), {
    kind: "response",
    state: NegState.acceptCompleted,
    mechanism: undefined,
    responseToken: undefined,
    mic: undefined,
  });
  assert.ok(server.established);
});

Deno.test("a list of mechanisms that was changed on its way is noticed", () => {
  const client = createNegotiateInitiator(initiatorOptions());
  const server = createNegotiateAcceptor(acceptorOptions());
  assert.throws(
    () =>
      logOn(client, server, (token, leg) => {
        if (leg !== 0) return token;
        const first = parseSpnego(token);
        return first.kind === "init" ? offer([Oid.ntlm, kerberos], first.mechanismToken) : token;
      }),
    { code: "SealBroken" },
  );
  assert.equal(server.established, false);
});

Deno.test("a client without NTLM, and a token of another mechanism, are refused", () => {
  const first = (token: Uint8Array) => failureOf(stepNow(createNegotiateAcceptor(acceptorOptions()), token));
  assert.equal(first(offer([kerberos], utf8("ticket"))), "NoCommonMechanism");
  assert.equal(first(der(DerTag.application0, der(DerTag.objectIdentifier, kerberos))), "NoCommonMechanism");
  assert.equal(first(encodeNegTokenResp({ state: NegState.acceptIncomplete })), "SpnegoOutOfOrder");
  assert.equal(first(new Uint8Array(0)), "SpnegoMalformed");
  assert.equal(first(utf8("Zorro")), "SpnegoMalformed");
});

Deno.test("the client refuses a server that rejects, skips steps, chooses something else or omits its MIC", () => {
  const second = (token: Uint8Array) => {
    const client = createNegotiateInitiator(initiatorOptions());
    tokenOf(stepNow(client));
    return failureOf(stepNow(client, token));
  };
  assert.equal(second(encodeNegTokenResp({ state: NegState.reject })), "SpnegoRejected");
  assert.equal(second(encodeNegTokenResp({ state: NegState.acceptCompleted })), "SpnegoOutOfOrder");
  assert.equal(
    second(encodeNegTokenResp({ mechanism: kerberos, responseToken: utf8("x") })),
    "SpnegoMechanism",
  );
  assert.equal(second(offer([Oid.ntlm])), "SpnegoOutOfOrder");
  for (const [mic, code] of [[undefined, "SpnegoMic"], [new Uint8Array(16), "SealBroken"]] as const) {
    const client = createNegotiateInitiator(initiatorOptions());
    const server = createNegotiateAcceptor(acceptorOptions());
    tokenOf(stepNow(client, tokenOf(stepNow(server, tokenOf(stepNow(client))))));
    const last = stepNow(client, encodeNegTokenResp({ state: NegState.acceptCompleted, mic }));
    assert.equal(failureOf(last), code);
    assert.throws(() => client.seal(utf8("x")), { code: "NotSealing" });
  }
  const silent = createNegotiateInitiator(initiatorOptions());
  tokenOf(stepNow(silent));
  assert.equal(failureOf(stepNow(silent)), "SpnegoOutOfOrder");
});

Deno.test("a wrong password inside SPNEGO is denied", () => {
  const client = createNegotiateInitiator(initiatorOptions());
  const server = createNegotiateAcceptor(acceptorOptions({ ntHash: () => new Uint8Array(16) }));
  assert.throws(() => logOn(client, server), { name: "DeniedError", code: "NtlmDenied" });
  assert.equal(createNtlmInitiator(initiatorOptions()).mechanism, "NTLM");
});
