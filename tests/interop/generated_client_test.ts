/** Clients that public generators make of /openapi.json compile, and run a job on a real host. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { password, startService } from "../runtime/cli/drover.ts";
import { apiDaemon } from "./api_daemon.ts";
import { peerPresent } from "./peers.ts";

const python = Deno.env.get("DROVER_INTEROP_PYTHON") ?? "";
const peers = fileURLToPath(new URL("peers/", import.meta.url));

/** Runs a program to its end, which has to be a good one. */
async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout);
  assert.ok(success, `${program} ${args.join(" ")}:\n${said}${new TextDecoder().decode(stderr)}`);
  return said;
}

/** A daemon with one real host, and its description in a file. */
async function described() {
  const service = await startService(["--auth", "basic", "--allow-unencrypted"]);
  const host = `127.0.0.1:${service.ports[0]}`;
  const daemon = await apiDaemon([host], password);
  const file = join(daemon.folder, "openapi.json");
  await Deno.writeTextFile(file, await (await fetch(`${daemon.url}/openapi.json`)).text());
  return {
    daemon,
    host,
    file,
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** What each client has to find. */
const found = (host: string) => ({
  state: "done",
  succeeded: 1,
  hosts: [{ host, exitCode: 0, stdoutBytes: 6 }],
  problem: "JobUnknown",
});

Deno.test({
  name: "a Python client made by openapi-python-client compiles and runs a job",
  ignore: !peerPresent("openapi-python-client"),
  async fn() {
    await using here = await described();
    const { daemon, host, file } = here;
    const options = join(daemon.folder, "options.yml");
    await Deno.writeTextFile(options, "post_hooks: []\n");
    const said = await run(join(dirname(python), "openapi-python-client"), [
      "generate",
      ...[
        "--path",
        file,
        "--config",
        options,
        "--output-path",
        join(daemon.folder, "made"),
        "--meta",
        "none",
      ],
    ], daemon.folder);
    // What it cannot make something of, it warns of and leaves out.
    assert.doesNotMatch(said, /warning|unable/i);
    await run(python, ["-m", "compileall", "-q", "made"], daemon.folder);
    const args = [join(peers, "generated_client_run.py"), daemon.folder, "made", daemon.url, "echo hello"];
    const seen = await run(python, args, daemon.folder, { DROVER_TOKEN: daemon.token });
    assert.deepEqual(JSON.parse(seen), found(host));
    assert.deepEqual(daemon.errors, []);
  },
});

/** The script around the generated types; TypeScript checks it against them. */
const script = `
import createClient from "openapi-fetch";
import type { components, paths } from "./api.ts";

const [baseUrl = "", command = ""] = Deno.args;
const headers = { Authorization: \`Bearer \${Deno.env.get("DROVER_TOKEN")}\` };
const api = createClient<paths>({ baseUrl, headers });

const made = await api.POST("/v1/jobs", {
  body: { command, timeoutMs: 60_000 },
  params: { header: { "idempotency-key": "typescript-1" } },
});
if (made.error !== undefined) throw new Error(made.error.code);
let job: components["schemas"]["Job"] = made.data;
const path = { id: job.id };
while (job.state !== "done") {
  const { data } = await api.GET("/v1/jobs/{id}", { params: { path } });
  if (data !== undefined) job = data;
}
const { data } = await api.GET("/v1/jobs/{id}/hosts", { params: { path, query: { limit: 10 } } });
const none = await api.GET("/v1/jobs/{id}", {
  params: { path: { id: "00000000-0000-7000-8000-000000000000" } },
});
// @ts-expect-error The types are more than any.
job.state === "nonsense";
console.log(JSON.stringify({
  state: job.state,
  succeeded: job.counts.succeeded,
  hosts: data?.items.map(({ host, exitCode, stdoutBytes }) => ({ host, exitCode, stdoutBytes })),
  problem: none.error?.code,
}));
`;

Deno.test({
  name: "a TypeScript client made by openapi-typescript passes the type check and runs a job",
  async fn() {
    await using here = await described();
    const { daemon, host, file } = here;
    for (const name of ["openapi_typescript.json", "openapi_typescript.lock"]) {
      await Deno.copyFile(join(peers, name), join(daemon.folder, name));
    }
    const pinned = ["--config", "openapi_typescript.json", "--lock", "openapi_typescript.lock", "--frozen"];
    const deno = (command: string, ...args: readonly string[]) =>
      run(Deno.execPath(), [command, ...pinned, ...args], daemon.folder, { DROVER_TOKEN: daemon.token });
    const generate = () => deno("run", "-A", "npm:openapi-typescript@7.13.0", file, "-o", "api.ts");
    // The first time it is downloaded, which fails now and then.
    await generate().catch(generate);
    await Deno.writeTextFile(join(daemon.folder, "client.ts"), script);
    await deno("check", "client.ts");
    const seen = await deno("run", "--allow-net", "--allow-env", "client.ts", daemon.url, "echo hello");
    assert.deepEqual(JSON.parse(seen), found(host));
    assert.deepEqual(daemon.errors, []);
  },
});
