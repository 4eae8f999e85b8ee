/** Answers as the actors of a service hand them to each other: SOAP bytes and the HTTP status that goes with them. @module */
import { guidFromRandom } from "../../protocol/guid.ts";
import {
  type FaultShortName,
  type ResponseContext,
  writeFault,
  WsmanFaultError,
} from "../../protocol/wsman/mod.ts";
import type { RandomSource } from "../ports.ts";

/** One answer. */
export interface Answer {
  /** 200, or 500 for a fault. */
  readonly status: 200 | 500;
  /** A whole SOAP envelope. */
  readonly body: Uint8Array;
}

/** Headers of the answer to a request with this MessageID. */
export function responseContext(random: RandomSource, relatesTo: string): ResponseContext {
  return { messageId: `uuid:${guidFromRandom(random.bytes(16))}`, relatesTo };
}

/** Longer message ids are refused and not echoed: escaped, they could make a fault larger than any envelope may be. */
const maxEchoedIdLength = 1024;

/** A fault as an answer. */
export function faultAnswer(
  fault: WsmanFaultError,
  context: { readonly messageId: string; readonly relatesTo: string | undefined },
  machine: string,
): Answer {
  const { messageId } = context;
  const relatesTo = (context.relatesTo?.length ?? 0) > maxEchoedIdLength ? undefined : context.relatesTo;
  return { status: 500, body: writeFault(fault, { messageId, relatesTo, machine }) };
}

/** A success as an answer. */
export function success(body: Uint8Array): Answer {
  return { status: 200, body };
}

/** What a handler throws, as the fault to answer; anything that is no fault is our own failure. */
export function asFault(error: unknown, otherwise: FaultShortName = "PROVIDER_FAILURE"): WsmanFaultError {
  return error instanceof WsmanFaultError ? error : WsmanFaultError.of(otherwise, { cause: error });
}

/** The fault of what was under way when its command or shell was ended by someone (Win32 ERROR_OPERATION_ABORTED). */
export function aborted(): WsmanFaultError {
  return WsmanFaultError.win32(995, "The operation was aborted because its command or shell was ended");
}
