/**
 * The load of suite `api`: keep-alive connections over raw TCP, each asks for one path again and again and waits for the whole answer.
 * The argument is a {@link LoadJob}; it prints {@link LoadFigures}.
 * @module
 */

/** What to ask for. */
export interface LoadJob {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly connections: number;
  /** Milliseconds that are measured. */
  readonly ms: number;
}

/** What came of it. */
export interface LoadFigures {
  readonly requestsPerSecond: number;
  /** Bytes of the last answer's body. */
  readonly bodyBytes: number;
}

const job = JSON.parse(Deno.args[0]!) as LoadJob;
const request = new TextEncoder().encode(
  `GET ${job.path} HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nAccept: */*\r\nAuthorization: Bearer ${job.token}\r\n\r\n`,
);
const latin1 = new TextDecoder("latin1");
let answers = 0;
let bodyBytes = 0;
let over = false;

/** Bytes of the first answer in `bytes`, head and body; 0: it is not complete. */
function answerLength(bytes: Uint8Array): number {
  const text = latin1.decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return 0;
  if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`unexpected answer: ${text.slice(0, 300)}`);
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, end + 2))?.[1];
  if (length === undefined) throw new Error(`answer without Content-Length: ${text.slice(0, end)}`);
  bodyBytes = Number(length);
  return end + 4 + bodyBytes;
}

async function ask(): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: job.port });
  const buffer = new Uint8Array(256 * 1024);
  let expected = 0;
  while (!over) {
    await connection.write(request);
    let filled = 0;
    do {
      const read = await connection.read(buffer.subarray(filled));
      if (read === null) throw new Error("the server closed the connection");
      filled += read;
      // Answers are equally long: only the first has to be looked at, the others by their first line.
      if (expected === 0) expected = answerLength(buffer.subarray(0, filled));
      else if (buffer[9] !== 0x32) throw new Error(`unexpected answer: ${latin1.decode(buffer.subarray(0, 300))}`);
    } while (expected === 0 || filled < expected);
    if (filled !== expected) throw new Error(`an answer of ${filled} instead of ${expected} bytes`);
    answers++;
  }
}

const working = Promise.all(Array.from({ length: job.connections }, ask));
const start = performance.now();
await Promise.race([working, new Promise((resolve) => setTimeout(resolve, job.ms))]);
const counted = answers;
const seconds = (performance.now() - start) / 1000;
over = true;
await working;
const figures: LoadFigures = { requestsPerSecond: counted / seconds, bodyBytes };
console.log(JSON.stringify(figures));
