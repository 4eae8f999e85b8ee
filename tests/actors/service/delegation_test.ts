/** Credentials that clients hand over: laid ready for a shell's commands, and gone with the shell, however that ends. */
import assert from "node:assert/strict";
import type { DelegatedCredentials } from "../../../actors/ports.ts";
import { administrators } from "../../../protocol/access/mod.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import type { Secret } from "../../../protocol/secret.ts";
import { Harness, type HarnessOptions, password, shellBody, tokenWith } from "./harness.ts";

/** A service whose clients hand something over, and what becomes of it. */
function world(options: HarnessOptions = {}, broken = false) {
  const log: string[] = [];
  const delegated: DelegatedCredentials = {
    provide: (systemUser) => {
      if (broken) throw new UsageError("TicketsNotStored", "lay delegated tickets ready: the disk is full");
      log.push(`provide ${systemUser}`);
      return { variables: { TICKETS: "here" }, wipe: () => log.push("wipe") };
    },
  };
  const account = { name: "alice", systemUser: "alison", token: tokenWith(administrators), delegated };
  const h = new Harness({
    ...options,
    security: {
      account: () => account,
      checkPassword: (_name, given: Secret, _facts, done) => {
        assert.equal(given.reveal(), password);
        done({ kind: "account", account });
        return () => {};
      },
    },
  });
  return { h, log };
}

const end = (shellId: string) => ({ action: actions.delete, selectors: { ShellId: shellId } });

Deno.test("commands of a shell have what was handed over, in one copy that Delete destroys", () => {
  const { h, log } = world();
  const client = h.connect();
  const shell = h.open(client);
  assert.deepEqual(log, ["provide alison"]);
  h.start(client, shell);
  assert.deepEqual(h.processes.last.spec.env, { TICKETS: "here" });
  h.start(client, shell);
  assert.deepEqual(log, ["provide alison"]);
  assert.equal(h.call(client, end(shell)).status, 200);
  h.test.run();
  assert.deepEqual(log, ["provide alison", "wipe"]);
});

Deno.test("each shell has its own copy, and what the client says itself goes before it", () => {
  const { h, log } = world();
  const client = h.connect();
  const variable = '<rsp:Environment><rsp:Variable Name="TICKETS">mine</rsp:Variable></rsp:Environment>';
  const shells = [h.open(client), h.open(client, { body: shellBody(variable) })];
  assert.deepEqual(log, ["provide alison", "provide alison"]);
  h.start(client, shells[1]!);
  assert.deepEqual(h.processes.last.spec.env, { TICKETS: "mine" });
  h.call(client, end(shells[1]!));
  h.test.run();
  assert.equal(log.filter((line) => line === "wipe").length, 1);
});

Deno.test("a shell whose time is over, and a service that stops, leave no copy", () => {
  const { h, log } = world({ settings: { IdleTimeout: 60_000 } });
  const client = h.connect();
  h.start(client, h.open(client));
  h.test.advance(60_000);
  assert.deepEqual(log.splice(0), ["provide alison", "wipe"]);
  const second = h.connect();
  h.start(second, h.open(second));
  h.test.system.stop(h.root);
  h.test.advance(60_000);
  assert.deepEqual(log, ["provide alison", "wipe"]);
});

Deno.test("where it cannot be laid ready no command begins, and the client is told why", () => {
  const { h, log } = world({}, true);
  const client = h.connect();
  const shell = h.open(client);
  const answer = h.call(client, h.command(shell, "run"));
  assert.match(answer.text, /delegated tickets ready: the disk is full/);
  assert.equal(h.processes.processes.length, 0);
  assert.equal(h.call(client, end(shell)).status, 200);
  assert.deepEqual(log, []);
});
