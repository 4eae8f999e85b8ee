/** Logons of a service: its accounts behind the actors' {@link SecurityProvider}. @module */
import { timingSafeEqual } from "node:crypto";
import type { ConnectionFacts, SecurityProvider, ServiceAccount } from "../../actors/ports.ts";
import { createNegotiateAcceptor } from "../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { systemClock } from "../clock.ts";
import { systemRandom } from "../random.ts";
import type { Accounts } from "../security/accounts.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import { serverEndPointBinding } from "./channel_binding.ts";

type Acceptor = ReturnType<typeof createNegotiateAcceptor>;

/** Checks logons against `accounts`; commands run as `runAs` where the account names no system user itself. */
export function createSecurityProvider(
  accounts: Accounts,
  machineName: string,
  runAs: string | undefined,
): SecurityProvider {
  // NetBIOS names have at most 15 characters.
  const computerName = machineName.split(".")[0]!.slice(0, 15).toUpperCase();
  const acceptors = new WeakMap<SecurityContext, { acceptor: Acceptor; facts: ConnectionFacts }>();

  const accountOf = (name: string): ServiceAccount => {
    const canonical = canonicalName(name);
    return { name: canonical, systemUser: accounts.systemUserOf(canonical) ?? runAs };
  };

  return {
    acceptNegotiate: (facts) => {
      const acceptor = createNegotiateAcceptor({
        ntHash: (username, domain) => accounts.ntHash(username, domain),
        computerName,
        domainName: computerName,
        dnsComputerName: machineName,
        random: (length) => systemRandom.bytes(length),
        now: () => systemClock.now(),
        guard: reflectionGuard,
      });
      acceptors.set(acceptor, { acceptor, facts });
      return acceptor;
    },
    account: (context) => {
      const known = acceptors.get(context);
      const principal = context.principal;
      if (known === undefined || principal === undefined || !isBound(known.acceptor, known.facts)) {
        return undefined;
      }
      return accountOf(principal);
    },
    checkPassword: (username, password, done) => {
      done(accounts.verifyBasic(username, password) ? accountOf(username) : undefined);
    },
  };
}

/**
 * Whether the logon was made for this TLS connection, as CbtHardeningLevel `Relaxed` has it: a binding that the client
 * sends must be right, one that it does not send is not missed.
 */
function isBound(acceptor: Acceptor, facts: ConnectionFacts): boolean {
  const sent = acceptor.channelBinding;
  const certificate = facts.tls?.localCertificate;
  if (sent === undefined || certificate === undefined) return true;
  const expected = serverEndPointBinding(certificate);
  return sent.length === expected.length && timingSafeEqual(sent, expected);
}

/** The one spelling of a name that quotas and shells go by: without domain, in lower case. */
function canonicalName(name: string): string {
  return name.slice(name.lastIndexOf("\\") + 1).toLowerCase();
}
