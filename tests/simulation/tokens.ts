/** Tokens: which work a command line is for. @module */
import type { ProcessCommand } from "../../actors/ports.ts";

/** The token in a command line, at the machine with this address. */
export function tokenOf(command: ProcessCommand, address: string): string {
  const text = command.kind === "line" ? command.line : [command.program, ...command.args].join(" ");
  return atHost(/[a-z0-9]+@(?:[0-9.]+|here)/.exec(text)?.[0] ?? text, address);
}

/** Durable jobs have one command for all hosts: `JOB@here`. */
export function atHost(token: string, address: string): string {
  return token.endsWith("@here") ? token.replace("here", address) : token;
}
