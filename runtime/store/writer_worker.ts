/** The thread of the writer: requests in, answers out, one after the other. @module */
import { StoreError } from "../../actors/daemon/job_store.ts";
import { storeError } from "./sql.ts";
import { noteOf, Writer } from "./writer.ts";
import type { WriterAnswer, WriterRequest } from "./writer_protocol.ts";

/** What a worker has of its global scope, which the types of the main thread do not know. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<WriterRequest>) => void;
  postMessage(answer: WriterAnswer): void;
};

let writer: Writer | undefined;
let epoch = 0;
let refusal: StoreError | undefined;

function answer(request: WriterRequest): WriterAnswer {
  if (request.kind === "open") {
    writer = new Writer(request.path);
    return { kind: "opened", state: writer.state() };
  }
  if (writer === undefined) throw new StoreError("StoreClosed", "use store: it is not open");
  switch (request.kind) {
    case "batch":
      if (request.epoch < epoch) throw refusal!;
      try {
        const outcomes = writer.write(request.batch);
        return { kind: "written", outcomes, state: writer.state() };
      } catch (error) {
        epoch++;
        refusal = storeError("write to store", error);
        throw refusal;
      }
    case "retain":
      return { kind: "retained", step: writer.retain(request.terms), state: writer.state() };
    case "close": {
      const state = writer.state();
      writer.close();
      writer = undefined;
      return { kind: "closed", state };
    }
  }
}

scope.onmessage = ({ data }) => {
  try {
    scope.postMessage(answer(data));
  } catch (error) {
    scope.postMessage({ kind: "failed", error: noteOf(storeError("use store", error)) });
  }
};
