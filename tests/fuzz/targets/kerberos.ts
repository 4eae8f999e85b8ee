/**
 * What of Kerberos is read before or beside MIT's library: the frame of a first token, the form of a sealed message, and SPNEGO that
 * chooses between Kerberos and NTLM. The library's side of a dialogue is played by a stand-in with tokens of the same frame.
 * @module
 */
import assert from "node:assert/strict";
import { contextTag, der, DerTag } from "../../../protocol/auth/der.ts";
import {
  createSpnegoAcceptor,
  createSpnegoInitiator,
  isKerberosToken,
  kerberosMessage,
  kerberosOids,
  type Mechanism,
  type MechanismOffer,
  ntlmChoice,
  ntlmOffer,
  readKerberosError,
} from "../../../protocol/auth/mod.ts";
import { encodeMechanismList, Oid } from "../../../protocol/auth/spnego_tokens.ts";
import { equalBytes, utf8 } from "../../../protocol/bytes.ts";
import { DroverError, ProtocolError } from "../../../protocol/errors.ts";
import type { SecurityStep } from "../../../protocol/ports.ts";
import { acceptorOptions, initiatorOptions, logOn } from "../../helpers/auth_pair.ts";
import type { Target } from "../engine.ts";
import { mutateBytes } from "../mutate.ts";

const framed = (text: string) =>
  der(DerTag.application0, der(DerTag.objectIdentifier, Oid.kerberos), utf8(text));
const request = framed("\x01\0the client's ticket");
const reply = framed("\x02\0the service's answer");

/** A KRB-ERROR (RFC 4120 section 5.9.1) as MIT's library writes one. */
const refusal = der(
  DerTag.application0,
  der(DerTag.objectIdentifier, Oid.kerberos),
  Uint8Array.of(3, 0),
  der(
    0x7e,
    der(
      DerTag.sequence,
      der(contextTag(0), der(0x02, Uint8Array.of(5))),
      der(contextTag(1), der(0x02, Uint8Array.of(30))),
      der(contextTag(4), der(0x18, utf8("20261121182630Z"))),
      der(contextTag(6), der(0x02, Uint8Array.of(37))),
    ),
  ),
);

/** One side of a logon with Kerberos: takes nothing but what the other side has written. */
class StandIn implements Mechanism {
  readonly mechanism = "Kerberos";
  readonly alwaysSigns = false;
  readonly principal = "alice@DROVER.TEST";
  established = false;

  constructor(readonly side: "client" | "service") {}

  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    if (this.side === "client" && token === undefined) return done({ kind: "continue", token: request });
    if (token === undefined || !equalBytes(token, this.side === "client" ? reply : request)) {
      const error = new ProtocolError("KerberosMalformed", "authenticate: the token was changed");
      return done({ kind: "failed", error });
    }
    this.established = true;
    done(this.side === "client" ? { kind: "done" } : { kind: "done", token: reply });
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return plaintext;
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return sealed;
  }

  signList(list: Uint8Array): Uint8Array {
    return Uint8Array.of(0x5a, ...list);
  }

  verifyList(list: Uint8Array, mic: Uint8Array): void {
    if (!equalBytes(this.signList(list), mic)) {
      throw new ProtocolError("SealBroken", "verify list: it was changed");
    }
  }

  dispose(): void {}
}

const offer = (side: StandIn["side"]): MechanismOffer => ({
  oids: kerberosOids,
  create: () => new StandIn(side),
  isBare: isKerberosToken,
});

/** A logon whose tokens `change` may replace; whether it succeeded, and the mechanism of both sides. */
function negotiate(change: (token: Uint8Array, at: number) => Uint8Array): string {
  const client = createSpnegoInitiator([offer("client"), ntlmOffer(initiatorOptions())]);
  const server = createSpnegoAcceptor([offer("service"), ntlmChoice(acceptorOptions())]);
  logOn(client, server, change);
  assert.ok(client.established);
  return `${client.mechanism} ${server.mechanism}`;
}

/** An offer without Kerberos, which somebody between puts in the place of the client's. */
function lesserOffer(): Uint8Array {
  const list = encodeMechanismList([Oid.ntlm]);
  return der(
    DerTag.application0,
    der(DerTag.objectIdentifier, Oid.spnego),
    der(contextTag(0), der(DerTag.sequence, der(contextTag(0), list))),
  );
}

function seeds(): Uint8Array[] {
  const tokens: Uint8Array[] = [];
  negotiate((token) => {
    tokens.push(token.slice());
    return token;
  });
  return tokens.map((token, leg) => Uint8Array.of(leg, ...token));
}

const pieces = [
  request,
  Uint8Array.of(3, 0),
  der(contextTag(4), der(0x18, utf8("20261121182630Z"))),
  der(contextTag(6), der(0x02, Uint8Array.of(0x7f, 0xff, 0xff, 0xff))),
  der(DerTag.objectIdentifier, Oid.kerberos),
  der(DerTag.objectIdentifier, Oid.kerberosOfWindows),
  der(DerTag.objectIdentifier, Oid.ntlm),
  new Uint8Array([0x60, 0x80]),
  new Uint8Array([0xa0, 0x03, 0x0a, 0x01, 0x00]),
  new Uint8Array([0xa0, 0x03, 0x0a, 0x01, 0x03]),
  new Uint8Array([16, 0, 0, 0]),
  new Uint8Array([0xff, 0xff, 0xff, 0xff]),
];

function outcomeOf(use: () => string): string {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    assert.match(error.message, /^[a-zA-Z ]+: /);
    return `${error.code} ${error.message.replace(/\d+|0x[0-9a-f]+/g, "n")}`;
  }
}

/** The first byte says which token the rest replaces. */
export const kerberos: Target = {
  name: "kerberos",
  tokens: pieces,
  seeds: () => [
    ...seeds(),
    Uint8Array.of(0, ...request),
    Uint8Array.of(0, ...lesserOffer()),
    Uint8Array.of(1, ...reply),
    Uint8Array.of(1, ...refusal),
    Uint8Array.of(9, 16, 0, 0, 0, ...new Uint8Array(20)),
  ],
  mutate(random, input) {
    return Uint8Array.of(
      input[0] ?? 0,
      ...mutateBytes(random, input.subarray(1), pieces, () => input.subarray(1)),
    );
  },
  run(input) {
    const leg = input[0] ?? 0;
    const bytes = input.subarray(1);
    const own = isKerberosToken(bytes);
    if (own) {
      const at = bytes[1]! < 0x80 ? 2 : 2 + (bytes[1]! & 0x7f);
      const name = der(DerTag.objectIdentifier, Oid.kerberos);
      assert.deepEqual(
        bytes.subarray(at, at + name.length),
        name,
        "another mechanism's token passes for Kerberos'",
      );
    }
    const said = readKerberosError(bytes);
    if (said !== undefined) {
      assert.ok(own, "another mechanism's token passes for a refusal of Kerberos");
      assert.ok(Number.isInteger(said.code) && said.code >= 0 && said.code < 2 ** 32);
      assert.ok(Number.isFinite(said.serverTime));
    }
    const message = outcomeOf(() => {
      const opened = kerberosMessage(bytes);
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      assert.ok(length >= 16 && length <= opened.length, "a token is longer than its message");
      return "message";
    });
    const logon = outcomeOf(() => {
      const mechanisms = negotiate((token, at) => at === leg ? bytes : token);
      // Whatever is changed on the way: no logon ends with less than both sides would have taken.
      assert.equal(mechanisms, "Kerberos Kerberos", "a change on the way made a logon weaker");
      return mechanisms;
    });
    return `${own} ${said !== undefined} ${message}; ${leg % 4} ${logon}`;
  },
};
