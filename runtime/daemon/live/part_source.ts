/** Answers that go on and on, without a stream of the platform, which costs 3 KB of garbage for each part. @module */

/** Parts of an answer, each taken when there is room for it. */
export interface PartSource {
  /** The next part, which never changes; `"later"`: there is none yet; `undefined`: there are no more. Throws where it breaks off. */
  take(): Uint8Array | "later" | undefined;
  /** Calls `wake` once when there may be more. Only after `"later"`. */
  wait(wake: () => void): void;
  /** There are no more from now on; who waits is woken. Idempotent. */
  end(): void;
}

/** A stream of the platform that gives its parts. `onError`: told of what the source throws; the stream breaks off with it. */
export function streamOf(
  source: PartSource,
  onError?: (error: unknown) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      try {
        let part = source.take();
        while (part === "later") {
          await new Promise<void>((resolve) => source.wait(resolve));
          part = source.take();
        }
        if (part !== undefined) return controller.enqueue(part as Uint8Array<ArrayBuffer>);
        source.end();
        controller.close();
      } catch (error) {
        source.end();
        onError?.(error);
        throw error;
      }
    },
    cancel: () => source.end(),
  }, { highWaterMark: 0 });
}
