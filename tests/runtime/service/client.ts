/** A small WinRM client for tests: Basic over fetch, one request at a time, nothing shared with the product's client. */
import { utf8 } from "../../../protocol/bytes.ts";
import { actions, resources } from "../../../protocol/soap/mod.ts";
import { RequestWriter } from "../../../protocol/wsman/mod.ts";
import { type Result, result } from "../../actors/service/harness.ts";
import { HttpHeaders } from "../../../protocol/http/mod.ts";

/** One account at one service. */
export class TestClient {
  readonly #url: string;
  readonly #authorization: string;
  readonly #writer: RequestWriter;

  readonly #pool: Deno.HttpClient | undefined;

  /** `pool`: whose connections to use, to be closed by the caller; default: the process' own. */
  constructor(url: string, user: string, password: string, pool?: Deno.HttpClient) {
    this.#pool = pool;
    this.#url = url;
    this.#authorization = `Basic ${utf8(`${user}:${password}`).toBase64()}`;
    this.#writer = new RequestWriter({
      to: url,
      maxEnvelopeSize: 512_000,
      locale: "en-US",
      sessionId: crypto.randomUUID().toUpperCase(),
    });
  }

  /** Bytes of a request. */
  envelope(
    action: string,
    body: string,
    shell?: string,
    options?: Readonly<Record<string, string>>,
  ): Uint8Array {
    return this.#writer.write({
      action,
      resourceUri: resources.cmd,
      messageId: crypto.randomUUID().toUpperCase(),
      operationTimeoutMs: 20_000,
      body,
      ...(shell === undefined ? {} : { selectors: { ShellId: shell } }),
      ...(options === undefined ? {} : { options }),
    });
  }

  /** Sends one request. */
  async call(
    action: string,
    body: string,
    shell?: string,
    options?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Result> {
    const answer = await fetch(this.#url, {
      method: "POST",
      headers: {
        "Content-Type": "application/soap+xml;charset=UTF-8",
        "Authorization": this.#authorization,
      },
      body: this.envelope(action, body, shell, options) as Uint8Array<ArrayBuffer>,
      ...(signal === undefined ? {} : { signal }),
      ...(this.#pool === undefined ? {} : { client: this.#pool }),
    });
    const bytes = await answer.bytes();
    if (bytes.length === 0) throw new Error(`HTTP ${answer.status}`);
    return result({ status: answer.status, headers: HttpHeaders.of(answer.headers), body: bytes });
  }

  async open(inner = "", options?: Readonly<Record<string, string>>): Promise<string> {
    const body = `<rsp:Shell>${inner}<rsp:InputStreams>stdin</rsp:InputStreams>` +
      "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>";
    const created = await this.call(actions.create, body, undefined, options);
    const id = /Selector Name="ShellId">([^<]+)</.exec(created.text)?.[1];
    if (id === undefined) throw new Error(`no shell: ${created.text}`);
    return id;
  }

  async start(
    shell: string,
    line: string,
    args: readonly string[] = [],
    options?: Readonly<Record<string, string>>,
  ): Promise<string> {
    const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    const body = `<rsp:CommandLine><rsp:Command>${escape(line)}</rsp:Command>` +
      args.map((argument) => `<rsp:Arguments>${escape(argument)}</rsp:Arguments>`).join("") +
      "</rsp:CommandLine>";
    const answer = await this.call(actions.command, body, shell, options);
    const id = /CommandId>([^<]+)</.exec(answer.text)?.[1];
    if (id === undefined) throw new Error(`no command: ${answer.code} ${answer.text}`);
    return id;
  }

  receive(shell: string, command: string, signal?: AbortSignal): Promise<Result> {
    const body =
      `<rsp:Receive><rsp:DesiredStream CommandId="${command}">stdout stderr</rsp:DesiredStream></rsp:Receive>`;
    return this.call(actions.receive, body, shell, undefined, signal);
  }

  send(shell: string, command: string, bytes: Uint8Array, end: boolean): Promise<Result> {
    const body =
      `<rsp:Send><rsp:Stream Name="stdin" CommandId="${command}" End="${end}">${bytes.toBase64()}` +
      "</rsp:Stream></rsp:Send>";
    return this.call(actions.send, body, shell);
  }

  signal(shell: string, command: string, code = "terminate"): Promise<Result> {
    const uri = `http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/${code}`;
    return this.call(
      actions.signal,
      `<rsp:Signal CommandId="${command}"><rsp:Code>${uri}</rsp:Code></rsp:Signal>`,
      shell,
    );
  }

  delete(shell: string): Promise<Result> {
    return this.call(actions.delete, "", shell);
  }

  /** Everything that a started command says, and its exit code. */
  async finish(
    shell: string,
    command: string,
  ): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    let stdout = "";
    let stderr = "";
    for (;;) {
      const answer = await this.receive(shell, command);
      stdout += answer.stream("stdout");
      stderr += answer.stream("stderr");
      const exit = /ExitCode>(\d+)</.exec(answer.text)?.[1];
      if (exit !== undefined) return { stdout, stderr, exitCode: Number(exit) };
      if (answer.status !== 200) throw new Error(answer.text);
    }
  }

  async run(
    shell: string,
    line: string,
    args?: readonly string[],
    options?: Readonly<Record<string, string>>,
  ) {
    return await this.finish(shell, await this.start(shell, line, args, options));
  }
}
