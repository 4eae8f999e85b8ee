/** Logons of a service: its accounts behind the actors' {@link SecurityProvider}. @module */
import type {
  ConnectionFacts,
  DelegatedCredentials,
  SecurityProvider,
  ServiceAccount,
} from "../../actors/ports.ts";
import type { AccessToken } from "../../protocol/access/mod.ts";
import { createSpnegoAcceptor, CredSspAcceptor, ntlmChoice } from "../../protocol/auth/mod.ts";
import type { SecurityContext } from "../../protocol/ports.ts";
import { systemClock } from "../clock.ts";
import { systemRandom } from "../random.ts";
import {
  KerberosAcceptor,
  kerberosChoice,
  PasswordTickets,
  type ServiceKeys,
} from "../security/kerberos/mod.ts";
import { defaultGroups, tokenOf } from "../security/groups.ts";
import { inTurns } from "../security/in_turns.ts";
import { LogonThrottle } from "../security/logon_throttle.ts";
import {
  accountKey,
  type LogonAccount,
  type LogonAccounts,
  type PasswordCheck,
} from "../security/passwords.ts";
import type { RememberedVerdict } from "../security/remembered_passwords.ts";
import type { TlsSessions } from "../security/tls_session.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import type { CbtHardeningLevel } from "../../protocol/wsman/config_model.ts";
import type { CertificateMap } from "../security/client_certificates.ts";
import type { TicketFolders } from "./ticket_folders.ts";
import { acceptsBinding, serverEndPointData } from "./channel_binding.ts";

/** What is known of a dialogue beside what its context says. */
interface Dialogue {
  readonly facts: ConnectionFacts;
  /** The side of NTLM, where it was chosen: what the client bound its logon to. */
  ntlm?: { readonly channelBinding: Uint8Array | undefined };
  /** The dialogue inside of CredSSP. */
  readonly inner?: SecurityContext;
  /** Tickets that the password which came with CredSSP was good for. */
  readonly tickets?: PasswordTickets;
  /** The side of Kerberos, where it was chosen. */
  kerberos?: KerberosAcceptor;
  /** Who the client says it is, where it must prove it with a password. */
  claimed?: string;
}

/** Who may log on, and who says whether a password is right. */
export interface LogonPolicy {
  readonly accounts: LogonAccounts;
  /** For Basic. */
  readonly passwords: PasswordCheck;
  /** Slows those down who guess; default: one of its own. */
  readonly throttle?: LogonThrottle;
  /** What is asked of channel bindings; default: `Relaxed`. */
  readonly cbtHardeningLevel?: CbtHardeningLevel;
  /** Whose accounts the certificates of clients are; absent: nobody's. */
  readonly certificates?: CertificateMap;
  /** Where tickets that clients hand over lie for their commands; absent: commands have none. */
  readonly tickets?: TicketFolders;
}

/**
 * Checks logons as `policy` has it, those with Kerberos with `keys`, those with CredSSP inside of `credssp`; commands run as `runAs`
 * where the account names no system user itself.
 */
export function createSecurityProvider(
  {
    accounts,
    passwords,
    throttle = new LogonThrottle(systemClock),
    cbtHardeningLevel = "Relaxed",
    certificates,
    tickets,
  }: LogonPolicy,
  machineName: string,
  runAs: string | undefined,
  keys?: ServiceKeys,
  credssp?: TlsSessions,
): SecurityProvider {
  // NetBIOS names have at most 15 characters.
  const computerName = machineName.split(".")[0]!.slice(0, 15).toUpperCase();
  const dialogues = new WeakMap<SecurityContext, Dialogue>();

  /** What those who have logged on were let in by. */
  const bases = new WeakMap<ServiceAccount, LogonAccount>();

  const accountOf = (
    account: LogonAccount | undefined,
    domain?: AccessToken,
    delegated?: DelegatedCredentials,
  ): ServiceAccount | undefined => {
    if (account === undefined) return undefined;
    const made = {
      name: account.name,
      systemUser: account.systemUser ?? runAs,
      token: tokenOf(account.groups ?? defaultGroups, domain),
      ...(delegated === undefined ? {} : { delegated }),
    };
    bases.set(made, account);
    return made;
  };

  const delegatedBy = (
    holder: Pick<KerberosAcceptor, "hasTickets" | "copyTickets"> | undefined,
  ): DelegatedCredentials | undefined =>
    holder?.hasTickets !== true || tickets === undefined ? undefined : {
      provide: (systemUser) => tickets.provide(systemUser, (cache) => holder.copyTickets(cache)),
    };

  const bindingsOf = ({ tls }: ConnectionFacts): Uint8Array | undefined =>
    tls?.localCertificate === undefined || cbtHardeningLevel === "None"
      ? undefined
      : serverEndPointData(tls.localCertificate);

  const isBound = ({ ntlm, facts }: Dialogue): boolean => {
    const certificate = facts.tls?.localCertificate;
    return certificate === undefined || acceptsBinding(cbtHardeningLevel, certificate, ntlm?.channelBinding);
  };

  // A wrong binding Kerberos has refused itself.
  const isKerberosBound = ({ kerberos, facts }: Dialogue): boolean =>
    facts.tls === undefined || cbtHardeningLevel !== "Strict" || kerberos?.channelBound === true;

  const provider: SecurityProvider = {
    acceptNegotiate: (facts) => {
      const dialogue: Dialogue = { facts };
      const ntlm = ntlmChoice({
        ntHash: (username) => accounts.find(username)?.ntHash,
        computerName,
        domainName: computerName,
        dnsComputerName: machineName,
        random: (length) => systemRandom.bytes(length),
        now: () => systemClock.now(),
        guard: reflectionGuard,
        gate: {
          enter: (username, turn) => {
            dialogue.claimed = username;
            return throttle.enter(accountKey(username), facts.remoteAddress, turn);
          },
        },
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
        if (keys === undefined || tickets === undefined) {
          const context = inTurns(acceptor);
          dialogues.set(context, { facts, inner });
          return context;
        }
        const bought = new PasswordTickets(keys.library);
        const context = inTurns(acceptor, undefined, {
          begin: (then) => {
            const { delegated } = acceptor;
            // Only of a principal does the service know the KDC.
            const principal = dialogues.get(inner)?.kerberos?.principal;
            if (delegated === undefined || principal === undefined) then();
            else bought.logOn(principal, delegated.password, then);
          },
          dispose: () => bought[Symbol.dispose](),
        });
        dialogues.set(context, { facts, inner, tickets: bought });
        return context;
      },
    }),
    account: (context) => {
      const dialogue = dialogues.get(context);
      const principal = context.principal;
      if (dialogue === undefined || principal === undefined) return undefined;
      if (dialogue.inner !== undefined) {
        const account = provider.account(dialogue.inner);
        const delegated = delegatedBy(dialogue.tickets);
        if (account === undefined || delegated === undefined) return account;
        const made = { ...account, delegated };
        bases.set(made, bases.get(account)!);
        return made;
      }
      if (context.mechanism === "Kerberos") {
        // A ticket says who somebody is, the accounts who may come in.
        if (!isKerberosBound(dialogue)) return undefined;
        const { kerberos } = dialogue;
        const name = kerberos?.localName;
        return name === undefined
          ? undefined
          : accountOf(accounts.find(name), kerberos?.domainToken, delegatedBy(kerberos));
      }
      return isBound(dialogue) ? accountOf(accounts.find(principal)) : undefined;
    },
    refusal: (context) => {
      const dialogue = dialogues.get(context);
      if (dialogue === undefined) return undefined;
      if (dialogue.inner !== undefined) return provider.refusal!(dialogue.inner);
      const name = context.mechanism === "Kerberos" ? dialogue.kerberos?.localName : dialogue.claimed;
      if (name !== undefined && accounts.isDisabled(name)) return "the account is disabled";
      if (context.principal === undefined) return undefined;
      const bound = context.mechanism === "Kerberos" ? isKerberosBound(dialogue) : isBound(dialogue);
      return bound
        ? undefined
        : `the logon is not bound to this connection (CbtHardeningLevel ${cbtHardeningLevel})`;
    },
    ...(certificates === undefined ? {} : {
      checkCertificate: (facts: ConnectionFacts) => {
        const verdict = certificates.identify(facts.tls?.peerChain ?? [], systemClock.now());
        if (verdict.kind === "refused") return verdict;
        const account = accountOf(accounts.find(verdict.userName));
        const { user } = verdict;
        if (account !== undefined) return { kind: "account", account };
        const why = accounts.isDisabled(verdict.userName) ? "which is disabled" : "which is no account here";
        return { kind: "refused", user, reason: `its certificate is mapped to ${verdict.userName}, ${why}` };
      },
    }),
    claimant: (context) => {
      const dialogue = dialogues.get(context);
      return dialogue?.inner === undefined ? dialogue?.claimed : provider.claimant!(dialogue.inner);
    },
    isCurrent: (account) => {
      const base = bases.get(account);
      return base !== undefined && passwords.isCurrent(base);
    },
    checkPassword: (username, password, facts, done) => {
      const address = facts.remoteAddress;
      return throttle.enter(accountKey(username), address, (attempt) => {
        if (attempt === undefined) {
          const reason =
            "too many logons of this name wait after failed ones, the password was not looked at";
          return done({ kind: "denied", reason });
        }
        void passwords.check(username, password, address).then((verdict: RememberedVerdict) => {
          // What is only remembered does not clear failures: else whoever guesses beside a busy client would never be slowed.
          const proven = verdict.kind === "right" && verdict.remembered !== true;
          attempt.end(proven ? "right" : verdict.kind === "wrong" ? "wrong" : "unproven");
          if (verdict.kind === "right") done({ kind: "account", account: accountOf(verdict.account)! });
          else done({ kind: verdict.kind === "wrong" ? "denied" : "busy", reason: verdict.reason });
        });
      });
    },
  };
  return provider;
}
