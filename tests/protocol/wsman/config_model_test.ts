import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { defaultServiceSettings, resolveServiceSettings } from "../../../protocol/wsman/config_model.ts";

Deno.test("the default profile is windows-2012", () => {
  const { MaxEnvelopeSizekb, MaxShellsPerUser, IdleTimeout, MaxConcurrentUsers } = defaultServiceSettings;
  assert.deepEqual([MaxEnvelopeSizekb, MaxShellsPerUser, IdleTimeout, MaxConcurrentUsers], [
    500,
    30,
    7_200_000,
    10,
  ]);
});

Deno.test("settings are taken as numbers, booleans or text", () => {
  const settings = resolveServiceSettings({
    MaxShellsPerUser: "5",
    AllowRemoteShellAccess: "false",
    MaxTimeoutms: 1000,
  });
  assert.equal(settings.MaxShellsPerUser, 5);
  assert.equal(settings.AllowRemoteShellAccess, false);
  assert.equal(settings.MaxTimeoutms, 1000);
});

Deno.test("unknown names and bad values are usage errors", () => {
  const bad: Record<string, string | number | boolean>[] = [
    { maxShellsPerUser: 5 },
    { constructor: 5 },
    { MaxShellsPerUser: "five" },
    { MaxShellsPerUser: -1 },
    { MaxShellsPerUser: 1.5 },
    { MaxShellsPerUser: 2 ** 31 },
    { MaxEnvelopeSizekb: 1_039_441 },
    { IdleTimeout: 59_999 },
    { AllowRemoteShellAccess: 1 },
  ];
  for (const changes of bad) {
    assert.throws(() => resolveServiceSettings(changes), UsageError, JSON.stringify(changes));
  }
});
