import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { readEnvelope } from "../../../protocol/soap/mod.ts";
import { readLastBootUpTime } from "../../../protocol/wsman/mod.ts";

const answer = (property: string) =>
  readEnvelope(utf8(
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>` +
      `<p:Win32_OperatingSystem xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
      `xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem" ` +
      `xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:Win32_OperatingSystem_Type">` +
      `<p:Caption>Microsoft Windows</p:Caption>${property}<p:Version>6.1.7601</p:Version>` +
      `</p:Win32_OperatingSystem></s:Body></s:Envelope>`,
  ));

Deno.test("LastBootUpTime is read in each of its forms", () => {
  // The first has the form that is recorded of CreationDate (corpus, winrb/history/enumerate_1.xml).
  const forms: [string, string][] = [
    ["<cim:Datetime>2013-04-29T11:43:11.203125-07:00</cim:Datetime>", "2013-04-29T18:43:11.203Z"],
    ["<cim:Datetime>2013-04-29T11:43:11Z</cim:Datetime>", "2013-04-29T11:43:11.000Z"],
    [" 2013-04-29T11:43:11.5+05:30\n", "2013-04-29T06:13:11.500Z"],
    ["20130429114311.203125-420", "2013-04-29T18:43:11.203Z"],
    ["<cim:CIM_DateTime>20131231233000.000000+060</cim:CIM_DateTime>", "2013-12-31T22:30:00.000Z"],
  ];
  for (const [text, expected] of forms) {
    const time = readLastBootUpTime(answer(`<p:LastBootUpTime>${text}</p:LastBootUpTime>`));
    assert.equal(new Date(time).toISOString(), expected, text);
  }
});

Deno.test("what is no time is none", () => {
  const wrong = ["", "now", "2013-04-29", "2013-04-29T11:43:11", "2013-99-29T11:43:11Z", "99999999"];
  for (const text of wrong) {
    const envelope = answer(`<p:LastBootUpTime>${text}</p:LastBootUpTime>`);
    assert.throws(() => readLastBootUpTime(envelope), { code: "BootTimeMissing" }, text);
  }
  assert.throws(() => readLastBootUpTime(answer('<p:LastBootUpTime xsi:nil="true"/>')), {
    code: "BootTimeMissing",
  });
  assert.throws(() => readLastBootUpTime(answer("")), { code: "BootTimeMissing" });
});
