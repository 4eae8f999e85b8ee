/** Where reporters write: a function that takes bytes, synchronously. @module */

/** Takes all of `bytes`. */
export type Sink = (bytes: Uint8Array) => void;

/** The part of `Deno.stdout` that a sink needs. */
export interface SyncWriter {
  writeSync(bytes: Uint8Array): number;
}

/**
 * A sink on an output stream. A reader that went away (`drover … | head`) ends it quietly: later bytes are dropped and
 * `onClosed` is called once.
 */
export function writerSink(writer: SyncWriter, onClosed: () => void = () => {}): Sink {
  let closed = false;
  return (bytes) => {
    let at = 0;
    while (!closed && at < bytes.length) {
      try {
        at += writer.writeSync(bytes.subarray(at));
      } catch (error) {
        // Another process that shares the terminal or pipe may have made it non-blocking.
        if (error instanceof Deno.errors.WouldBlock) pause();
        else if (error instanceof Deno.errors.BrokenPipe) {
          closed = true;
          onClosed();
        } else throw error;
      }
    }
  };
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

function pause(): void {
  Atomics.wait(nothing, 0, 0, 2);
}
