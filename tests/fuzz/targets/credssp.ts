/** Messages of CredSSP, and what they carry: typed errors only, and nothing that is written otherwise than it was read. @module */
import assert from "node:assert/strict";
import {
  encodeCredentials,
  encodeTsRequest,
  parseCredentials,
  parseTsRequest,
  subjectPublicKeyOf,
} from "../../../protocol/auth/credssp_tokens.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import type { Target } from "../engine.ts";

const octets = (length: number) => new Uint8Array(length).fill(7);

function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return `${error.code} ${error.message.replace(/\d+|0x[0-9a-f]+/g, "n")}`;
  }
}

/** The three readers, on every input. */
export const credssp: Target = {
  name: "credssp",
  tokens: ["a003020106", "a4060204c000006d", "a5220420", "a003020101", "30820100", "0203000000"].map((hex) =>
    Uint8Array.fromHex(hex)
  ),
  seeds: () => [
    encodeTsRequest({ version: 6, negoToken: octets(40) }),
    encodeTsRequest({ version: 6, negoToken: octets(3), pubKeyAuth: octets(48), clientNonce: octets(32) }),
    encodeTsRequest({ version: 5, authInfo: octets(200) }),
    encodeTsRequest({ version: 6, errorCode: 0xc000006d }),
    encodeCredentials({ domain: "DOM", username: "alice", password: new Secret("Passw0rd!") }),
    Uint8Array.fromHex("300d300906072a8648ce3d020103" + "0005"),
  ],
  run(input) {
    const message = outcomeOf(() => {
      const read = parseTsRequest(input);
      assert.deepEqual(parseTsRequest(encodeTsRequest(read)), read);
      return Object.entries(read).filter(([, value]) => value !== undefined).map(([name]) => name).join();
    });
    const credentials = outcomeOf(() => {
      const read = parseCredentials(input);
      const again = parseCredentials(encodeCredentials(read));
      assert.deepEqual(
        [again.domain, again.username, again.password.reveal()],
        [read.domain, read.username, read.password.reveal()],
      );
      return "credentials";
    });
    const key = outcomeOf(() => (subjectPublicKeyOf(input).length > 0 ? "a key" : "an empty key"));
    return `${message}; ${credentials}; ${key}`;
  },
};
