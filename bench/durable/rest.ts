import { fileURLToPath } from "node:url";
import { systemClock } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { alternate, type GoalOptions, type Measured } from "../goals/process.ts";
import { measure } from "../run.ts";
import { inFolder } from "./stores.ts";
import { Carts } from "./turns.ts";
import { Recording } from "./watched_store.ts";

/** The number of rows written together while the store is filled. */
const fillAtOnce = 10_000;

/** The count of each of the actors at rest. */
const counted = 1;

/** The name of the case. */
export const restCase = "rest";

/**
 * Measures a process that starts on a SQLite file with very many actors at rest: the time from its start
 * until the store is open, and from then until an actor that is not in memory has replied.
 */
export async function startBesideRest(actors: number, options: GoalOptions): Promise<Measured> {
  return await inFolder(async (folder) => {
    const file = `${folder}/posthorn.db`;
    await fill(file, actors);
    const once = () => {
      const program = fileURLToPath(new URL("rest_start.ts", import.meta.url));
      const key = String(Math.floor(actors * 0.77));
      const args = ["run", "-A", program, file, key, String(Date.now())];
      return measure({ command: Deno.execPath(), args }, counted);
    };
    await once(); // the first start handles what filling the store has left
    return await alternate([{ id: restCase, run: once }], { ...options, runs: Math.max(options.runs, 5) });
  });
}

/** Writes the records of actors as the runtime would have. */
async function fill(file: string, actors: number): Promise<void> {
  const recording = new Recording();
  {
    await using carts = new Carts(memoryStore(), recording, 1);
    await carts.add(0);
    await carts.totals(); // the state is committed when the reply arrives
  }
  const writes = recording.recorded.flat().flatMap(({ writes }) => writes);
  const record = writes.findLast(({ key }) => key.startsWith("actor\u001f"))!;
  const head = record.key.slice(0, record.key.lastIndexOf("\u001f") + 1);
  const connection = await sqlite(file).open({ clock: systemClock() });
  for (let from = 0; from < actors; from += fillAtOnce) {
    const length = Math.min(fillAtOnce, actors - from);
    const rows = Array.from({ length }, (_, at) => ({ key: `${head}${from + at}`, value: record.value }));
    await connection.commit([{ checks: [], writes: rows, removals: [] }]);
  }
  await connection.close();
}
