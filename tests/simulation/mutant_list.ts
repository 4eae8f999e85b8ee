/** The planted bugs of `deno task mutants`: which lines of the product they change. A table, so it stays whole. @module */

/** One planted bug: texts that occur once in a file, and what stands there instead. */
export interface Mutant {
  readonly name: string;
  /** The scenario that is run; default: all in turn. Named where what it needs is rare in the others. */
  readonly scenario?: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const one = (name: string, file: string, from: string, to: string): Mutant => ({
  name,
  edits: [{ file, from, to }],
});

/** All of them. */
export const mutants: readonly Mutant[] = [
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
        from: 'context.reply(exchange.replyTo, { kind: "failed", error, sent });',
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
    'context.reply(exchange.replyTo, { kind: "failed", error, sent });',
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
  one(
    "a circuit never half-opens",
    "actors/host/breaker.ts",
    'return circuit.kind === "open" && now >= circuit.until ? { ...circuit, kind: "halfOpen" } : circuit;',
    "return now < 0 ? { ...circuit } : circuit;",
  ),
  one(
    "a circuit opens at once",
    "actors/host/breaker.ts",
    "failures < Math.max(breakerThreshold, retries + 2)",
    "failures < 2",
  ),
  one(
    "a place for a connection is not given back",
    "actors/host/budget.ts",
    "        this.#holders.delete(message.link);\n        this.#grant(context);",
    "        this.#grant(context);",
  ),
  one(
    "the budget of connections is ignored",
    "actors/host/budget.ts",
    "if (this.#holders.size >= places) return;",
    "",
  ),
  one(
    "a sweep deletes the shells of others",
    "actors/host/shell_names.ts",
    'owner !== "" && name !== undefined && name.startsWith(shellName(owner, ""))',
    'owner !== "" && name !== undefined',
  ),
  one(
    "a sweep leaves the last page",
    "actors/host/questions.ts",
    "if (page.context === undefined) return true;",
    "if (pages >= 1) return true;",
  ),
  one(
    "a job keeps its turn",
    "actors/scheduler/scheduler.ts",
    "    lane.job.place.chain?.rotate(lane.job.place);\n",
    "",
  ),
  one(
    "the limit of users is ignored",
    "actors/scheduler/scheduler.ts",
    "(entry.shells === 0 || key.shells > 0 || key.host.users < limits.users) &&",
    "",
  ),
  one(
    "the limit of processes in a shell is ignored",
    "actors/scheduler/scheduler.ts",
    "(processOf === undefined || (key.processes?.get(processOf) ?? 0) < limits.processesPerShell);",
    "(processOf === undefined || limits.processesPerShell > 0);",
  ),
  one(
    "the limit of operations is ignored",
    "actors/scheduler/scheduler.ts",
    "return (entry.operations === 0 || this.#fitsOperations(entry)) &&",
    "return",
  ),
  one(
    "a lower priority starves",
    "actors/scheduler/round.ts",
    "if (this.#left[rank]! > 0) return rank;",
    "if (waiting || rank < ranks) return rank;",
  ),
  {
    ...one(
      "a refused Send passes for taken",
      "actors/host/command.ts",
      "      // Nothing of it was taken.\n",
      "      return this.#input(context);\n",
    ),
    scenario: "quota",
  },
  one(
    "any refusal passes for a quota's",
    "actors/host/retry.ts",
    "return quotaOf(error.faultCode) === undefined ? undefined : error;",
    "return error;",
  ),
  {
    name: "the intent is written after Command",
    edits: [
      {
        file: "actors/daemon/durable_job.ts",
        from: "this.#journal.add(record, (error, own) => {",
        to: 'context.send(execution, { kind: "proceed" });\n    this.#journal.add(record, (error, own) => {',
      },
      {
        file: "actors/daemon/durable_job.ts",
        from: 'if (error === undefined) own.send(execution, { kind: "proceed" });',
        to: "if (error === undefined) void own;",
      },
    ],
  },
  one(
    "output is acknowledged before it is on disk",
    "actors/daemon/durable_job.ts",
    "last ? taken : undefined);",
    "undefined);\n      if (last) taken(undefined, context);",
  ),
  one(
    "what was sent in an earlier life is begun again",
    "actors/daemon/durable_job.ts",
    "if (host.intent !== null) this.#recover(slot, context);",
    "void slot;",
  ),
  one(
    "a recovered command ends as if nobody had missed anything",
    "actors/daemon/durable_job.ts",
    "slot.attached ? received(result) : result",
    "result",
  ),
  {
    ...one(
      "a wish is answered before it is on disk",
      "actors/daemon/journal.ts",
      "if (this.#failure !== undefined) then(this.#failure, context);",
      "if (this.#pauseMs > 0) then(undefined, context);",
    ),
    scenario: "daemon",
  },
  {
    ...one(
      "a batch does not wait for the one before it",
      "actors/daemon/rolling.ts",
      "this.#left[this.#batch] === 0 && ",
      "",
    ),
    scenario: "daemon",
  },
  {
    ...one(
      "failures of a rolling job are forgotten with a restart",
      "actors/daemon/durable_job.ts",
      "this.#rolling = new Rolling(job.hosts, rolling, unfinished, failures);",
      "this.#rolling = new Rolling(job.hosts, rolling, unfinished, failures - failures);",
    ),
    scenario: "daemon",
  },
  {
    ...one(
      "a durable job's throttle is ignored",
      "actors/daemon/durable_job.ts",
      "throttle: request.throttle ?? this.#spec.throttle,",
      "throttle: this.#spec.throttle,",
    ),
    scenario: "daemon",
  },
  {
    ...one(
      "what the store could not keep is forgotten",
      "actors/daemon/journal.ts",
      'this.#queue = all.filter(({ record }) => record.kind !== "intent");',
      "this.#queue = [];",
    ),
    scenario: "daemon",
  },
];
