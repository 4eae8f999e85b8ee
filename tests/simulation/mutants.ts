/**
 * `deno task mutants [NAME…]`: plants one bug after the other in a copy of the sources and shows that the simulation finds it
 * within 500 seeds. The product is not touched, and has no switches for this. Exit code 1 when a bug is not found, or cannot be
 * planted because the source has changed.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One planted bug: texts that occur once in a file, and what stands there instead. */
interface Mutant {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const one = (name: string, file: string, from: string, to: string): Mutant => ({
  name,
  edits: [{ file, from, to }],
});

const mutants: readonly Mutant[] = [
  one(
    "a permit is not returned",
    "actors/scheduler/scheduler.ts",
    "    key.entries--;\n    this.#count(entry, -1);\n    this.#changed(key, lane);",
    "    key.entries--;\n    this.#changed(key, lane);",
  ),
  {
    name: "a request is sent again after its link broke",
    edits: [
      {
        file: "actors/host/link.ts",
        from: 'context.reply(exchange.replyTo, { kind: "failed", error, sent: true });',
        to: "void error;",
      },
      {
        file: "actors/host/link.ts",
        from: 'if (ready) context.send(this.#session, { kind: "linkClosed", link: context.self });',
        to: 'if (ready) { context.send(this.#session, { kind: "linkClosed", link: context.self });\n' +
          'if (exchange !== undefined) context.send(this.#session, { kind: "linkRefused", link: context.self }); }',
      },
    ],
  },
  one(
    "what was sent passes for not sent",
    "actors/host/link.ts",
    'context.reply(exchange.replyTo, { kind: "failed", error, sent: true });',
    'context.reply(exchange.replyTo, { kind: "failed", error, sent: false });',
  ),
  one(
    "a lost Signal counts as confirmed",
    "actors/host/command.ts",
    'else if (outcome.kind === "failed") this.#lost(outcome.error, context);\n    else {',
    "else {",
  ),
  one(
    "the end overtakes the last output",
    "actors/host/command.ts",
    "if (pieces.length > 0) {",
    'if (pieces.length > 0 && result.state !== "Done") {',
  ),
  one(
    "the window has no bound",
    "actors/host/command.ts",
    "this.#credit.left === 0",
    "this.#credit.grant(1) !== undefined",
  ),
  one(
    "a job's throttle is ignored",
    "actors/scheduler/scheduler.ts",
    "job.ready.size > 0 && job.used < job.throttle",
    "job.ready.size > 0",
  ),
  one(
    "the limit of shells is ignored",
    "actors/scheduler/scheduler.ts",
    "(entry.shells === 0 || key.shells < limits.shells) &&",
    "",
  ),
  one(
    "a shell is not deleted",
    "actors/host/shell.ts",
    'this.#state = advance(shellTransitions, this.#state, "delete");\n',
    'this.#state = advance(shellTransitions, this.#state, "delete");\n    if (this.#deletes >= 0) return;\n',
  ),
  one(
    "a byte of a divided output is given twice",
    "actors/service/output_buffer.ts",
    "bytes: piece.bytes.subarray(length) }",
    "bytes: piece.bytes.subarray(length - 1) }",
  ),
  {
    name: "a broken connection is not closed",
    edits: [
      { file: "actors/host/link.ts", from: "context.effect(() => this.#connection?.abort());", to: "" },
      { file: "actors/host/link.ts", from: "    this.#connection?.abort();\n", to: "" },
    ],
  },
  one(
    "a host actor never ends",
    "actors/host/host.ts",
    "const idleMs = 10_000;",
    "const idleMs = 100_000_000;",
  ),
  one(
    "a stopped command is not killed",
    "actors/service/shell.ts",
    'if (command.phase === "ended") return;\n    context.effect(() => command.process?.signal("terminate"));',
    'if (command.phase === "ended") return;',
  ),
  {
    name: "the ExitCode on Running is believed",
    edits: [
      {
        file: "actors/host/command.ts",
        from: 'if (result.state !== "Done") return undefined;',
        to: 'if (result.state !== "Done" && result.exitCode === undefined) return undefined;',
      },
      {
        file: "protocol/shell/client.ts",
        from: 'exitCode = state === "Done" && code',
        to: "exitCode = code",
      },
    ],
  },
  one(
    "the proposed command id is kept",
    "actors/host/command.ts",
    "this.#commandId = readCommandResponse(outcome.envelope);",
    "readCommandResponse(outcome.envelope);",
  ),
  one(
    "what may have run passes for unreachable",
    "actors/host/execution.ts",
    'status === "unknown" && !this.#commandSent ?',
    'status === "unknown" ?',
  ),
  one(
    "a deadline is not watched",
    "actors/host/execution.ts",
    'context.timer(this.#spec.timeoutMs, { kind: "deadline" });',
    "",
  ),
  one(
    "work is sent for nobody",
    "actors/host/session.ts",
    "this.#withdraw(message.owner, context);",
    "",
  ),
  one(
    "connects without pause",
    "actors/host/session.ts",
    "else this.#pause(context);",
    "",
  ),
];

const top = fileURLToPath(new URL("../../", import.meta.url));
const seeds = 500;
const chosen = mutants.filter(({ name }) =>
  Deno.args.length === 0 || Deno.args.some((part) => name.includes(part))
);
const copy = await Deno.makeTempDir({ prefix: "drover-mutants-" });
let missed = 0;
try {
  for (const name of ["actors", "protocol", "runtime", "ffi", "tests/helpers", "tests/simulation"]) {
    await copyFolder(join(top, name), join(copy, name));
  }
  for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(join(top, name), join(copy, name));
  for (const mutant of chosen) {
    const outcome = await tryMutant(mutant);
    if (!outcome.startsWith("found")) missed++;
    console.log(`${mutant.name}: ${outcome}`);
  }
  console.log(`${chosen.length - missed} of ${chosen.length} planted bugs were found within ${seeds} seeds`);
} finally {
  await Deno.remove(copy, { recursive: true });
}
Deno.exit(missed > 0 ? 1 : 0);

/** What the simulation says first about a planted bug. */
async function tryMutant({ edits }: Mutant): Promise<string> {
  try {
    for (const { file, from, to } of edits) {
      const path = join(copy, file);
      const text = await Deno.readTextFile(path);
      if (text.split(from).length !== 2) {
        return `CANNOT BE PLANTED: ${file} has changed, fit the mutant to it`;
      }

      await Deno.writeTextFile(path, text.replace(from, () => to));
    }
    const { stdout } = await new Deno.Command("deno", {
      args: [
        "run",
        "--no-check",
        "--allow-read",
        "tests/simulation/main.ts",
        "--first",
        "--seeds",
        String(seeds),
      ],
      cwd: copy,
      stderr: "null",
    }).output();
    const found = /FAILED (seed \d+ \w+)[^\n]*\n\s*([^\n]*)/.exec(new TextDecoder().decode(stdout));
    return found === null ? "MISSED" : `found by ${found[1]}: ${found[2]}`;
  } finally {
    for (const { file } of edits) await Deno.copyFile(join(top, file), join(copy, file));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else if (isFile) {
      await Deno.copyFile(join(from, name), join(to, name));
    }
  }
}
