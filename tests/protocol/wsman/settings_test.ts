import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { readEnvelope } from "../../../protocol/soap/mod.ts";
import { readOperatingSystem, readSettings } from "../../../protocol/wsman/mod.ts";

const envelope = (body: string) =>
  readEnvelope(utf8(
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>${body}</s:Body></s:Envelope>`,
  ));
const config = (content: string) =>
  envelope(
    `<cfg:Config xmlns:cfg="http://schemas.microsoft.com/wbem/wsman/1/config">${content}</cfg:Config>`,
  );

Deno.test("winrm/config becomes a tree: numbers, truths and text", () => {
  const settings = readSettings(config(
    `<cfg:MaxEnvelopeSizekb>500</cfg:MaxEnvelopeSizekb><cfg:Service><cfg:RootSDDL>O:NSG:BA</cfg:RootSDDL>` +
      `<cfg:MaxConcurrentOperations>4294967295</cfg:MaxConcurrentOperations><cfg:Auth><cfg:Basic> false </cfg:Basic>` +
      `<cfg:Kerberos Source="GPO">true</cfg:Kerberos></cfg:Auth><cfg:CertificateThumbprint/></cfg:Service>` +
      `<cfg:Odd>007</cfg:Odd><cfg:__proto__>1</cfg:__proto__>`,
  ));
  assert.deepEqual(
    JSON.parse(JSON.stringify(settings)),
    JSON.parse(
      `{"MaxEnvelopeSizekb":500,"Service":{"RootSDDL":"O:NSG:BA","MaxConcurrentOperations":4294967295,` +
        `"Auth":{"Basic":false,"Kerberos":true},"CertificateThumbprint":""},"Odd":"007","__proto__":1}`,
    ),
  );
  assert.throws(() => readSettings(envelope("<x/>")), { code: "NotConfig" });
});

Deno.test("an operating system says what it is; what it leaves out is empty", () => {
  const system = (content: string) =>
    readOperatingSystem(envelope(
      `<p:Win32_OperatingSystem xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem">` +
        `${content}<p:LastBootUpTime>2013-04-29T11:43:11Z</p:LastBootUpTime></p:Win32_OperatingSystem>`,
    ));
  const bootTime = Date.UTC(2013, 3, 29, 11, 43, 11);
  assert.deepEqual(
    system(
      "<p:Caption>Microsoft Windows Server 2022 Standard </p:Caption><p:CSName>WEB01</p:CSName>" +
        "<p:OSArchitecture>64-bit</p:OSArchitecture><p:Version>10.0.20348</p:Version>",
    ),
    {
      name: "Microsoft Windows Server 2022 Standard",
      version: "10.0.20348",
      architecture: "64-bit",
      hostName: "WEB01",
      bootTime,
    },
  );
  assert.deepEqual(system(""), { name: "", version: "", architecture: "", hostName: "", bootTime });
});
