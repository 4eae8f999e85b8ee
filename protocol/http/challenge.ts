/** WWW-Authenticate and Authorization (RFC 9110 11). @module */
import { HttpError } from "./http_error.ts";
import { TextScanner } from "./text_scanner.ts";

/** More challenges than this in one response are refused. */
const maxChallenges = 32;
/** More parameters than this in one challenge are refused. */
const maxParameters = 32;

/** One challenge of a server, or the credentials of a client: both have the same form. */
export interface AuthChallenge {
  /** Scheme as sent, e.g. `Negotiate`; schemes are compared without case. */
  readonly scheme: string;
  /** The token68, e.g. base64 of a SPNEGO token. */
  readonly token: string | undefined;
  /** Parameters with names in lower case, escapes undone. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Parses all WWW-Authenticate (or Proxy-Authenticate) values of a response: one challenge per field or several in a
 * list, with empty list elements allowed. Throws `HttpError`.
 */
export function parseChallenges(values: readonly string[]): AuthChallenge[] {
  const challenges: AuthChallenge[] = [];
  for (const value of values) {
    const scanner = new TextScanner(value, "authentication challenge");
    while (skipCommas(scanner)) {
      if (challenges.length === maxChallenges) throw tooMany(`more than ${maxChallenges} challenges`);
      challenges.push(parseOne(scanner));
    }
  }
  return challenges;
}

/** Parses an Authorization (or Proxy-Authorization) value. Throws `HttpError` when it is not exactly one credential. */
export function parseAuthorization(value: string): AuthChallenge {
  const scanner = new TextScanner(value, "authorization");
  scanner.skipSpace();
  const credentials = parseOne(scanner);
  if (skipCommas(scanner)) throw scanner.error("there is more than one credential");
  return credentials;
}

/** Parses a list of parameters without a scheme, as `Authentication-Info` is (RFC 9110 11.6.3). Throws `HttpError`. */
export function parseParameters(value: string): ReadonlyMap<string, string> {
  const scanner = new TextScanner(value, "authentication parameters");
  const parameters = new Map<string, string>();
  if (!skipCommas(scanner)) return parameters;
  takeParameters(scanner, parameters);
  if (!scanner.done) throw scanner.error("a parameter has no value");
  return parameters;
}

/** Skips the empty elements of a list; says whether an element follows. */
function skipCommas(scanner: TextScanner): boolean {
  do scanner.skipSpace(); while (scanner.skip(","));
  return !scanner.done;
}

function parseOne(scanner: TextScanner): AuthChallenge {
  const scheme = scanner.token();
  const parameters = new Map<string, string>();
  const spaced = scanner.skipSpace();
  if (scanner.done || scanner.next === ",") return { scheme, token: undefined, parameters };
  if (!spaced) throw scanner.error("no space follows the scheme");
  const token = scanner.token68();
  if (token !== undefined) return { scheme, token, parameters };
  takeParameters(scanner, parameters);
  return { scheme, token: undefined, parameters };
}

/** Takes parameters up to the end, or to the name of the next challenge. */
function takeParameters(scanner: TextScanner, parameters: Map<string, string>): void {
  for (;;) {
    // The first parameter must be one; after a comma a name without "=" begins the next challenge.
    const start = scanner.at;
    const name = scanner.token().toLowerCase();
    scanner.skipSpace();
    if (!scanner.skip("=")) {
      if (parameters.size === 0) throw scanner.error("a parameter has no value");
      scanner.at = start;
      break;
    }
    scanner.skipSpace();
    const quoted = scanner.next === '"';
    const value = quoted ? scanner.quoted() : scanner.until(', \t"');
    if (value === "" && !quoted) throw scanner.error("a parameter has no value");
    if (parameters.has(name)) throw scanner.error("a parameter stands twice");
    if (parameters.size === maxParameters) throw tooMany(`more than ${maxParameters} parameters`);
    parameters.set(name, value);
    scanner.skipSpace();
    if (scanner.done) break;
    if (scanner.next !== ",") throw scanner.error("no comma follows a parameter");
    if (!skipCommas(scanner)) break;
  }
}

function tooMany(state: string): HttpError {
  return new HttpError("HttpTooLarge", `parse authentication challenge: there are ${state}`, 431);
}
