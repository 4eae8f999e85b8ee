/** All targets: everything that reads bytes of a peer, or of a file that somebody else may have written. @module */
import type { Target } from "./engine.ts";
import { pac, sddl } from "./targets/access.ts";
import { dialogue, ntlm } from "./targets/auth.ts";
import { httpFields, httpRequest, httpResponse } from "./targets/http.ts";
import {
  inventoryIni,
  inventoryJson,
  inventoryList,
  inventoryPattern,
  inventoryYaml,
} from "./targets/inventory.ts";
import { kerberos } from "./targets/kerberos.ts";
import { multipart, sealedBody } from "./targets/multipart.ts";
import { soap } from "./targets/soap.ts";
import { credssp } from "./targets/credssp.ts";
import { proxy } from "./targets/proxy.ts";
import { x509 } from "./targets/x509.ts";
import { xml } from "./targets/xml.ts";

/** A target with the budget that it has in the suite. */
export interface Planned {
  readonly target: Target;
  /** Inputs in the suite; a planted bug has to be found within them. */
  readonly execs: number;
  /** Fewer states than this after that many inputs, and the fuzzer has lost its way into the reader. */
  readonly states: number;
}

/** Every target, in the order of the suite. */
export const targets: readonly Planned[] = [
  { target: httpRequest, execs: 12_000, states: 100 },
  { target: httpResponse, execs: 12_000, states: 100 },
  { target: httpFields, execs: 20_000, states: 30 },
  { target: xml, execs: 12_000, states: 300 },
  { target: soap, execs: 8_000, states: 55 },
  { target: ntlm, execs: 8_000, states: 300 },
  { target: dialogue, execs: 5_000, states: 100 },
  { target: kerberos, execs: 4_000, states: 20 },
  { target: x509, execs: 8_000, states: 60 },
  { target: proxy, execs: 3_000, states: 60 },
  { target: credssp, execs: 8_000, states: 50 },
  { target: pac, execs: 8_000, states: 14 },
  { target: sddl, execs: 8_000, states: 12 },
  { target: multipart, execs: 8_000, states: 10 },
  { target: sealedBody, execs: 6_000, states: 15 },
  { target: inventoryIni, execs: 4_000, states: 30 },
  { target: inventoryYaml, execs: 4_000, states: 30 },
  { target: inventoryJson, execs: 4_000, states: 20 },
  { target: inventoryList, execs: 4_000, states: 12 },
  { target: inventoryPattern, execs: 20_000, states: 60 },
];

/** The seed of the suite. */
export const suiteSeed = 20_260_321;
