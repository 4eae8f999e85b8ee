/** SOAP 1.2 faults (SOAP 1.2 part 1, section 5.4), read leniently: real servers leave out or misplace most parts. @module */
import type { XmlElement } from "../xml/mod.ts";
import type { Envelope } from "./envelope.ts";
import { ns } from "./namespaces.ts";

/** A name with its namespace, resolved from a QName in content. */
export interface QualifiedName {
  /** Namespace URI; empty when the prefix is not bound. */
  readonly namespace: string;
  /** Local name. */
  readonly local: string;
}

/** A fault as the peer sent it. */
export interface SoapFault {
  /** `Sender`, `Receiver`, `MustUnderstand`, `VersionMismatch`, `DataEncodingUnknown`, or what the peer invented. */
  readonly code: string;
  /** The most specific subcode. */
  readonly subcode: QualifiedName | undefined;
  /** Human text, in whatever language; never to be matched on. */
  readonly reason: string;
  /** `s:Detail`, where present. */
  readonly detail: XmlElement | undefined;
  /** `s:NotUnderstood` headers' names, for MustUnderstand faults. */
  readonly notUnderstood: readonly QualifiedName[];
}

/** The fault in `envelope`, or `undefined` when its body holds none. */
export function readFault(envelope: Envelope): SoapFault | undefined {
  const fault = envelope.body.child(ns.s, "Fault");
  if (fault === undefined) return undefined;
  const code = fault.child(ns.s, "Code");
  const value = code?.child(ns.s, "Value");
  let subcode: QualifiedName | undefined;
  for (let level = code?.child(ns.s, "Subcode"); level !== undefined; level = level.child(ns.s, "Subcode")) {
    const name = level.child(ns.s, "Value");
    if (name !== undefined) subcode = qualifiedName(name, name.text);
  }
  const reasons = fault.child(ns.s, "Reason")?.childrenNamed(ns.s, "Text") ?? [];
  const notUnderstood: QualifiedName[] = [];
  for (const block of envelope.headers) {
    if (block.namespace !== ns.s || block.local !== "NotUnderstood") continue;
    notUnderstood.push(qualifiedName(block, block.attribute("", "qname") ?? ""));
  }
  return {
    code: value === undefined ? "Unknown" : qualifiedName(value, value.text).local,
    subcode,
    reason: (reasons[0]?.text ?? "").trim(),
    detail: fault.child(ns.s, "Detail"),
    notUnderstood,
  };
}

/** Resolves `prefix:local` with the prefixes in scope at `element`. */
export function qualifiedName(element: XmlElement, text: string): QualifiedName {
  const name = text.trim();
  const colon = name.indexOf(":");
  if (colon < 0) return { namespace: element.resolvePrefix("") ?? "", local: name };
  return { namespace: element.resolvePrefix(name.slice(0, colon)) ?? "", local: name.slice(colon + 1) };
}
