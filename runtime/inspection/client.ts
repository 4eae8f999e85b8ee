/** Finds processes of Drover that belong to this user, and asks them what they are doing. @module */
import { NetworkError, ProtocolError, UsageError } from "../../protocol/errors.ts";
import { candidateFolders, checkFolder, ownEnvironment } from "./folder.ts";
import { linesOf, writeAll } from "./lines.ts";
import {
  type InspectionFault,
  type InspectionRequest,
  type ProcessSnapshot,
  readAnswer,
} from "./protocol.ts";

/** A socket that a process has left or has open. */
export interface InspectionSocket {
  /** Process id, by its name. */
  readonly pid: number;
  /** Where it is. */
  readonly path: string;
}

const maxAnswerBytes = 16 * 1024 * 1024;
const answerMs = 10_000;

/** All sockets in the folders of this user, by process id. */
export function inspectionSockets(): InspectionSocket[] {
  const environment = ownEnvironment();
  const found: InspectionSocket[] = [];
  for (const folder of candidateFolders(environment)) {
    if (checkFolder(folder, environment.uid).kind === "unusable") continue;
    for (const name of namesIn(folder)) {
      const pid = /^(\d{1,10})\.sock$/.exec(name)?.[1];
      if (pid !== undefined) found.push({ pid: Number(pid), path: `${folder}/${name}` });
    }
  }
  return found.sort((a, b) => a.pid - b.pid);
}

/** None where the folder is gone with the process that was the last in it. */
function namesIn(folder: string): readonly string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/**
 * Asks one process for a picture. `undefined` when nobody listens at its socket any more, which is then removed.
 *
 * @throws UsageError `ActorUnknown` for what the process cannot show
 * @throws NetworkError `InspectionTimeout`, `InspectionBroken`
 * @throws ProtocolError `BadInspection` when what comes back is no picture
 */
export async function inspectProcess(
  socket: InspectionSocket,
  request: InspectionRequest,
): Promise<ProcessSnapshot | undefined> {
  const connection = await connect(socket);
  if (connection === undefined) return undefined;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    connection.close();
  }, answerMs);
  let answer: ProcessSnapshot | InspectionFault | undefined;
  try {
    await writeAll(connection, `${JSON.stringify(request)}\n`);
    const line = await linesOf(connection, maxAnswerBytes).next();
    if (line.done === true && line.value === "end") {
      throw new NetworkError(
        "InspectionBroken",
        `inspect process ${socket.pid}: it has closed the connection`,
      );
    }
    answer = line.done === true ? undefined : readAnswer(line.value);
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    throw late
      ? new NetworkError(
        "InspectionTimeout",
        `inspect process ${socket.pid}: no answer within ${answerMs} ms`,
      )
      : new NetworkError("InspectionBroken", `inspect process ${socket.pid}: the connection broke`, {
        cause: error,
      });
  } finally {
    clearTimeout(timer);
    if (!late) connection.close();
  }
  if (answer === undefined) {
    throw new ProtocolError("BadInspection", `inspect process ${socket.pid}: its answer is no picture`);
  }
  if ("error" in answer) {
    throw new UsageError("ActorUnknown", `inspect process ${socket.pid}: ${answer.error.slice(0, 500)}`);
  }
  return answer;
}

/** A connection; `undefined` when the process is gone, whose socket is removed then. */
async function connect({ pid, path }: InspectionSocket): Promise<Deno.Conn | undefined> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof Deno.errors.ConnectionRefused)) {
      throw new NetworkError("InspectionBroken", `inspect process ${pid}: its socket cannot be opened`, {
        cause: error,
      });
    }
  }
  // A socket has its name only while somebody listens, or after the end of its process.
  try {
    Deno.removeSync(path);
  } catch {
    // Somebody else has removed it.
  }
  return undefined;
}
