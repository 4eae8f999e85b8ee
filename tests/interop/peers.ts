/**
 * One command through a client that is not ours: pywinrm, pypsrp's WinRS, or masterzen/winrm. The runner says by
 * `DROVER_INTEROP_PYTHON` and `DROVER_INTEROP_MASTERZEN` where they are.
 * @module
 */
import { fileURLToPath } from "node:url";

/** Names of the peers. */
export type Peer = "pywinrm" | "pypsrp" | "masterzen";
/** Clients of the daemon's API, and what makes them. */
export type ApiPeer = "schemathesis" | "openapi-python-client";

/** A call to a peer. What a peer cannot do is said beside the field. */
export interface PeerCall {
  /** `http://HOST:PORT` or `https://HOST:PORT`; certificates are not checked. */
  readonly endpoint: string;
  readonly user: string;
  readonly password: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** Default `basic`; `negotiate` (NTLM inside SPNEGO) only pypsrp. */
  readonly transport?: "basic" | "ntlm" | "negotiate";
  /** Sealing of messages, with `ntlm`: default whatever the peer does by itself (Python: sealed over HTTP; Go: never). */
  readonly encryption?: "always" | "never";
  readonly stdin?: Uint8Array;
  /** Not masterzen, which always asks for 65001. */
  readonly codepage?: number;
  /** Not masterzen. */
  readonly env?: Readonly<Record<string, string>>;
  /** Not masterzen. */
  readonly cwd?: string;
  /** Not masterzen. */
  readonly skipCmdShell?: boolean;
  /** How often to run the command, one after another in one shell; default 1. */
  readonly repeat?: number;
  /** Wait for the command (default), or after its first output terminate it or delete its shell. */
  readonly end?: "wait" | "terminate" | "delete";
}

/** What came of a call: the output of all runs, the exit code of the last. */
export interface PeerResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** `undefined` when the peer failed; without meaning when it did not wait for the command. */
  readonly exitCode: number | undefined;
  /** The peer's own error. */
  readonly error: string | undefined;
}

/** Longest that a peer may take, in milliseconds. */
const TIMEOUT = 90_000;

/** Exit code by which the Go program says that it failed, not the command. */
const FAILURE = 125;

const scripts = fileURLToPath(new URL("peers/", import.meta.url));
const python = Deno.env.get("DROVER_INTEROP_PYTHON");
const masterzen = Deno.env.get("DROVER_INTEROP_MASTERZEN");

/** Whether a peer can be run here; tests ignore what cannot. */
export function peerPresent(peer: Peer | ApiPeer): boolean {
  return (peer === "masterzen" ? masterzen : python) !== undefined;
}

/** Runs one command through a peer. The password goes by its environment, never by its arguments. */
export async function runPeer(peer: Peer, call: PeerCall): Promise<PeerResult> {
  return peer === "masterzen" ? await runGo(call) : await runPython(`${scripts}${peer}_run.py`, call);
}

async function runPython(script: string, call: PeerCall): Promise<PeerResult> {
  const { password, stdin, skipCmdShell, ...rest } = call;
  const json = JSON.stringify({
    ...rest,
    stdin_b64: stdin?.toBase64(),
    skip_cmd_shell: skipCmdShell,
  });
  const { code, stdout, stderr } = await run(python!, [script], password, new TextEncoder().encode(json));
  if (code !== 0) throw new Error(`run ${script}: ${new TextDecoder().decode(stderr)}`);
  const result: { stdout_b64: string; stderr_b64: string; exit_code: number | null; error: string | null } =
    JSON
      .parse(new TextDecoder().decode(stdout));
  return {
    stdout: Uint8Array.fromBase64(result.stdout_b64),
    stderr: Uint8Array.fromBase64(result.stderr_b64),
    exitCode: result.exit_code ?? undefined,
    error: result.error ?? undefined,
  };
}

async function runGo(call: PeerCall): Promise<PeerResult> {
  const auth = (call.transport ?? "basic") === "basic"
    ? "basic"
    : call.encryption === "always"
    ? "ntlm-encrypted"
    : "ntlm";
  const flags = ["-endpoint", call.endpoint, "-user", call.user, "-auth", auth];
  if (call.stdin !== undefined) flags.push("-stdin");
  if (call.repeat !== undefined) flags.push("-repeat", `${call.repeat}`);
  if (call.end !== undefined) flags.push("-end", call.end);
  const args = [...flags, "--", call.command, ...(call.args ?? [])];
  const { code, stdout, stderr } = await run(masterzen!, args, call.password, call.stdin);
  return code === FAILURE
    ? { stdout, stderr, exitCode: undefined, error: new TextDecoder().decode(stderr).trim() }
    : { stdout, stderr, exitCode: code, error: undefined };
}

async function run(
  program: string,
  args: string[],
  password: string,
  input: Uint8Array | undefined,
): Promise<Deno.CommandOutput> {
  const child = new Deno.Command(program, {
    args,
    env: { DROVER_PASSWORD: password },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT),
  }).spawn();
  const [output] = await Promise.all([child.output(), feed(child.stdin, input)]);
  return output;
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  input: Uint8Array | undefined,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (input !== undefined) await writer.write(new Uint8Array(input));
    await writer.close();
  } catch { /* a peer may end without reading all of it; its result says why */ }
}
