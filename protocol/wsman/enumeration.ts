/** The client's half of WS-Enumeration as [MS-WSMV] 3.1.4.1.4 has it: Enumerate, Pull, and what both answer. @module */
import { ProtocolError } from "../errors.ts";
import { actions, type Envelope, ns } from "../soap/mod.ts";
import { escapeText, type XmlElement } from "../xml/mod.ts";
import type { RequestParts } from "./request.ts";

/** A request without what its sender adds. */
type Request = Omit<RequestParts, "messageId" | "operationTimeoutMs">;

/** Enumerate, optimised: services that can do so send the first items at once, others only a context. */
export function enumerate(resourceUri: string, maxElements: number): Request {
  return {
    action: actions.enumerate,
    resourceUri,
    body: `<n:Enumerate><w:OptimizeEnumeration></w:OptimizeEnumeration>` +
      `<w:MaxElements>${maxElements}</w:MaxElements></n:Enumerate>`,
  };
}

/** Pull of the next items. */
export function pull(resourceUri: string, context: string, maxElements: number): Request {
  return {
    action: actions.pull,
    resourceUri,
    body: `<n:Pull><n:EnumerationContext>${escapeText(context)}</n:EnumerationContext>` +
      `<n:MaxElements>${maxElements}</n:MaxElements></n:Pull>`,
  };
}

/** One answer to Enumerate or Pull. */
export interface EnumerationPage {
  /** Items in order. */
  readonly items: readonly XmlElement[];
  /** Context for the next Pull; `undefined`: that was all. */
  readonly context: string | undefined;
}

/**
 * Reads an answer to Enumerate or Pull. Items and the end come in either namespace, and the context is present but empty at
 * the end of an optimised enumeration.
 *
 * @throws ProtocolError `NotEnumerateResponse`
 */
export function readEnumeration(envelope: Envelope): EnumerationPage {
  const response = envelope.body.child(ns.n, "EnumerateResponse") ??
    envelope.body.child(ns.n, "PullResponse");
  if (response === undefined) {
    throw new ProtocolError(
      "NotEnumerateResponse",
      "read enumeration: there is neither EnumerateResponse nor PullResponse in it",
    );
  }
  const part = (local: string) => response.child(ns.w, local) ?? response.child(ns.n, local);
  const context = response.child(ns.n, "EnumerationContext")?.text.trim() ?? "";
  return {
    items: part("Items")?.children ?? [],
    context: context === "" || part("EndOfSequence") !== undefined ? undefined : context,
  };
}
