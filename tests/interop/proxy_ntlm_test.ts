// Our client through a proxy that wants NTLM. The proxy is a stand-in (tests/helpers/connect_proxy.ts); who checks the logon is
// pyspnego. Needs a Python with it in DROVER_INTEROP_PYTHON.
import assert from "node:assert/strict";
import { Secret } from "../../protocol/secret.ts";
import { ConnectProxy } from "../helpers/connect_proxy.ts";
import { helloThrough } from "../helpers/proxy_outcome.ts";
import { SpnegoPeer, spnegoPresent } from "./spnego_peer.ts";

const password = "Pässw0rd€!";

for (const [scheme, protocol] of [["NTLM", "ntlm"], ["Negotiate", "negotiate"]] as const) {
  Deno.test({
    name: `a proxy whose logons pyspnego checks lets in DOMAIN\\name with its password only (${scheme})`,
    ignore: !spnegoPresent,
    async fn() {
      const accounts = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(accounts, `DOM:jörg:${password}\n`);
        const env = { NTLM_USER_FILE: accounts };
        await using server = new ConnectProxy({
          offers: [scheme, 'Basic realm="proxy"'],
          logon: () => new SpnegoPeer("server", protocol, "-", env),
        });
        const through = (user: string, secret: string) =>
          helloThrough({
            host: "127.0.0.1",
            port: server.port,
            credential: { user, password: new Secret(secret), allowBasic: true },
          });
        const right = await through("DOM\\jörg", password);
        assert.deepEqual([right.text, right.error?.code], ["hello", undefined]);
        assert.deepEqual(server.schemes, ["none", scheme, scheme]);
        assert.equal(server.connections, 1);
        for (const [user, secret] of [["DOM\\jörg", "wrong"], ["OTHER\\jörg", password]] as const) {
          const { text, error } = await through(user, secret);
          assert.deepEqual([text, error?.code], ["", "ProxyAuthenticationRequired"]);
          assert.ok(!error!.message.includes(secret));
        }
        // A refusal is not answered with the password in clear.
        assert.ok(!server.schemes.includes("Basic"), server.schemes.join());
      } finally {
        await Deno.remove(accounts);
      }
    },
  });
}
