/** The foreign clients themselves, against canned answers: a failure elsewhere is then not theirs. */
import assert from "node:assert/strict";
import { startCannedServer } from "../../bench/canned_server.ts";
import { type Peer, peerPresent, runPeer } from "./peers.ts";

for (const peer of ["pywinrm", "pypsrp", "masterzen"] satisfies Peer[]) {
  const ignore = !peerPresent(peer);
  Deno.test(`${peer} runs a command, with and without input`, { ignore }, async () => {
    await using server = await startCannedServer();
    for (const stdin of [undefined, new Uint8Array(0), new Uint8Array(200_000).fill(65)]) {
      const result = await runPeer(peer, {
        endpoint: server.endpoint,
        user: "bench",
        password: "bench",
        command: "hostname",
        args: ["-f"],
        ...(stdin === undefined ? {} : { stdin }),
      });
      assert.equal(result.error, undefined);
      assert.equal(new TextDecoder().decode(result.stdout), "WEB01\r\n");
      assert.equal(result.stderr.length, 0);
      assert.equal(result.exitCode, 0);
    }
  });

  Deno.test(`${peer} says what failed, without the password`, { ignore }, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const result = await runPeer(peer, {
      endpoint: `http://127.0.0.1:${port}`,
      user: "bench",
      password: "s3cret-Word",
      command: "hostname",
    });
    assert.equal(result.exitCode, undefined);
    assert.match(result.error!, /refused/i);
    assert.ok(!result.error!.includes("s3cret-Word"));
  });
}
