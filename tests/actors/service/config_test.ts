/** What the service tells of its settings. */
import assert from "node:assert/strict";
import { actions, resources } from "../../../protocol/soap/mod.ts";
import { serviceSettingNames, type ServiceSettings } from "../../../protocol/wsman/config_model.ts";
import { readConfig, writeConfigResponse } from "../../../protocol/wsman/mod.ts";
import { Harness } from "./harness.ts";

const get = { action: actions.get, resourceUri: resources.config };

Deno.test("winrm/config has the settings that hold, for every account", () => {
  const settings = {
    MaxEnvelopeSizekb: 321,
    MaxConcurrentOperationsPerUser: 44,
    MaxConnections: 55,
    MaxConcurrentUsers: 6,
    MaxShellsPerUser: 7,
    MaxProcessesPerShell: 0,
    IdleTimeout: 61_000,
  };
  const h = new Harness({ settings });
  for (const user of ["alice", "bob"]) {
    assert.deepEqual(readConfig(h.call(h.connect(), get, user).envelope), settings);
  }
});

Deno.test("authentication and clear text are told as they are", () => {
  for (const allowUnencrypted of [true, false]) {
    const h = new Harness({ auth: ["basic"], allowUnencrypted, tls: true });
    const { text } = h.call(h.connect(), get);
    const service = /<cfg:Service>.*<\/cfg:Service>/.exec(text)![0];
    assert.match(service, new RegExp(`<cfg:AllowUnencrypted>${allowUnencrypted}<`));
    assert.match(service, /<cfg:Basic>true<.*<cfg:Negotiate>false</);
  }
});

Deno.test("parts of winrm/config can be asked for, in any case, in the namespace of their resource", () => {
  const h = new Harness();
  const client = h.connect();
  for (const [part, root] of [["client", "Client"], ["Service", "Service"], ["WINRS", "Winrs"]] as const) {
    const { text } = h.call(client, { action: actions.get, resourceUri: `${resources.config}/${part}` });
    assert.ok(
      text.includes(`<s:Body><cfg:${root} xmlns:cfg="${resources.config}/${part.toLowerCase()}">`),
      text,
    );
  }
  for (const part of ["/listener", "/toString", "x", "/"]) {
    const refused = h.call(client, { action: actions.get, resourceUri: resources.config + part });
    assert.equal(refused.code, 2150858752, part);
  }
});

Deno.test("winrm/config cannot be changed, and has no selectors", () => {
  const h = new Harness();
  const client = h.connect();
  assert.equal(h.call(client, { ...get, action: actions.put }).code, 2150858771);
  assert.equal(h.call(client, { ...get, action: actions.delete }).code, 2150858771);
  assert.equal(h.call(client, { ...get, selectors: { Address: "*" } }).code, 2150858813);
  assert.equal(h.call(client, get).code, undefined);
  // Operations come back: none of these counts any more.
  const few = new Harness({ settings: { MaxConcurrentOperationsPerUser: 2 } });
  const one = few.connect();
  for (let n = 0; n < 5; n++) {
    few.call(one, { ...get, action: actions.put });
    assert.equal(few.call(one, get).code, undefined);
  }
});

Deno.test("the longest answer fits into the smallest envelope that a client may ask for", () => {
  const largest = Object.fromEntries(serviceSettingNames.map((name) => [name, 2_147_483_647]));
  const settings = { ...largest, MaxEnvelopeSizekb: 1_039_440, AllowRemoteShellAccess: false } as const;
  const context = { messageId: `uuid:${"A".repeat(36)}`, relatesTo: "&".repeat(1_024) };
  const answer = writeConfigResponse(context, "", {
    settings: settings as unknown as ServiceSettings,
    allowUnencrypted: false,
    auth: [],
  });
  assert.ok(answer.length <= 8_192, `${answer.length} bytes`);
});
