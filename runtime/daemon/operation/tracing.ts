/**
 * Traces of jobs through Deno's own OpenTelemetry (`OTEL_DENO=true`): job → host → operation of WinRM → HTTP. A job that was asked for
 * over HTTP hangs below that request. Only loaded when it is switched on. No command, output or secret is in any attribute.
 * @module
 */
import {
  type Context,
  context as contexts,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { Job } from "../../../actors/daemon/job_types.ts";
import type { ExchangeNote } from "../../../actors/ports.ts";
import { version } from "../../version.ts";
import type { WorkWatch } from "./watch.ts";

interface HostTrace {
  readonly span: Span;
  readonly context: Context;
  named: boolean;
}

interface JobTrace {
  readonly span: Span;
  readonly context: Context;
  /** By place in the job. They stay until the job is left: clean-up follows a host's result. */
  readonly hosts: Map<number, HostTrace>;
}

/** Makes the spans. */
export function jobTraces(): WorkWatch {
  const tracer = trace.getTracer("drover", version);
  const jobs = new Map<string, JobTrace>();
  const hostOf = (job: JobTrace, id: string, index: number, startTime: number): HostTrace => {
    const known = job.hosts.get(index);
    if (known !== undefined) return known;
    const attributes = { "drover.job.id": id, "drover.host.index": index };
    const span = tracer.startSpan("host", { attributes, startTime }, job.context);
    const host = { span, context: trace.setSpan(ROOT_CONTEXT, span), named: false };
    job.hosts.set(index, host);
    return host;
  };
  return {
    jobBegan({ id, createdBy, createdAt }: Job, hosts, resumed) {
      const parent = resumed ? ROOT_CONTEXT : contexts.active();
      const span = tracer.startSpan("job", {
        attributes: {
          "drover.job.id": id,
          "drover.job.hosts": hosts,
          "drover.job.created_by": createdBy,
          "drover.job.resumed": resumed,
        },
        ...(resumed ? {} : { startTime: createdAt }),
      }, parent);
      jobs.set(id, { span, context: trace.setSpan(ROOT_CONTEXT, span), hosts: new Map() });
    },
    recording(records: readonly StoreRecord[]) {
      for (const record of records) {
        if (record.kind !== "progress" && record.kind !== "result") continue;
        const job = jobs.get(record.job);
        if (job === undefined) continue;
        const host = hostOf(job, record.job, record.index, record.at);
        if (record.kind === "progress") continue;
        host.span.setAttribute("drover.host.status", record.status);
        if (record.exitCode !== null) host.span.setAttribute("drover.host.exit_code", record.exitCode);
        if (record.error !== null) host.span.setAttribute("error.type", record.error.code);
        if (record.status !== "succeeded") host.span.setStatus({ code: SpanStatusCode.ERROR });
        host.span.end(record.at);
      }
    },
    recorded() {},
    jobLeft(id) {
      const job = jobs.get(id);
      if (job === undefined) return;
      jobs.delete(id);
      // Harmless for those that have ended with their result.
      for (const { span } of job.hosts.values()) if (span.isRecording()) span.end();
      job.span.end();
    },
    exchangeBegan() {},
    exchangeEnded({ operation, place, to, waitedMs, durationMs, httpStatus, outcome, code }: ExchangeNote) {
      const job = place === undefined ? undefined : jobs.get(place.job);
      if (place === undefined || job === undefined) return;
      const end = Date.now();
      const sent = end - durationMs;
      // The store may be told that it has begun only after its first answer.
      const host = hostOf(job, place.job, place.index, sent - waitedMs);
      const address = { "server.address": to.host, "server.port": to.port };
      if (!host.named && host.span.isRecording()) {
        host.named = true;
        host.span.setAttributes(address);
      }
      const error = code === undefined ? {} : { "error.type": code.slice(0, 100) };
      const whole = tracer.startSpan(operation, {
        attributes: { ...address, "drover.operation": operation, "drover.outcome": outcome, ...error },
        startTime: sent - waitedMs,
      }, host.context);
      const http = tracer.startSpan("POST", {
        kind: SpanKind.CLIENT,
        attributes: {
          ...address,
          "http.request.method": "POST",
          "url.scheme": to.tls === undefined ? "http" : "https",
          ...(httpStatus === undefined ? {} : { "http.response.status_code": httpStatus }),
          ...(outcome === "failed" ? error : {}),
        },
        startTime: sent,
      }, trace.setSpan(ROOT_CONTEXT, whole));
      for (const [span, wrong] of [[http, outcome === "failed"], [whole, outcome !== "answered"]] as const) {
        if (wrong) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(end);
      }
    },
  };
}
