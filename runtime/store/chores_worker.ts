/** The thread of a chore: one request, one answer. @module */
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../actors/daemon/job_store.ts";
import type { Chore, ChoreAnswer } from "./chores.ts";
import { applicationId } from "./schema.ts";
import { Sql, storeError } from "./sql.ts";
import { noteOf } from "./writer.ts";

/** What a worker has of its global scope, which the types of the main thread do not know. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Chore>) => void;
  postMessage(answer: ChoreAnswer): void;
};

function run(chore: Chore): readonly string[] {
  const db = new DatabaseSync(chore.path, { readOnly: true, timeout: 5000 });
  try {
    const sql = new Sql(db);
    if (chore.kind === "copy") {
      const { application_id: id } = sql.get<{ application_id: number }>("PRAGMA application_id")!;
      if (id !== applicationId) {
        throw new StoreError("StoreForeign", "back up store: the file is a database of another program");
      }
      sql.run("VACUUM INTO ?", chore.to);
      return [];
    }
    return sql.all<{ integrity_check: string }>("PRAGMA integrity_check(100)")
      .map((row) => row.integrity_check).filter((line) => line !== "ok");
  } finally {
    db.close();
  }
}

scope.onmessage = ({ data }) => {
  try {
    scope.postMessage({ problems: run(data) });
  } catch (error) {
    const action = data.kind === "copy" ? "back up store" : "check store";
    scope.postMessage({ error: noteOf(storeError(action, error)) });
  }
};
