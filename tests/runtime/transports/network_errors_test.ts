import assert from "node:assert/strict";
import { networkError } from "../../../runtime/transports/network_errors.ts";

const code = (error: unknown) => networkError(error, "connect to x").code;
const errno = (text: string) => Object.assign(new Error(text), { code: text });

Deno.test("what may pass has a code of its own: a name service that is busy, a process without descriptors", () => {
  const lookup = "failed to lookup address information: ";
  assert.equal(code(new Error(`${lookup}Temporary failure in name resolution`)), "NameServiceUnavailable");
  assert.equal(code(errno("EAI_AGAIN")), "NameServiceUnavailable");
  assert.equal(code(new Error(`${lookup}Name or service not known`)), "HostNotFound");
  assert.equal(code(errno("ENOTFOUND")), "HostNotFound");
  assert.equal(code(errno("EMFILE")), "TooManyOpenFiles");
  assert.equal(code(errno("ENFILE")), "TooManyOpenFiles");
  assert.equal(code(errno("ECONNREFUSED")), "ConnectRefused");
});
