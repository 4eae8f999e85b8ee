/** What a command says on standard error beside what it shows. @module */

const onStandardError = (text: string) => console.error(text);
let show = onStandardError;

/** Tells `text`, a whole line without its end, of what happens beside the command's own output. */
export function tell(text: string): void {
  show(text);
}

/** Tells it by `to` instead until the end of the result: what draws on the terminal would overwrite standard error. */
export function tellThrough(to: (text: string) => void): Disposable {
  show = to;
  return { [Symbol.dispose]: () => void (show = onStandardError) };
}
