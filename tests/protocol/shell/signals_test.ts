import assert from "node:assert/strict";
import { signalCodes, type SignalKind, signalKind } from "../../../protocol/shell/mod.ts";

const shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

Deno.test("every spelling of a signal that is on the wire somewhere is known", () => {
  const spellings: readonly [string, SignalKind][] = [
    [`${shell}/signal/terminate`, "terminate"],
    [`${shell}/signal/Terminate`, "terminate"],
    [`\n ${shell}/signal/terminate \n`, "terminate"],
    [`${shell}/signal/ctrl_c`, "ctrl_c"],
    [`${shell}/signal/crtl_c`, "ctrl_c"],
    ["powershell/signal/crtl_c", "ctrl_c"],
    [`${shell}/signal/ctrl_break`, "ctrl_break"],
  ];
  for (const [code, kind] of spellings) assert.equal(signalKind(code), kind, code);
  for (const kind of ["terminate", "ctrl_c", "ctrl_break"] as const) {
    assert.equal(signalKind(signalCodes[kind]), kind);
  }
});

Deno.test("anything else is no signal", () => {
  for (
    const code of ["", "terminate", `${shell}/signal/`, `${shell}/signal/kill`, `${shell}/signal/terminate/x`]
  ) {
    assert.equal(signalKind(code), undefined, code);
  }
});
