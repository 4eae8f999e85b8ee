/**
 * A WinRM service that only pretends: it answers winrs' five requests with fixed texts, as fast as raw TCP allows, so
 * that what a benchmark against it measures is the client. Run as a process of its own; prints its port.
 * @module
 */
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";

/** Ids as Windows writes them: upper case, fixed, since no client here minds. */
const SHELL = "11111111-2222-4333-8444-555555555555";
const COMMAND = "66666666-7777-4888-9999-AAAAAAAAAAAA";

const SHELL_NS = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer";

const bodies: Readonly<Record<string, { readonly action: string; readonly body: string }>> = {
  Create: {
    action: `${TRANSFER}/CreateResponse`,
    body: `<x:ResourceCreated><a:Address>http://127.0.0.1/wsman</a:Address><a:ReferenceParameters>` +
      `<w:ResourceURI>${SHELL_NS}/cmd</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">${SHELL}</w:Selector>` +
      `</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>${SHELL}</rsp:ShellId>` +
      `<rsp:ResourceUri>${SHELL_NS}/cmd</rsp:ResourceUri><rsp:Owner>bench</rsp:Owner><rsp:ClientIP>127.0.0.1` +
      `</rsp:ClientIP><rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>` +
      `<rsp:OutputStreams>stdout stderr</rsp:OutputStreams><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>` +
      `<rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>`,
  },
  Command: {
    action: `${SHELL_NS}/CommandResponse`,
    body: `<rsp:CommandResponse><rsp:CommandId>${COMMAND}</rsp:CommandId></rsp:CommandResponse>`,
  },
  Receive: {
    action: `${SHELL_NS}/ReceiveResponse`,
    body: `<rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="${COMMAND}">V0VCMDENCg==</rsp:Stream>` +
      `<rsp:Stream Name="stdout" CommandId="${COMMAND}" End="true"></rsp:Stream>` +
      `<rsp:Stream Name="stderr" CommandId="${COMMAND}" End="true"></rsp:Stream>` +
      `<rsp:CommandState CommandId="${COMMAND}" State="${SHELL_NS}/CommandState/Done">` +
      `<rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>`,
  },
  Send: { action: `${SHELL_NS}/SendResponse`, body: `<rsp:SendResponse/>` },
  Signal: { action: `${SHELL_NS}/SignalResponse`, body: `<rsp:SignalResponse/>` },
  Delete: { action: `${TRANSFER}/DeleteResponse`, body: "" },
};

/** An answer: its text before and after the id that it relates to, whose length is all that varies. */
interface Answer {
  readonly before: string;
  readonly after: string;
}

const answers = new Map<string, Answer>();
for (const [name, { action, body }] of Object.entries(bodies)) {
  answers.set(name, {
    before: `<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
      `xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="${TRANSFER}" ` +
      `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="${SHELL_NS}" ` +
      `xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>${action}</a:Action>` +
      `<a:MessageID>uuid:BBBBBBBB-CCCC-4DDD-8EEE-FFFFFFFFFFFF</a:MessageID>` +
      `<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To><a:RelatesTo>`,
    after: `</a:RelatesTo></s:Header><s:Body>${body}</s:Body></s:Envelope>`,
  });
}

/** Text of the element whose name ends in `name`, or `""`. */
function elementText(request: string, name: string): string {
  const at = request.indexOf(name);
  const start = request.indexOf(">", at) + 1;
  return at < 0 ? "" : request.slice(start, request.indexOf("<", start));
}

/** The bytes of one answer to the request text (headers and body). */
function answer(request: string): string {
  const action = elementText(request, "Action");
  const { before, after } = answers.get(action.slice(action.lastIndexOf("/") + 1)) ?? answers.get("Delete")!;
  const id = elementText(request, "MessageID");
  const length = before.length + id.length + after.length;
  return `HTTP/1.1 200 \r\nContent-Type: application/soap+xml;charset=UTF-8\r\nServer: Microsoft-HTTPAPI/2.0\r\n` +
    `Content-Length: ${length}\r\n\r\n${before}${id}${after}`;
}

/** Answers everything that one client asks. */
export async function serve(connection: Deno.Conn): Promise<void> {
  // Ten thousand connections have one each.
  const buffer = new Uint8Array(16 * 1024);
  const view = Buffer.from(buffer.buffer);
  let pending = "";
  try {
    for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
      pending += view.toString("latin1", 0, n);
      let out = "";
      for (;;) {
        const head = pending.indexOf("\r\n\r\n");
        if (head < 0) break;
        const declared = /\r\ncontent-length: *(\d+)/i.exec(pending.slice(0, head))?.[1] ?? "0";
        const end = head + 4 + Number(declared);
        if (pending.length < end) break;
        out += answer(pending.slice(0, end));
        pending = pending.slice(end);
      }
      if (out !== "") await writeAll(connection, Buffer.from(out, "latin1"));
    }
  } catch {
    /* the client went away */
  } finally {
    connection.close();
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** A running canned server; disposing of it ends its process. */
export interface CannedServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly port: number;
}

/** Starts a canned server as a process of its own. */
export async function startCannedServer(): Promise<CannedServer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-net", fileURLToPath(import.meta.url)],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("start canned server: it ended before it printed its port");
    said += value;
  }
  const port = Number(said);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  for await (const connection of listener) serve(connection);
}
