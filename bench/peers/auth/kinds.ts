/** Both sides of a logon of each kind, in one process, made of the parts that client and service are made of. @module */
import {
  basicAuthorization,
  createNtlmAcceptor,
  createNtlmInitiator,
  createSpnegoAcceptor,
  createSpnegoInitiator,
  CredSspAcceptor,
  CredSspInitiator,
  DigestSession,
  ntHash,
  ntlmChoice,
  ntlmOffer,
  parseBasic,
} from "../../../protocol/auth/mod.ts";
import type { SecurityContext, SecurityStep } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { parseChallenges } from "../../../protocol/http/challenge.ts";
import { systemRandom } from "../../../runtime/random.ts";
import { inTurns } from "../../../runtime/security/in_turns.ts";
import {
  createKerberosInitiator,
  KerberosAcceptor,
  kerberosChoice,
  type KerberosLogon,
  kerberosOffer,
  type ServiceKeys,
} from "../../../runtime/security/kerberos/mod.ts";
import { clientTlsSessions, type TlsSessions } from "../../../runtime/security/tls_session.ts";

/** Client and service of one logon. */
export interface Pair {
  readonly client: SecurityContext;
  readonly service: SecurityContext;
}

/** Seconds that the two sides have needed. */
export interface Times {
  client: number;
  service: number;
}

/** What pairs are made with. */
export interface World {
  readonly password: string;
  /** Absent: no Kerberos. */
  readonly kerberos?: { readonly principal: string; readonly keys: ServiceKeys };
  /** The service's side of CredSSP. */
  readonly tls: TlsSessions;
}

/** Kinds with a dialogue. */
export type Kind = "ntlm" | "negotiate-ntlm" | "kerberos" | "negotiate-kerberos" | "credssp";

/** Makes pairs. */
export function pairs(world: World): (kind: Kind) => Pair {
  const secret = new Secret(world.password);
  const hash = ntHash(secret);
  const random = (length: number) => systemRandom.bytes(length);
  const now = () => Date.now();
  const initiator = { credential: { username: "alice", domain: "", password: secret }, random, now };
  const acceptor = {
    ntHash: (username: string) => username === "alice" ? hash : undefined,
    computerName: "WEB01",
    domainName: "WEB01",
    dnsComputerName: "web01.drover.test",
    random,
    now,
  };
  const keys = () => {
    if (world.kerberos === undefined) throw new Error("there is no KDC");
    return world.kerberos.keys;
  };
  const logon = (): KerberosLogon => ({
    source: { kind: "password", principal: world.kerberos!.principal, password: secret },
    service: "HTTP",
    host: "localhost",
    delegate: false,
    bindings: undefined,
  });
  const negotiateNtlm = (): Pair => ({
    client: createSpnegoInitiator([ntlmOffer(initiator)]),
    service: createSpnegoAcceptor([ntlmChoice(acceptor)]),
  });
  const makers: Readonly<Record<Kind, () => Pair>> = {
    ntlm: () => ({ client: createNtlmInitiator(initiator), service: createNtlmAcceptor(acceptor) }),
    "negotiate-ntlm": negotiateNtlm,
    kerberos: () => ({
      client: createKerberosInitiator(logon()),
      service: new KerberosAcceptor(keys(), undefined),
    }),
    "negotiate-kerberos": () => ({
      client: createSpnegoInitiator([kerberosOffer(logon(), () => false), ntlmOffer(initiator)]),
      service: createSpnegoAcceptor([kerberosChoice(keys(), undefined, () => {}), ntlmChoice(acceptor)]),
    }),
    credssp: () => {
      const inner = negotiateNtlm();
      const credentials = { domain: "", username: "alice", password: secret };
      return {
        client: inTurns(
          new CredSspInitiator({ tls: clientTlsSessions().create(), inner: inner.client, credentials, random }),
        ),
        service: inTurns(new CredSspAcceptor({ tls: world.tls.create(), inner: inner.service })),
      };
    },
  };
  return (kind) => makers[kind]();
}

function step(context: SecurityContext, token: Uint8Array | undefined): Promise<SecurityStep> {
  return new Promise((resolve) => context.step(token, resolve));
}

/**
 * Lets two sides log on, from their making on. `between`: what happens before each step, as the network does when messages come.
 */
export async function handshake(
  make: () => Pair,
  times: Times,
  between?: () => Promise<void>,
): Promise<Pair> {
  let begin = performance.now();
  const pair = make();
  let token: Uint8Array | undefined;
  for (let side: keyof Pair = "client";; side = side === "client" ? "service" : "client") {
    const outcome = await step(pair[side], token);
    const end = performance.now();
    times[side] += (end - begin) / 1000;
    begin = end;
    if (outcome.kind === "failed") throw outcome.error;
    token = outcome.token;
    if (token === undefined) break;
    if (between === undefined) continue;
    await between();
    begin = performance.now();
  }
  if (!pair.client.established || !pair.service.established) throw new Error("the logon did not end");
  return pair;
}

/** Forgets a pair. */
export function dispose({ client, service }: Pair): void {
  client.dispose();
  service.dispose();
}

const challenge = 'Digest realm="WSMAN", nonce="0123456789abcdef0123456789abcdef", qop="auth", algorithm=SHA-256';

/** Kinds without a dialogue: what has to be computed for one request. */
export function computations(password: string): Readonly<Record<"basic" | "digest", (times: Times) => void>> {
  const secret = new Secret(password);
  const random = (length: number) => systemRandom.bytes(length);
  const body = new Uint8Array(0);
  return {
    basic: (times) => {
      const begin = performance.now();
      const value = basicAuthorization("alice", secret);
      const middle = performance.now();
      const { username } = parseBasic(value.slice("Basic ".length));
      times.client += (middle - begin) / 1000;
      times.service += (performance.now() - middle) / 1000;
      if (username !== "alice") throw new Error("basic: it was read as another name");
    },
    digest: (times) => {
      const begin = performance.now();
      const session = new DigestSession({ username: "alice", password: secret, random });
      session.take(parseChallenges([challenge]));
      session.answer("POST", "/wsman", body);
      times.client += (performance.now() - begin) / 1000;
    },
  };
}
