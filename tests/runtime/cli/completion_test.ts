/** Completion scripts, in the shells that are for them; bash is everywhere where the tests run. */
import type { Command } from "commander";
import assert from "node:assert/strict";
import { commandNodes } from "../../../runtime/cli/completion/nodes.ts";
import { bashCompletion } from "../../../runtime/cli/completion/bash.ts";
import { fishCompletion } from "../../../runtime/cli/completion/fish.ts";
import { zshCompletion } from "../../../runtime/cli/completion/zsh.ts";
import { droverCommand } from "../../../runtime/cli/main.ts";
import { drover } from "./drover.ts";

const nodes = commandNodes(droverCommand());

/** What a shell prints of a script; `undefined`: it is not installed. */
async function run(shell: string, args: readonly string[], script: string): Promise<string | undefined> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, script);
  try {
    const { success, stdout, stderr } = await new Deno.Command(shell, { args: [...args, path] }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("help fits 80 columns, and shows no value as JSON; what is completed is not cut at e.g.", () => {
  const all = (command: Command): Command[] => [command, ...(command.commands as Command[]).flatMap(all)];
  for (const command of all(droverCommand())) {
    let text = "";
    command.configureOutput({ writeOut: (part) => text += part, getOutHelpWidth: () => 80 }).outputHelp();
    for (const line of text.split("\n")) assert.ok(line.length <= 80, `${command.name()}: ${line}`);
    assert.doesNotMatch(text, /default: [{[]/, command.name());
  }
  for (const { options } of nodes) for (const { about } of options) assert.doesNotMatch(about, /e\.g$/);
});

const quoted = (word: string) => `'${word}'`;

Deno.test("bash completes commands, options, values and files as they stand on the command line", async () => {
  const file = new URL("../../../READ", import.meta.url).pathname;
  const cases: [string[], string[]][] = [
    [["ho"], ["host"]],
    [["host", "s"], ["show", "set", "shells", "settings"]],
    [["host", "add", "x", "--sch"], ["--scheme"]],
    [["host", "add", "x", "--scheme", ""], ["http", "https"]],
    [["host", "add", "x", "--scheme", "=", "https"], ["https"]],
    [["host", "add", "x", "--scheme", "="], ["http", "https"]],
    // The value of an option is no command, whatever it is.
    [["exec", "--limit", "token", "--no-i"], ["--no-inspect"]],
    [["token", "create", "--api", "list", "--sc"], ["--scope"]],
    [["exec", "-i", file], [`${file}ME.md`]],
    [["exec", "--", "--he"], []],
    [["completion", "z"], ["zsh"]],
    [["job", "list", "--state", "q"], ["queued"]],
  ];
  const asks = cases.map(([words]) =>
    `COMP_WORDS=(drover ${words.map(quoted).join(" ")}); COMP_CWORD=${words.length}; _drover; ` +
    `printf '%s ' "\${COMPREPLY[@]}"; echo`
  );
  const said = await run(
    "bash",
    ["--norc"],
    [bashCompletion(nodes), "complete -p drover", ...asks].join("\n"),
  );
  const [registered, ...lines] = said!.trimEnd().split("\n").map((line) => line.trim());
  assert.equal(registered, "complete -F _drover drover");
  assert.deepEqual(lines, cases.map(([, expected]) => expected.join(" ")));
});

Deno.test("zsh and fish, where they are, take their scripts", async (test) => {
  await test.step("zsh", async () => {
    const stubs =
      'compdef() { :; }; compadd() { print -r -- "${(P)2}"; }; _describe() { print -r -- "${(P)4}"; }';
    const asks =
      "words=(drover host add x --scheme ''); CURRENT=6; _drover\nwords=(drover host sh); CURRENT=3; _drover";
    const said = await run("zsh", ["-f"], [stubs, zshCompletion(nodes), asks].join("\n"));
    if (said === undefined) return;
    const [schemes, commands] = said.split("\n");
    assert.equal(schemes, "http https");
    assert.match(commands!, /shells:List the shells that are open at a host/);
  });
  await test.step("fish", async () => {
    const asks = [
      'complete -C "drover host add x --scheme "',
      'complete -C "drover host she"',
      'complete -C "drover exec -- toke"',
    ];
    const said = await run("fish", ["--no-config"], [fishCompletion(nodes), ...asks].join("\n"));
    if (said === undefined) return;
    assert.deepEqual(said.trim().split("\n").map((line) => line.split("\t")[0]), ["http", "https", "shells"]);
  });
});

Deno.test("drover completion prints the script of the shell that was named", async () => {
  assert.equal((await drover(["completion", "bash"])).stdout.trimEnd(), bashCompletion(nodes));
  const refused = await drover(["completion", "cmd"]);
  assert.deepEqual([refused.code, /bash, zsh, fish/.test(refused.stderr)], [2, true]);
});
