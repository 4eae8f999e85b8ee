/** Logons of a service are slowed whatever way the password comes, in virtual time. */
import assert from "node:assert/strict";
import type { ConnectionFacts, PasswordVerdict, SecurityProvider } from "../../../actors/ports.ts";
import { createNegotiateInitiator, createNtlmInitiator } from "../../../protocol/auth/mod.ts";
import type { SecurityContext, SecurityStep } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { systemRandom } from "../../../runtime/random.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { LogonThrottle, waitersEach } from "../../../runtime/security/logon_throttle.ts";
import { createSecurityProvider } from "../../../runtime/service/security.ts";
import { VirtualClock } from "../../helpers/virtual_clock.ts";

interface World {
  readonly clock: VirtualClock;
  readonly throttle: LogonThrottle;
  readonly provider: SecurityProvider;
}

function world(): World {
  const accounts = new Accounts();
  accounts.add("alice", new Secret("pw"), undefined);
  const clock = new VirtualClock();
  const throttle = new LogonThrottle(clock);
  return {
    clock,
    throttle,
    provider: createSecurityProvider({ accounts, passwords: accounts, throttle }, "web01", undefined),
  };
}

function facts(remoteAddress = "10.0.0.1"): ConnectionFacts {
  return { localAddress: "10.0.0.9", localPort: 5985, remoteAddress, remotePort: 4711, tls: undefined };
}

interface Logon {
  readonly context: SecurityContext;
  outcome?: SecurityStep;
}

/** A logon up to its last step, whose outcome may come later. */
function logOn(
  { provider }: World,
  create: typeof createNegotiateInitiator | typeof createNtlmInitiator,
  password: string,
  from?: string,
): Logon {
  const client = create({
    credential: { username: "Alice", domain: "CORP", password: new Secret(password) },
    random: (length) => systemRandom.bytes(length),
    now: () => Date.now(),
    workstation: "CLIENT",
    targetName: "HTTP/web01",
  });
  const context = provider.acceptNegotiate(facts(from));
  let token: Uint8Array | undefined;
  client.step(undefined, (step) => token = step.kind === "failed" ? undefined : step.token);
  context.step(token, (step) => {
    assert.ok(step.kind === "continue");
    client.step(step.token, (last) => token = last.kind === "failed" ? undefined : last.token);
  });
  const logon: Logon = { context };
  context.step(token, (step) => logon.outcome = step);
  return logon;
}

for (const [name, create] of [["SPNEGO", createNegotiateInitiator], ["NTLM", createNtlmInitiator]] as const) {
  Deno.test(`${name}: the fourth guess waits, whoever is not guessing does not, and what is claimed is known`, () => {
    const w = world();
    for (let i = 0; i < 3; i++) {
      const { context, outcome } = logOn(w, create, `guess ${i}`);
      assert.ok(outcome?.kind === "failed" && outcome.error.code === "NtlmDenied");
      assert.equal(w.provider.claimant!(context), "Alice");
      assert.equal(w.provider.account(context), undefined);
    }
    const slowed = logOn(w, create, "pw");
    assert.equal(slowed.outcome, undefined);
    const other = logOn(w, create, "pw", "10.0.0.2");
    assert.equal(other.outcome?.kind, "done");
    assert.equal(w.provider.account(other.context)?.name, "alice");
    while (w.clock.step(999));
    assert.equal(slowed.outcome, undefined);
    while (w.clock.step(1_000));
    assert.equal(
      (slowed.outcome as SecurityStep | undefined)?.kind,
      "done",
      "the right password gets in, later",
    );
    assert.equal(logOn(w, create, "pw").outcome?.kind, "done", "and at once from then on");
  });
}

Deno.test("whoever leaves while it waits makes room, and is not checked", () => {
  const w = world();
  for (let i = 0; i < 3; i++) logOn(w, createNegotiateInitiator, "guess");
  const left = logOn(w, createNegotiateInitiator, "pw");
  assert.equal(w.throttle.stats.waiting, 1);
  left.context.dispose();
  assert.equal(w.throttle.stats.waiting, 0);
  while (w.clock.step(60_000));
  assert.equal(left.outcome, undefined);
});

Deno.test("the operator is told that an account is disabled, whatever it is tried with; the client is not", () => {
  const accounts = new Accounts();
  accounts.add("other", new Secret("pw"), undefined);
  const disabled = {
    find: (name: string) => accounts.find(name),
    isDisabled: (name: string) => name.toLowerCase() === "alice",
  };
  const provider = createSecurityProvider(
    { accounts: disabled, passwords: accounts },
    "web01",
    undefined,
  );
  const clock = new VirtualClock();
  const w = { clock, throttle: new LogonThrottle(clock), provider };
  for (const create of [createNegotiateInitiator, createNtlmInitiator]) {
    const { context, outcome } = logOn(w, create, "pw");
    // The same as for a name that nobody has.
    assert.ok(
      outcome?.kind === "failed" && outcome.error.code === "NtlmDenied" && outcome.token === undefined,
    );
    assert.equal(provider.refusal!(context), "the account is disabled");
  }
});

Deno.test("guesses with Basic and with NTLM count together", async () => {
  const w = world();
  const verdicts: PasswordVerdict[] = [];
  const basic = async (password: string) => {
    w.provider.checkPassword("ALICE", new Secret(password), facts(), (verdict) => verdicts.push(verdict));
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  await basic("guess");
  await basic("guess");
  assert.deepEqual(verdicts.map(({ kind }) => kind), ["denied", "denied"]);
  logOn(w, createNegotiateInitiator, "guess");
  await basic("pw");
  assert.equal(verdicts.length, 2, "it waits");
  assert.equal(logOn(w, createNegotiateInitiator, "pw").outcome, undefined);
  while (w.clock.step(1_000));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(verdicts[2]?.kind, "account");
});

Deno.test("beyond those that may wait, a logon is refused without looking at its password", () => {
  const w = world();
  for (let i = 0; i < 3; i++) logOn(w, createNegotiateInitiator, "guess");
  const waiting = Array.from({ length: waitersEach }, () => logOn(w, createNegotiateInitiator, "pw"));
  const { outcome, context } = logOn(w, createNegotiateInitiator, "pw");
  assert.ok(outcome?.kind === "failed" && outcome.error.code === "LogonUnchecked");
  assert.equal(w.provider.account(context), undefined);
  while (w.clock.step(1_000));
  assert.ok(waiting.every((one) => one.outcome?.kind === "done"));
});
