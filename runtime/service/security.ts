/** Logons of a service: its accounts behind the actors' {@link SecurityProvider}. @module */
import type { ConnectionFacts, SecurityProvider, ServiceAccount } from "../../actors/ports.ts";
import { createSpnegoAcceptor, CredSspAcceptor, ntlmChoice } from "../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { systemClock } from "../clock.ts";
import { systemRandom } from "../random.ts";
import type { Accounts } from "../security/accounts.ts";
import { KerberosAcceptor, kerberosChoice, type ServiceKeys } from "../security/kerberos/mod.ts";
import type { TlsSessions } from "../security/tls_session.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import { acceptsBinding, serverEndPointData } from "./channel_binding.ts";

/** What is known of a dialogue beside what its context says. */
interface Dialogue {
  readonly facts: ConnectionFacts;
  /** The side of NTLM, where it was chosen: what the client bound its logon to. */
  ntlm?: { readonly channelBinding: Uint8Array | undefined };
  /** The dialogue inside of CredSSP. */
  readonly inner?: SecurityContext;
  /** The side of Kerberos, where it was chosen. */
  kerberos?: KerberosAcceptor;
}

/**
 * Checks logons against `accounts`, those with Kerberos with `keys`, those with CredSSP inside of `credssp`; commands run as `runAs`
 * where the account names no system user itself.
 */
export function createSecurityProvider(
  accounts: Accounts,
  machineName: string,
  runAs: string | undefined,
  keys?: ServiceKeys,
  credssp?: TlsSessions,
): SecurityProvider {
  // NetBIOS names have at most 15 characters.
  const computerName = machineName.split(".")[0]!.slice(0, 15).toUpperCase();
  const dialogues = new WeakMap<SecurityContext, Dialogue>();

  const accountOf = (name: string): ServiceAccount => {
    const canonical = canonicalName(name);
    return { name: canonical, systemUser: accounts.systemUserOf(canonical) ?? runAs };
  };

  const provider: SecurityProvider = {
    acceptNegotiate: (facts) => {
      const dialogue: Dialogue = { facts };
      const ntlm = ntlmChoice({
        ntHash: (username, domain) => accounts.ntHash(username, domain),
        computerName,
        domainName: computerName,
        dnsComputerName: machineName,
        random: (length) => systemRandom.bytes(length),
        now: () => systemClock.now(),
        guard: reflectionGuard,
      }, (context) => dialogue.ntlm = context);
      const kerberos = keys === undefined
        ? []
        : [kerberosChoice(keys, bindingsOf(facts), (context) => dialogue.kerberos = context)];
      const acceptor = createSpnegoAcceptor([...kerberos, ntlm]);
      dialogues.set(acceptor, dialogue);
      return acceptor;
    },
    ...(keys === undefined ? {} : {
      acceptKerberos: (facts: ConnectionFacts) => {
        const kerberos = new KerberosAcceptor(keys, bindingsOf(facts));
        dialogues.set(kerberos, { facts, kerberos });
        return kerberos;
      },
    }),
    ...(credssp === undefined ? {} : {
      acceptCredSsp: (facts: ConnectionFacts) => {
        // The inner dialogue is bound by the proof of the key, not to the TLS around HTTP.
        const inner = provider.acceptNegotiate({ ...facts, tls: undefined });
        const acceptor = new CredSspAcceptor({ tls: credssp.create(), inner });
        dialogues.set(acceptor, { facts, inner });
        return acceptor;
      },
    }),
    account: (context) => {
      const dialogue = dialogues.get(context);
      const principal = context.principal;
      if (dialogue === undefined || principal === undefined) return undefined;
      if (dialogue.inner !== undefined) return provider.account(dialogue.inner);
      if (context.mechanism === "Kerberos") {
        // Kerberos has checked the binding itself. A ticket says who somebody is, the accounts who may come in.
        const name = dialogue.kerberos?.localName;
        return name !== undefined && accounts.has(name) ? accountOf(name) : undefined;
      }
      return isBound(dialogue) ? accountOf(principal) : undefined;
    },
    checkPassword: (username, password, done) => {
      done(accounts.verifyBasic(username, password) ? accountOf(username) : undefined);
    },
  };
  return provider;
}

/**
 * Whether the logon was made for this TLS connection, as CbtHardeningLevel `Relaxed` has it: a binding that the client
 * sends must be right, one that it does not send is not missed.
 */
function isBound({ ntlm, facts }: Dialogue): boolean {
  const sent = ntlm?.channelBinding;
  const certificate = facts.tls?.localCertificate;
  if (sent === undefined || certificate === undefined) return true;
  return acceptsBinding("Relaxed", certificate, sent);
}

function bindingsOf(facts: ConnectionFacts): Uint8Array | undefined {
  const certificate = facts.tls?.localCertificate;
  return certificate === undefined ? undefined : serverEndPointData(certificate);
}

/** The one spelling of a name that quotas and shells go by: without domain, in lower case. */
function canonicalName(name: string): string {
  return name.slice(name.lastIndexOf("\\") + 1).toLowerCase();
}
