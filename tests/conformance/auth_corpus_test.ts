// Recorded dialogues: tokens of real clients and servers, and one whole sealed session beside its plaintext.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { equalBytes } from "../../protocol/bytes.ts";
import { Secret } from "../../protocol/secret.ts";
import { deriveSessionKey } from "../../protocol/auth/ntlm_verify.ts";
import { ntHash } from "../../protocol/auth/mod.ts";
import {
  isNtlmMessage,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
  parseNegotiate,
} from "../../protocol/auth/ntlm_messages.ts";
import { NtlmSession } from "../../protocol/auth/ntlm_session.ts";
import { Oid, parseSpnego } from "../../protocol/auth/spnego_tokens.ts";
import { unsealPart } from "../../protocol/sealing/mod.ts";

const corpus = Deno.env.get("DROVER_CORPUS") ?? new URL("../../../shared/corpus", import.meta.url).pathname;
const ignore = !existsSync(corpus);
const session = `${corpus}/wsman-clients/pwsh-to-omi-psrp-negotiate-http`;

/** Head as text and body as bytes of a recorded HTTP message. */
function readHttp(path: string): { head: string; body: Uint8Array } {
  const bytes = readFileSync(path);
  const end = bytes.indexOf("\r\n\r\n");
  assert.ok(end > 0, path);
  return { head: bytes.subarray(0, end).toString("latin1"), body: new Uint8Array(bytes.subarray(end + 4)) };
}

function negotiateToken(head: string): Uint8Array | undefined {
  const match = /^(?:WWW-Authenticate|Authorization): *Negotiate +(\S+)/im.exec(head);
  return match?.[1] === undefined ? undefined : Uint8Array.fromBase64(match[1]);
}

/** The one encrypted part of a recorded body; a reader of its own, for these recordings only. */
function readPart(body: Uint8Array) {
  const buffer = Buffer.from(body);
  const marker = "Content-Type: application/octet-stream\r\n";
  const from = buffer.indexOf(marker) + marker.length;
  const to = buffer.lastIndexOf("--Encrypted Boundary--");
  const original = /type=([^\r]*);Length=(\d+)/.exec(buffer.toString("latin1", 0, from));
  assert.ok(from > marker.length && to > from && original !== null);
  return {
    protocol: "application/HTTP-SPNEGO-session-encrypted",
    originalContentType: original[1]!,
    originalLength: Number(original[2]),
    sealed: body.subarray(from, to),
  };
}

/** The SPNEGO payload: mechanism token of an offer or of a response. */
function innerToken(token: Uint8Array): Uint8Array | undefined {
  const parsed = parseSpnego(token);
  return parsed.kind === "init" ? parsed.mechanismToken : parsed.responseToken;
}

/** Every Negotiate token in the heads of a folder's recordings, by file. */
function* tokensIn(folder: string): Generator<[string, Uint8Array]> {
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    if (!name.endsWith(".http")) continue;
    const text = readFileSync(`${folder}/${name}`).toString("latin1");
    for (const match of text.matchAll(/^(?:WWW-Authenticate|Authorization): *Negotiate +(\S+)/gim)) {
      yield [name, Uint8Array.fromBase64(match[1]!)];
    }
  }
}

/** Both sides of one recorded connection. */
interface RecordedConnection {
  transcript: { negotiate: Uint8Array; challenge: Uint8Array; authenticate: Uint8Array };
  mechanismList: Uint8Array;
  sides?: { client: NtlmSession; server: NtlmSession };
}

/** Takes one authentication exchange; after the second the sessions of both sides are there. */
function replayExchange(connection: RecordedConnection, offered: Uint8Array, answered: Uint8Array): void {
  const offer = parseSpnego(offered);
  const answer = parseSpnego(answered);
  assert.ok(answer.kind === "response");
  if (offer.kind === "init") {
    connection.mechanismList = offer.mechanismList;
    connection.transcript.negotiate = offer.mechanismToken!;
    connection.transcript.challenge = answer.responseToken!;
    return;
  }
  connection.transcript.authenticate = offer.responseToken!;
  const key = deriveSessionKey(connection.transcript, ntHash(new Secret("Passw0rd!")))!;
  const client = new NtlmSession(key, "client");
  const server = new NtlmSession(key, "server");
  server.verify(connection.mechanismList, offer.mic!);
  server.rewind("incoming");
  client.verify(connection.mechanismList, answer.mic!);
  client.rewind("incoming");
  connection.sides = { client, server };
}

Deno.test({
  name: "a recorded session of PowerShell with OMI is unsealed, byte for byte, from its password",
  ignore,
  fn() {
    const connections = new Map<string, RecordedConnection>();
    const nothing = new Uint8Array();
    let opened = 0;
    const open = (reader: NtlmSession, body: Uint8Array, plaintextFile: string) => {
      const plain = unsealPart(reader, readPart(body));
      const expected = readFileSync(`${session}/${plaintextFile}`);
      // The plaintext files of requests have the client's padding still.
      const padding = expected.subarray(plain.length);
      assert.ok(equalBytes(plain, expected.subarray(0, plain.length)), plaintextFile);
      assert.ok(padding.length <= 16 && padding.every((byte) => byte === 0), plaintextFile);
      assert.notEqual(plain.at(-1), 0);
      opened++;
    };
    // The connections overlap: the log says which message went over which one.
    for (const line of readFileSync(`${session}/connections.log`, "utf8").split("\n")) {
      const [, id, number] = /^conn (\d+) \S+ (\d+) request /.exec(line) ?? [];
      if (id === undefined || number === undefined) continue;
      const name = number.padStart(3, "0");
      const request = readHttp(`${session}/${name}-request.http`);
      const response = readHttp(`${session}/${name}-response.http`);
      const connection = connections.get(id) ?? {
        transcript: { negotiate: nothing, challenge: nothing, authenticate: nothing },
        mechanismList: nothing,
      };
      connections.set(id, connection);
      const token = negotiateToken(request.head);
      if (token !== undefined) {
        replayExchange(connection, token, negotiateToken(response.head)!);
        continue;
      }
      // The plaintext files are numbered in the order in which the sealed requests came.
      const index = String(opened / 2 + 1).padStart(3, "0");
      open(connection.sides!.server, request.body, `decrypted-${index}-request.xml`);
      open(connection.sides!.client, response.body, `decrypted-${index}-response.xml`);
    }
    assert.equal(opened, readdirSync(session).filter((name) => name.startsWith("decrypted-")).length);
  },
});

Deno.test({
  name: "a recorded session is not derived from a wrong password, nor with a changed message",
  ignore,
  fn() {
    const inner = (name: string) => innerToken(negotiateToken(readHttp(`${session}/${name}`).head)!)!;
    const transcript = {
      negotiate: inner("001-request.http"),
      challenge: inner("001-response.http"),
      authenticate: inner("002-request.http"),
    };
    const hash = ntHash(new Secret("Passw0rd!"));
    assert.throws(() => deriveSessionKey(transcript, ntHash(new Secret("passw0rd!"))), {
      code: "NtlmDenied",
    });
    const negotiate = transcript.negotiate.slice();
    negotiate[12]! ^= 0x80;
    assert.throws(() => deriveSessionKey({ ...transcript, negotiate }, hash), { code: "NtlmMic" });
    assert.ok(deriveSessionKey(transcript, hash) !== undefined);
  },
});

Deno.test({
  name: "recorded NTLM messages are read",
  ignore,
  fn() {
    const read = (name: string) => new Uint8Array(readFileSync(`${corpus}/winrm/auth-tokens/${name}.bin`));
    assert.equal(parseNegotiate(read("ntlm_negotiate")).flags, 0xe20882b7);
    const challenge = parseChallenge(read("ntlm_challenge"));
    assert.equal(challenge.targetName, "DOMAIN");
    assert.equal(challenge.targetInfo?.size, 6);
    const message = parseAuthenticate(read("ntlm_authenticate_no_sign_seal"));
    assert.deepEqual([message.domain, message.username, message.workstation], [
      "",
      "vagrant",
      "JBOREAN-LINUX",
    ]);
    assert.equal(message.mic?.toHex(), "fe935dc88b782a1c01ae3965cf77627d");
    const spn = parseClientBlob(message.ntResponse.subarray(16)).targetInfo.get(9);
    assert.equal(Buffer.from(spn!).toString("utf16le"), "HOST/192.168.121.229");
    const response = parseSpnego(read("neg_token_resp"));
    assert.ok(response.kind === "response" && response.state === 0 && response.responseToken?.length === 156);
  },
});

Deno.test({
  name: "every Negotiate token in the corpus is read",
  ignore,
  fn() {
    let ntlm = 0;
    let others = 0;
    for (const folder of [`${corpus}/wsman-clients`, `${corpus}/winrm/winrm-wire`]) {
      for (const [name, token] of tokensIn(folder)) {
        const parsed = parseSpnego(token);
        if (parsed.kind === "init") {
          assert.ok(parsed.mechanisms.some((oid) => equalBytes(oid, Oid.ntlm)), name);
        }
        const inner = innerToken(token);
        if (inner === undefined || !isNtlmMessage(inner)) {
          others++;
          continue;
        }
        ntlm++;
        if (inner[8] === 1) parseNegotiate(inner);
        else if (inner[8] === 2) assert.equal(parseChallenge(inner).serverChallenge.length, 8);
        else assert.ok(parseAuthenticate(inner).mic !== undefined, name);
      }
    }
    assert.ok(ntlm > 100 && others > 5, `${ntlm} NTLM tokens and ${others} others`);
  },
});
