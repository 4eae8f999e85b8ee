/** Finite limits on what a document may make a reader hold or do. @module */
import { UsageError } from "../errors.ts";

/** Limits of one document. Every number is inclusive: a value equal to the limit is accepted. */
export interface XmlLimits {
  /** Open elements at a time. Default 256. */
  maxDepth: number;
  /** Attributes of one element, namespace declarations included. Default 256. */
  maxAttributes: number;
  /** UTF-8 bytes of one name, prefix included. Default 1024. */
  maxNameLength: number;
  /** UTF-16 units of all attribute values of one element together. Default 262144. */
  maxAttributeLength: number;
  /** UTF-16 units of one element's own text in the tree builder. Default `Infinity`: `maxBytes` bounds it. */
  maxTextLength: number;
  /** Bytes of the whole document. Default 64 MiB. */
  maxBytes: number;
  /**
   * Distinct names of one document, not counting those that the process-wide cache of recent names holds already.
   * Default 4096. (Namespace declarations in scope at a time are limited to 1024 besides.)
   */
  maxNames: number;
  /** Elements of one document. Default 1048576. */
  maxNodes: number;
}

/** What holds where nothing else is asked for. */
export const defaultXmlLimits: XmlLimits = Object.freeze({
  maxDepth: 256,
  maxAttributes: 256,
  maxNameLength: 1024,
  maxAttributeLength: 262144,
  maxTextLength: Infinity,
  maxBytes: 64 * 1024 * 1024,
  maxNames: 4096,
  maxNodes: 1048576,
});

/** What the frozen limits that were given last have become: documents are many, and their limits few. */
let lastGiven: Partial<XmlLimits> | undefined;
let lastResolved = defaultXmlLimits;

/**
 * The defaults with some of them replaced.
 *
 * @throws UsageError `XmlLimit` when a limit is not a number from 0 up
 */
export function resolveLimits(limits: Partial<XmlLimits> | undefined): XmlLimits {
  if (limits === undefined) return defaultXmlLimits;
  if (limits === lastGiven) return lastResolved;
  // Only what is given can be wrong; a loop without arrays, as this is done for every document.
  for (const name in limits) {
    if (!(limits[name as keyof XmlLimits]! >= 0)) {
      throw new UsageError("XmlLimit", `set XML limits: ${name} is not a number from 0 up`);
    }
  }
  const resolved = { ...defaultXmlLimits, ...limits };
  if (Object.isFrozen(limits)) {
    lastGiven = limits;
    lastResolved = resolved;
  }
  return resolved;
}
