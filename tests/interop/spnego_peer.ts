/** A side of an NTLM or SPNEGO dialogue that is pyspnego's. Needs a Python with it in DROVER_INTEROP_PYTHON. @module */
import { utf8 } from "../../protocol/bytes.ts";

const python = Deno.env.get("DROVER_INTEROP_PYTHON");
const script = new URL("./peers/spnego_peer.py", import.meta.url).pathname;

/** Whether it can be run here; tests ignore what cannot. */
export const spnegoPresent = python !== undefined && python !== "";

/** The process of `peers/spnego_peer.py`: one line out for each line in. */
export class SpnegoPeer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  /** Starts it; the script says what the arguments and the environment are. */
  constructor(
    role: "client" | "server",
    protocol: "ntlm" | "negotiate",
    user: string,
    env: Record<string, string>,
  ) {
    this.#process = new Deno.Command(python!, {
      args: [script, role, protocol, user],
      env,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#lines = lines(this.#process.stdout);
  }

  /** Sends one line and gives the words of the answer behind its name; throws what the process reports. */
  async ask(command: string, ...values: Uint8Array[]): Promise<string[]> {
    const words = [command, ...values.map((value) => value.toHex() || "-")];
    await this.#writer.write(utf8(words.join(" ") + "\n"));
    const { value } = await this.#lines.next();
    const answer: string[] = String(value).split(" ");
    if (answer[0] === "error") throw new Error(answer.join(" "));
    return answer.slice(1);
  }

  /** One step of the dialogue. */
  async step(token: Uint8Array | undefined): Promise<{ token: Uint8Array | undefined; complete: boolean }> {
    const [hex, state] = await this.ask("step", token ?? new Uint8Array());
    return { token: hex === "-" ? undefined : bytes(hex), complete: state === "complete" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
    await this.#lines.return?.();
  }
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** Bytes of what the process has written: hexadecimal digits, or `-` for none. */
export function bytes(hex: string | undefined): Uint8Array {
  return hex === undefined || hex === "-" ? new Uint8Array() : Uint8Array.fromHex(hex);
}
