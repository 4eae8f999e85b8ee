/** Who can log on to whom, how, and over what, with real peers: the table of ARCHITECTURE.md, measured. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kdc, kdcPresent } from "./kdc.ts";
import { apachePresent } from "./apache.ts";
import { type Column, columns, impossible, type Measured, render, rows, userOf } from "./matrix/table.ts";
import { peerPresent } from "../interop/peers.ts";
import { password, python } from "./world.ts";

const top = fileURLToPath(new URL("../../", import.meta.url));
const documented = /<!-- matrix -->\n(.*)<!-- \/matrix -->\n(.*?)\n## /s;

/** Users of the realm: of every cell with Kerberos one. */
function users(): Record<string, string> {
  const names = rows.filter(({ kind }) => kind.includes("Kerberos")).flatMap((row) =>
    (Object.keys(columns) as Column[]).filter((column) => impossible(row, column) === undefined)
      .map((column) => userOf(row, column))
  );
  return Object.fromEntries(["alice", ...names].map((name) => [name, password]));
}

/** Without what the formatter does to tables and lines. */
function unpadded(text: string): string {
  return text.replaceAll(/-{3,}/g, "---").replaceAll(/\s+/g, " ").trim();
}

async function measure(kdc: Kdc): Promise<Measured[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tests/auth/matrix/measure.ts", kdc.folder, kdc.keytab],
    cwd: top,
    env: { ...kdc.environment, DROVER_PASSWORD: password },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(success, success ? "" : new TextDecoder().decode(stderr));
  return text.trim().split("\n").map((line) => {
    const { at, ...rest } = JSON.parse(line);
    return { row: rows[at]!, ...rest };
  });
}

Deno.test("the matrix of authentication is as ARCHITECTURE.md has it", {
  ignore: !kdcPresent || !apachePresent || python === undefined || !peerPresent("masterzen"),
}, async () => {
  await using kdc = await Kdc.start({
    users: users(),
    services: ["HTTP/localhost", "HOST/localhost", "host/localhost"],
  });
  const measured = await measure(kdc);
  const table = render(measured);
  console.log(table);
  const tickets = (await kdc.issued("TGS")).join("\n");
  for (const { row, column, outcome } of measured) {
    if (
      row.server !== "Drover" || !row.kind.includes("Kerberos") || outcome !== "ok" || column === "elsewhere"
    ) continue;
    assert.match(
      tickets,
      new RegExp(` ${userOf(row, column)}@`),
      `${row.client}, ${row.kind}, ${column}: no ticket`,
    );
  }
  assert.deepEqual(
    measured.filter(({ problems }) => problems.length > 0)
      .map(({ row, column, outcome, problems }) => ({ ...row, column, outcome, problems })),
    [],
  );
  const document = await Deno.readTextFile(`${top}ARCHITECTURE.md`);
  const [, shown, peers] = documented.exec(document)!;
  assert.equal(unpadded(shown!), unpadded(table), "the table is not the one of ARCHITECTURE.md");
  const pins = await Deno.readTextFile(new URL("peers/requirements.txt", import.meta.url));
  for (const [, name, version] of pins.matchAll(/^(pypsrp|pywinrm|requests-credssp|pyspnego)\S*==(\S+)$/gm)) {
    assert.ok(
      unpadded(peers!).includes(`${name} ${version}`),
      `ARCHITECTURE.md: the peer is ${name} ${version}`,
    );
  }
});
