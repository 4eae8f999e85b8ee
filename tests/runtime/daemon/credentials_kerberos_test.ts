/** Tickets and keys of the operator's are not for hosts whose address came in through the API. */
import assert from "node:assert/strict";
import { targetOf } from "../../../runtime/client/targets.ts";
import { readCredentials } from "../../../runtime/daemon/credentials.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";

Deno.test("a host of the API is not logged on to with the operator's tickets, keytab or delegation", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/credentials.json`;
  const entry = { addresses: ["known"], user: "alice@CORP", password: "x" };
  await Deno.writeTextFile(path, JSON.stringify({ credentials: [entry] }), { mode: 0o600 });
  await Deno.writeTextFile(`${folder}/cache`, "tickets");
  const before = Deno.env.get("KRB5CCNAME");
  Deno.env.set("KRB5CCNAME", `FILE:${folder}/cache`);
  try {
    const kerberos = { keytab: `${folder}/keytab`, ccache: `FILE:${folder}/cache`, delegate: true };
    for (const common of [{}, { kerberos }, { auth: "kerberos" as const, kerberos }]) {
      const credentials = readCredentials(path, common);
      for (const auth of ["kerberos", "negotiate"] as const) {
        const host = { ...inventoryFromHosts(["attacker"]).hosts[0]!, auth };
        const { options } = credentials.account(host);
        assert.deepEqual(options.kerberos, { passwordOnly: true });
        assert.throws(() => targetOf(host, options, () => ""), {
          code: /CredentialsMissing|KerberosUnavailable/,
        });
        const known = {
          ...inventoryFromHosts(["known"]).hosts[0]!,
          auth: "ntlm" as const,
          scheme: "https" as const,
        };
        targetOf(known, credentials.account(known).options, () => "");
      }
    }
  } finally {
    if (before === undefined) Deno.env.delete("KRB5CCNAME");
    else Deno.env.set("KRB5CCNAME", before);
    await Deno.remove(folder, { recursive: true });
  }
});
