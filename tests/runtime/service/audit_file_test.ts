/** The audit: what a line says, and that nobody else reads it. */
import assert from "node:assert/strict";
import type { ServiceEvent } from "../../../actors/service/mod.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { AuditFile, auditRecord } from "../../../runtime/service/audit_file.ts";

const posix = { ignore: Deno.build.os === "windows" };
const from = "10.0.0.1:4711";
const refused: ServiceEvent = { kind: "logonFailed", scheme: "basic", user: "bob\n", from, reason: "wrong" };

Deno.test("records say who, how, from where and what came of it", () => {
  const events: ServiceEvent[] = [
    { kind: "logon", scheme: "negotiate", mechanism: "NTLM", user: "alice", from },
    { kind: "logon", scheme: "kerberos", mechanism: "Kerberos", user: "alice", from },
    { kind: "logon", scheme: "basic", mechanism: undefined, user: "alice", from },
    refused,
    { kind: "logonFailed", scheme: "negotiate", user: undefined, from, reason: "junk" },
    { kind: "refused", from, status: 403, reason: "clear" },
    { kind: "shellOpened", shellId: "S", user: "alice", from },
    { kind: "shellClosed", shellId: "S", user: "alice", reason: "deleted" },
    { kind: "listening", index: 0, host: "10.0.0.1", port: 5985 },
  ];
  const time = "2026-01-01T00:00:00.000Z";
  assert.deepEqual(events.map((event) => auditRecord(event, time)), [
    { time, event: "logon", outcome: "granted", who: "alice", how: "negotiate/NTLM", from },
    { time, event: "logon", outcome: "granted", who: "alice", how: "kerberos", from },
    { time, event: "logon", outcome: "granted", who: "alice", how: "basic", from },
    { time, event: "logon", outcome: "refused", who: "bob\n", how: "basic", from, reason: "wrong" },
    { time, event: "logon", outcome: "refused", how: "negotiate", from, reason: "junk" },
    { time, event: "request", outcome: "refused", from, reason: "403: clear" },
    { time, event: "shellOpened", outcome: "granted", who: "alice", from, shell: "S" },
    { time, event: "shellClosed", outcome: "ended", who: "alice", reason: "deleted", shell: "S" },
    undefined,
  ]);
});

Deno.test({
  name:
    "the file is its owner's alone, grows, is begun anew when it was moved, and is refused where others can read it",
  ...posix,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-audit-" });
    const path = `${folder}/audit`;
    const lines = async (name = path) =>
      (await Deno.readTextFile(name)).trimEnd().split("\n").map((line) => JSON.parse(line));
    try {
      const troubles: string[] = [];
      {
        using audit = new AuditFile(path, (text) => troubles.push(text));
        audit.take(refused);
        assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
        assert.equal((await lines())[0].who, "bob\n", "a name cannot make lines of its own");
        await Deno.rename(path, `${path}.1`);
        audit.reopen();
        audit.take(refused);
        await Deno.chmod(path, 0o644);
        audit.reopen();
        audit.take(refused);
        assert.equal(troubles.length, 1);
        assert.match(troubles[0]!, /chmod 600/);
      }
      assert.deepEqual([(await lines(`${path}.1`)).length, (await lines()).length], [1, 2]);
      assert.throws(
        () => new AuditFile(path, () => {}),
        (error: unknown) => error instanceof DroverError && error.code === "FileNotPrivate",
      );
      assert.throws(
        () => new AuditFile(folder, () => {}),
        (error: unknown) => error instanceof DroverError && error.code === "AuditFile",
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
