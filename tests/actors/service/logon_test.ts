/** Logons whose check takes its time, cannot be made now, or is overtaken by a change of the account. */
import assert from "node:assert/strict";
import { logonTimeoutMs } from "../../../actors/service/connection.ts";
import type { PasswordVerdict, SecurityProvider } from "../../../actors/ports.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import {
  envelopeOf,
  initiator,
  logOn,
  negotiate,
  opened,
  sealed,
  shellId,
  step,
  tokenOf,
} from "./attacks.ts";
import { administrators } from "../../../protocol/access/mod.ts";
import { Harness, tokenWith } from "./harness.ts";

const get = { action: actions.get, selectors: { ShellId: shellId } };

/** Checks of passwords that end when the test says so. */
class Slow {
  readonly checks: { from: string; done: (verdict: PasswordVerdict) => void; givenUp: boolean }[] = [];
  readonly security: Partial<SecurityProvider> = {
    checkPassword: (_user, _password, { remoteAddress: from }, done) => {
      const check = { from, done, givenUp: false };
      this.checks.push(check);
      return () => check.givenUp = true;
    },
  };
}

const alice: PasswordVerdict = {
  kind: "account",
  account: { name: "alice", systemUser: undefined, token: tokenWith(administrators) },
};

Deno.test("a check that takes its time holds up its own connection and no other", () => {
  const slow = new Slow();
  const h = new Harness(slow);
  const waiting = h.connect();
  waiting.sendBytes(h.request(get));
  assert.equal(slow.checks[0]!.from, "10.0.0.9");
  const other = h.connect();
  logOn(other, initiator(h));
  h.test.advance(20_000);
  assert.equal(waiting.answers.length, 0);
  slow.checks[0]!.done(alice);
  h.test.run();
  assert.equal(waiting.answers[0]!.status, 500, "logged on: there is no such shell");
  assert.equal(slow.checks[0]!.givenUp, false);
});

Deno.test("a check that nobody waits for any more is given up: the client is gone, or its time to log on is over", () => {
  const slow = new Slow();
  const h = new Harness(slow);
  const gone = h.connect();
  gone.sendBytes(h.request(get));
  gone.reset();
  assert.equal(slow.checks[0]!.givenUp, true);
  const late = h.connect();
  late.sendBytes(h.request(get));
  h.test.advance(logonTimeoutMs - 1);
  assert.equal(slow.checks[1]!.givenUp, false);
  h.test.advance(1);
  assert.equal(slow.checks[1]!.givenUp, true);
  assert.equal(late.closed, true);
  for (const { done } of slow.checks) done(alice);
  h.test.run();
  assert.deepEqual([gone.answers.length, late.answers.length], [0, 0]);
  assert.equal(h.events.filter(({ kind }) => kind === "logon").length, 0);
  assert.deepEqual(h.test.crashes, []);
});

Deno.test("a password that cannot be checked now is answered with 503, not as if it were wrong", () => {
  const slow = new Slow();
  const h = new Harness(slow);
  const client = h.connect();
  client.sendBytes(h.request(get));
  slow.checks[0]!.done({ kind: "busy", reason: "too many passwords wait" });
  h.test.run();
  assert.equal(client.answers[0]!.status, 503);
  assert.equal(client.answers[0]!.headers.get("www-authenticate"), undefined);
  assert.deepEqual(h.events.at(-1), {
    kind: "refused",
    from: "10.0.0.9:40000",
    status: 503,
    reason: "too many passwords wait",
  });
});

Deno.test("why a logon was refused is told to the operator and not to the client", () => {
  const slow = new Slow();
  const h = new Harness({ ...slow, auth: ["basic"] });
  for (const reason of ["the account is disabled", "there is no such account"]) {
    const client = h.connect();
    client.sendBytes(h.request(get));
    slow.checks.at(-1)!.done({ kind: "denied", reason });
    h.test.run();
    const { status, headers, body } = client.answers[0]!;
    assert.deepEqual([status, headers.get("www-authenticate"), body.length], [401, 'Basic realm="WSMAN"', 0]);
    assert.deepEqual(h.events.at(-1), {
      kind: "logonFailed",
      scheme: "basic",
      user: "alice",
      from: "10.0.0.9:40000",
      reason,
    });
  }
});

Deno.test("who has logged on logs on again when the account was changed", () => {
  let current = true;
  const h = new Harness({ allowUnencrypted: false, security: { isCurrent: () => current } });
  const client = h.connect();
  const context = initiator(h);
  logOn(client, context);
  client.sendBytes(sealed(context, envelopeOf(h.request(get))));
  assert.equal(opened(client, context).status, 500);
  current = false;
  client.sendBytes(sealed(context, envelopeOf(h.request(get))));
  assert.equal(client.answers.at(-1)!.status, 401);
  assert.equal(client.serviceEnded, true);
  const told = h.events.at(-1)!;
  assert.ok(told.kind === "logonFailed" && told.user === "alice" && told.scheme === "negotiate", told.kind);
});

Deno.test("a dialogue that fails is recorded with the name that was claimed, one that succeeds with its mechanism", () => {
  const h = new Harness({ security: { claimant: () => "mallory" } });
  const client = h.connect();
  const context = initiator(h, "alice", "wrong");
  client.sendBytes(negotiate(step(context, undefined)!));
  client.sendBytes(negotiate(step(context, tokenOf(client))!));
  const failed = h.events.at(-1)!;
  assert.ok(failed.kind === "logonFailed" && failed.user === "mallory");
  const other = h.connect();
  logOn(other, initiator(h));
  assert.deepEqual(h.events.at(-1), {
    kind: "logon",
    scheme: "negotiate",
    mechanism: "NTLM",
    user: "alice",
    from: "10.0.0.9:40000",
  });
});

Deno.test("who has logged on with a ticket logs on again when it has expired; what runs meanwhile runs on", () => {
  const h = new Harness({ allowUnencrypted: false, ticketMs: 60_000 });
  const client = h.connect();
  const context = initiator(h);
  logOn(client, context);
  h.test.advance(59_000);
  client.sendBytes(sealed(context, envelopeOf(h.request(get))));
  assert.equal(opened(client, context).status, 500, "logged on: there is no such shell");
  h.test.advance(1_000);
  client.sendBytes(sealed(context, envelopeOf(h.request(get))));
  const { status, headers } = client.answers.at(-1)!;
  assert.equal(status, 401);
  assert.match(headers.get("www-authenticate")!, /Negotiate/);
  assert.equal(client.serviceEnded, true);
  assert.deepEqual(h.events.at(-1), {
    kind: "logonFailed",
    scheme: "negotiate",
    user: "alice",
    from: "10.0.0.9:40000",
    reason: "the ticket of the logon has expired meanwhile",
  });
  // A new logon is a new ticket's.
  const next = h.connect();
  const another = initiator(h);
  logOn(next, another);
  next.sendBytes(sealed(another, envelopeOf(h.request(get))));
  assert.equal(opened(next, another).status, 500);
});
