/** WS-Management Identify (DSP0226 section 11): who are you, asked without addressing headers. @module */
import { ProtocolError } from "../errors.ts";
import { utf8 } from "../bytes.ts";
import { escapeText } from "../xml/mod.ts";
import type { Envelope } from "./envelope.ts";
import { ns } from "./namespaces.ts";

/** What a service says of itself. */
export interface Identity {
  /** `wsmid:ProtocolVersion`, the namespace of the WS-Management that it speaks. */
  readonly protocolVersion: string;
  /** `wsmid:ProductVendor`. */
  readonly productVendor: string;
  /** `wsmid:ProductVersion`; Windows hides the numbers from those it has not authenticated. */
  readonly productVersion: string;
  /** `wsmid:SecurityProfiles`, where given. */
  readonly securityProfiles: readonly string[];
}

const identifyRequest = utf8(
  `<s:Envelope xmlns:s="${ns.s}" xmlns:wsmid="${ns.wsmid}"><s:Header></s:Header><s:Body><wsmid:Identify></wsmid:Identify></s:Body></s:Envelope>`,
);

/** The bytes of an Identify request. */
export function writeIdentify(): Uint8Array {
  return identifyRequest;
}

/** Whether `envelope` asks to identify. */
export function isIdentify(envelope: Envelope): boolean {
  return envelope.content?.local === "Identify" && envelope.content.namespace === ns.wsmid;
}

/** The bytes of an IdentifyResponse, with the empty header that Windows sends. */
export function writeIdentifyResponse(identity: Identity): Uint8Array {
  const profiles = identity.securityProfiles.map((uri) =>
    `<wsmid:SecurityProfileName>${escapeText(uri)}</wsmid:SecurityProfileName>`
  ).join("");
  return utf8(
    `<s:Envelope xml:lang="en-US" xmlns:s="${ns.s}"><s:Header></s:Header><s:Body><wsmid:IdentifyResponse xmlns:wsmid="${ns.wsmid}">` +
      `<wsmid:ProtocolVersion>${escapeText(identity.protocolVersion)}</wsmid:ProtocolVersion>` +
      `<wsmid:ProductVendor>${escapeText(identity.productVendor)}</wsmid:ProductVendor>` +
      `<wsmid:ProductVersion>${escapeText(identity.productVersion)}</wsmid:ProductVersion>` +
      (profiles === "" ? "" : `<wsmid:SecurityProfiles>${profiles}</wsmid:SecurityProfiles>`) +
      `</wsmid:IdentifyResponse></s:Body></s:Envelope>`,
  );
}

/**
 * Reads an IdentifyResponse. Its namespace is not checked: one recorded server puts it into the SOAP namespace.
 *
 * @throws ProtocolError `NotIdentifyResponse`
 */
export function readIdentifyResponse(envelope: Envelope): Identity {
  const response = envelope.content;
  if (response?.local !== "IdentifyResponse") {
    throw new ProtocolError(
      "NotIdentifyResponse",
      `read Identify answer: expected IdentifyResponse, found ${
        response === undefined ? "an empty body" : `<${response.local}>`
      }`,
    );
  }
  const text = (local: string) => response.children.find((child) => child.local === local)?.text.trim() ?? "";
  const profiles = response.children.find((child) => child.local === "SecurityProfiles")?.children ?? [];
  return {
    protocolVersion: text("ProtocolVersion"),
    productVendor: text("ProductVendor"),
    productVersion: text("ProductVersion"),
    securityProfiles: profiles.map((profile) => profile.text.trim()),
  };
}
