/** Traces of a job by Deno's own OpenTelemetry, as a collector gets them from a real daemon. */
import assert from "node:assert/strict";
import { account, password, start, startService } from "../cli/drover.ts";
import { lines } from "./children.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

Deno.test("a job, its hosts, their operations and the HTTP of these are one trace below the request, without secrets", async () => {
  const texts: string[] = [];
  const collector = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const text = await request.text();
    if (new URL(request.url).pathname === "/v1/traces") texts.push(text);
    return Response.json({});
  });
  const folder = await Deno.makeTempDir({ prefix: "drover-traces-" });
  await Deno.chmod(folder, 0o700);
  await using service = await startService();
  const host = `127.0.0.1:${service.ports[0]}`;
  await Deno.writeTextFile(`${folder}/hosts.txt`, `${host}\n`);
  const daemon = start([
    ...["daemon", "--api", "127.0.0.1:0", "--store", `${folder}/drover.db`, "-i", `${folder}/hosts.txt`],
    ...["--auth", "ntlm", "--trust", "127.0.0.1", ...account()],
  ], {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_SERVICE_NAME: "drover",
    },
  });
  const said = new Response(daemon.stderr).text();
  try {
    const output = lines(daemon);
    const url = /^Listening on (\S+)/.exec((await output.next()).value ?? "")?.[1];
    const token = (await Deno.readTextFile(`${folder}/daemon.token`)).trim();
    const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" };
    const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const made = await fetch(`${url}/v1/jobs`, {
      method: "POST",
      headers: { ...headers, traceparent: parent },
      body: JSON.stringify({
        hosts: "all",
        command: "echo very-private-output; : very-private-command; exit 3",
      }),
    });
    const { id } = await made.json() as { id: string };
    await (await fetch(`${url}/v1/jobs/${id}/events`, { headers })).text();
    daemon.kill("SIGTERM");
    await output.return(undefined);
    assert.equal((await daemon.status).code, 0);

    const spans = texts.flatMap((text) =>
      (JSON.parse(text) as {
        resourceSpans: { scopeSpans: { scope: { name: string }; spans: Span[] }[] }[];
      }).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).filter(({ scope }) => scope.name === "drover")
        .flatMap(({ spans }) => spans)
    );
    const ids = new Map(spans.map((span) => [span.spanId, span]));
    const one = (name: string) => {
      const found = spans.filter((span) => span.name === name);
      assert.equal(found.length, 1, name);
      return found[0]!;
    };
    const [job, hostSpan] = [one("job"), one("host")];
    // Below the request, which is below the caller's span.
    assert.equal(job.traceId, "0af7651916cd43dd8448eb211c80319c");
    assert.ok(job.parentSpanId !== undefined && !ids.has(job.parentSpanId));
    assert.equal(hostSpan.parentSpanId, job.spanId);
    for (const name of ["Create", "Command", "Signal", "Delete"]) {
      const operation = one(name);
      assert.equal(operation.parentSpanId, hostSpan.spanId, name);
      const http = spans.filter(({ parentSpanId }) => parentSpanId === operation.spanId);
      assert.deepEqual(http.map((span) => [span.name, span.kind]), [["POST", 3]], name);
      const [from, sent, until, answered] = [
        operation.startTimeUnixNano,
        http[0]!.startTimeUnixNano,
        operation.endTimeUnixNano,
        http[0]!.endTimeUnixNano,
      ].map(BigInt) as [bigint, bigint, bigint, bigint];
      assert.ok(from <= sent && sent <= answered && answered === until, name);
    }
    assert.ok(spans.every(({ traceId }) => traceId === job.traceId));
    const attributes = new Map(hostSpan.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
    assert.equal(attributes.get("drover.host.status"), "failed");
    assert.equal(attributes.get("server.address"), "127.0.0.1");
    for (const secret of [password, token, "very-private-output", "very-private-command"]) {
      assert.ok(!texts.some((text) => text.includes(secret)), secret);
    }
  } finally {
    try {
      daemon.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await daemon.status;
    await said;
    await collector.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
