/** Spans of the API's requests, below those that callers name in `traceparent` (W3C Trace Context, section 3.2). @module */
import {
  context as contexts,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type TraceFlags,
} from "@opentelemetry/api";
import { version } from "../../version.ts";
import type { Handler } from "../context.ts";

const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Makes a span of each request, in which the handler runs. No path is in it: paths hold ids. */
export function tracedRequests(handler: Handler): Handler {
  const tracer = trace.getTracer("drover-api", version);
  return async (request, caller) => {
    const match = pattern.exec(request.headers.get("traceparent") ?? "");
    const above = match === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, {
      traceId: match[1]!,
      spanId: match[2]!,
      traceFlags: parseInt(match[3]!, 16) as TraceFlags,
      isRemote: true,
    });
    const attributes = { "http.request.method": request.method };
    const span = tracer.startSpan(request.method, { kind: SpanKind.SERVER, attributes }, above);
    try {
      const response = await contexts.with(trace.setSpan(above, span), () => handler(request, caller));
      span.setAttribute("http.response.status_code", response.status);
      if (response.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      return response;
    } finally {
      span.end();
    }
  };
}
