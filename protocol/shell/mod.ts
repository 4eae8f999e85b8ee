/** The Windows shell protocol (winrs), both halves. @module */
export * from "./answers.ts";
export * from "./client.ts";
export { commandLine, quotePosix, quoteWindows } from "./quoting.ts";
export * from "./server.ts";
export { signalCodes, type SignalKind, signalKind } from "./signals.ts";
export {
  advance,
  type CommandState,
  type CommandStep,
  commandTransitions,
  type ShellState,
  type ShellStep,
  shellTransitions,
} from "./state.ts";
