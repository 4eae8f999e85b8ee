/** What is asked of hosts beside commands, in virtual time: limits where work is kept back, shells of a dead instance. */
import assert from "node:assert/strict";
import { limitsWatcher, sweepQuestion, type Swept } from "../../../actors/host/mod.ts";
import type { InquireMessage, InquiryOutcome } from "../../../actors/host/mod.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, faultBody, type Operation, response } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const answer = (body: string, status = 200) => response(status, utf8(envelopeOf(body)));
const accessDenied = answer(faultBody(5, "s:Sender"), 500);

const config = (winrs: string) =>
  answer(`<cfg:Config xmlns:cfg="http://schemas.microsoft.com/wbem/wsman/1/config">${winrs}</cfg:Config>`);

const wide = config(
  "<cfg:Service><cfg:MaxConcurrentOperationsPerUser>1500</cfg:MaxConcurrentOperationsPerUser>" +
    "<cfg:MaxConnections>300</cfg:MaxConnections></cfg:Service><cfg:Winrs><cfg:Unknown>x</cfg:Unknown>" +
    "<cfg:MaxConcurrentUsers>10</cfg:MaxConcurrentUsers><cfg:MaxProcessesPerShell>25</cfg:MaxProcessesPerShell>" +
    "<cfg:MaxShellsPerUser>30</cfg:MaxShellsPerUser></cfg:Winrs>",
);

const count = (host: FakeHost, operation: Operation) =>
  host.requests.filter((request) => request.operation === operation).length;

interface Crowd {
  readonly run: FakeFleet;
  readonly host: FakeHost;
  /** Most shells that were there at once. */
  readonly most: () => number;
}

/** `jobs` one-shot commands at one host that last for a while. */
function crowd(jobs: number, answers: FakeOptions["answer"]): Crowd {
  const run = new FakeFleet();
  run.test.system.spawn(limitsWatcher(run.fleet, run.scheduler));
  let most = 0;
  const host: FakeHost = new FakeHost(run.test, {
    latencyMs: 500,
    answer: (operation, body) => {
      most = Math.max(most, host.shells.size + (operation === "Create" ? 1 : 0));
      return answers!(operation, body);
    },
  });
  run.hosts.set("host", host);
  for (let n = 0; n < jobs; n++) run.start([fakeTarget("host")], { id: `job${n}` });
  return { run, host, most: () => most };
}

Deno.test("work that conservative limits keep back goes on as soon as winrm/config has told better ones", () => {
  const { run, host, most } = crowd(20, (operation) => operation === "Get" ? wide : "default");
  run.test.settle();
  assert.deepEqual(run.test.crashes, []);
  assert.equal(count(host, "Command"), 20);
  assert.equal(count(host, "Get"), 1);
  assert.ok(most() > 10, `${most()} shells at once`);
});

Deno.test("an uncrowded command asks for no settings", () => {
  const { run, host } = crowd(5, (operation) => operation === "Get" ? wide : "default");
  run.test.settle();
  assert.equal(count(host, "Command"), 5);
  assert.equal(count(host, "Get"), 0);
});

Deno.test("settings that may not be read, do not come or are none change nothing", () => {
  const answers: [string, Uint8Array | undefined][] = [
    ["AccessDenied", accessDenied],
    ["no answer", undefined],
    ["no envelope", utf8("HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")],
    ["nothing known", config("<cfg:Winrs><cfg:MaxShellsPerUser>many</cfg:MaxShellsPerUser></cfg:Winrs>")],
  ];
  for (const [name, given] of answers) {
    const { run, host, most } = crowd(20, (operation) => operation === "Get" ? given : "default");
    run.test.settle();
    assert.deepEqual(run.test.crashes, [], name);
    assert.equal(count(host, "Command"), 20, name);
    assert.equal(count(host, "Get"), 1, name);
    assert.equal(most(), 5, name);
  }
});

Deno.test("a fleet that is being stopped reads no settings, whatever its last requests meet", async () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, {
    answer: (operation) => operation === "Create" ? "default" : undefined,
  });
  run.hosts.set("host", host);
  run.start([fakeTarget("host")]);
  run.test.advance(1_000);
  const stopped = run.test.system.shutdown();
  run.test.advance(20);
  run.test.system.send(run.fleet, { kind: "crowded", quotaKey: "alice@host" });
  await run.test.until(stopped);
  assert.equal(count(host, "Command"), 1);
  assert.equal(count(host, "Get"), 0);
});

Deno.test("the inspection says how winrm/config was read", () => {
  for (
    const [given, text] of [[wide, "limits of its winrm/config"], [accessDenied, "not readable"]] as const
  ) {
    const { run } = crowd(20, (operation) => operation === "Get" ? given : "default");
    run.test.advance(3_000);
    assert.ok(JSON.stringify(run.test.system.inspect()).includes(text), text);
    run.test.settle();
  }
});

const shellItem = (id: string, name: string | undefined) =>
  `<r:Shell><r:ShellId>${id}</r:ShellId>${
    name === undefined ? "" : `<r:Name>${name}</r:Name>`
  }<r:Owner>O</r:Owner></r:Shell>`;

const enumeration = (items: string, context: string) =>
  answer(
    `<n:EnumerateResponse xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration">` +
      `<n:EnumerationContext>${context}</n:EnumerationContext><w:Items>${items}</w:Items>` +
      `${context === "" ? "<w:EndOfSequence/>" : ""}</n:EnumerateResponse>`,
  );

const pulled = (items: string, context: string) =>
  answer(
    `<n:PullResponse xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration">` +
      `${context === "" ? "" : `<n:EnumerationContext>${context}</n:EnumerationContext>`}` +
      `<n:Items>${items}</n:Items>${context === "" ? "<n:EndOfSequence/>" : ""}</n:PullResponse>`,
  );

async function sweep(
  options: FakeOptions,
  shells: readonly string[] = [],
): Promise<{ outcome: InquiryOutcome<unknown>; host: FakeHost; run: FakeFleet }> {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, options);
  for (const shell of shells) host.shells.add(shell);
  run.hosts.set("host", host);
  const asked = run.test.system.ask<InquireMessage, InquiryOutcome<unknown>>(
    run.fleet,
    (replyTo) => ({
      kind: "inquire",
      target: fakeTarget("host"),
      question: sweepQuestion("0badcafe"),
      replyTo,
    }),
    600_000,
  );
  const answered = await run.test.until(asked);
  assert.equal(answered.kind, "answered");
  run.test.settle();
  assert.deepEqual(run.test.crashes, []);
  assert.equal(run.test.system.stats.actors, 2);
  const { held, waiting } = await run.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
  return { outcome: (answered as { value: InquiryOutcome<unknown> }).value, host, run };
}

const deleted = (host: FakeHost) =>
  host.requests.filter(({ operation }) => operation === "Delete")
    .map(({ body }) => /Name="ShellId">([^<]*)</.exec(body)?.[1]);

Deno.test("only the shells of the instance that is asked for are deleted, over all pages", async () => {
  const { outcome, host } = await sweep({
    answer: (operation, body) => {
      if (operation === "Enumerate") {
        return enumeration(
          shellItem("A", "drover-0badcafe-job") + shellItem("B", "drover-0badcaff-job"),
          "1",
        );
      }
      if (operation !== "Pull") return "default";
      return body.includes(">1</n:EnumerationContext>")
        ? pulled(shellItem("C", undefined) + shellItem("D", "drover-0badcafe-x-y"), "2")
        : pulled(
          shellItem("E", "drover-0badcafe") + shellItem("F", "my-drover-0badcafe-job") +
            shellItem("G", "drover-0BADCAFE-job") + shellItem("", "drover-0badcafe-job"),
          "",
        );
    },
  }, ["A", "B", "C", "D", "E", "F", "G"]);
  assert.deepEqual(outcome, { kind: "done", value: { shells: 2 } });
  assert.deepEqual(deleted(host), ["A", "D"]);
  assert.deepEqual([...host.shells], ["B", "C", "E", "F", "G"]);
});

Deno.test("a shell that is gone by then is no failure, and is not counted", async () => {
  const { outcome } = await sweep({
    answer: (operation) =>
      operation === "Enumerate"
        ? enumeration(shellItem("GONE", "drover-0badcafe-1") + shellItem("A", "drover-0badcafe-2"), "")
        : "default",
  }, ["A"]);
  assert.deepEqual(outcome, { kind: "done", value: { shells: 1 } });
});

/** How many shells a sweep has deleted, and why that may not be all. */
const sweptOf = (outcome: InquiryOutcome<unknown>) => {
  assert.equal(outcome.kind, "done");
  const { shells, error } = (outcome as { value: Swept }).value;
  return [shells, error?.code];
};

Deno.test("an enumeration that never ends is left and does not count as swept, one that cannot be had fails", async () => {
  const endless = await sweep({
    answer: (operation) =>
      operation === "Enumerate"
        ? enumeration(shellItem("A", "drover-0badcafe-1"), "1")
        : operation === "Pull"
        ? pulled("", "1")
        : "default",
  }, ["A"]);
  assert.deepEqual(sweptOf(endless.outcome), [1, "EndlessEnumeration"]);
  assert.equal(count(endless.host, "Pull"), 99);
  for (const given of [accessDenied, answer("<other/>")]) {
    const { outcome } = await sweep({ answer: () => given });
    assert.equal(outcome.kind, "failed");
  }
  assert.equal((await sweep({ refuse: true })).outcome.kind, "failed");
});

Deno.test("a shell that may not be deleted does not keep the others, and is told", async () => {
  const { outcome, host } = await sweep({
    answer: (operation, body) => {
      if (operation === "Enumerate") {
        return enumeration(
          shellItem("DENIED", "drover-0badcafe-1") + shellItem("B", "drover-0badcafe-2"),
          "",
        );
      }
      return operation === "Delete" && body.includes("DENIED") ? accessDenied : "default";
    },
  }, ["B"]);
  assert.deepEqual(sweptOf(outcome), [1, "ERROR_ACCESS_DENIED"]);
  assert.deepEqual([...host.shells], []);
});

Deno.test("a fleet that is closed answers who asks one of its hosts", async () => {
  const run = new FakeFleet();
  run.hosts.set("host", new FakeHost(run.test, { answer: () => undefined }));
  const asked = run.test.system.ask<InquireMessage, InquiryOutcome<unknown>>(
    run.fleet,
    (replyTo) => ({ kind: "inquire", target: fakeTarget("host"), question: sweepQuestion("a"), replyTo }),
    600_000,
  );
  run.test.advance(1_000);
  const closed = run.test.system.shutdown();
  const answered = await run.test.until(asked);
  assert.equal(
    answered.kind === "answered" && answered.value.kind === "failed" && answered.value.error.code,
    "Cancelled",
  );
  await run.test.until(closed);
});
