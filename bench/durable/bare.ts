import { DatabaseSync } from "node:sqlite";
import type { AtomicPart } from "@posthorn/posthorn/store";
import type { Outcome } from "../contender.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { processorMicros, turns } from "./turns.ts";
import { Recording } from "./watched_store.ts";

/** The number of turns in one atomic operation of bare Deno KV. */
export const turnsAtOnce = 25;

interface Size {
  readonly actors: number;
  readonly count: number;
}

/**
 * Records what Posthorn commits on a store for a number of turns, commit by commit, with each message stored
 * before its turn, as rows of a mailbox are in tables.
 */
async function record(kind: StoreKind, size: Size): Promise<Recording> {
  const recording = new Recording();
  await inFolder((folder) => turns(kind.make(folder), recording, { ...size, stored: true }));
  return recording;
}

/**
 * The same rows without a runtime: writes what Posthorn committed into a table of `node:sqlite`, with the
 * same keys and values in the same groups, by prepared statements, with the same settings of the file.
 * Nothing is checked.
 */
export async function bareSqlite(kind: StoreKind, size: Size): Promise<Outcome> {
  const { before, recorded, turns: count } = await record(kind, size);
  return await inFolder((folder) => {
    const database = new DatabaseSync(`${folder}/bare.db`);
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000;
      PRAGMA synchronous = ${kind.id === "sqliteFull" ? "FULL" : "NORMAL"};
      CREATE TABLE bare (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);`);
    const put = database.prepare(
      "INSERT INTO bare VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    const remove = database.prepare("DELETE FROM bare WHERE key = ?");
    const begin = database.prepare("BEGIN IMMEDIATE");
    const commit = database.prepare("COMMIT");
    const ended = recorded.reduce((sum, parts) => sum + parts.flatMap(({ removals }) => removals).length, 0);
    let removed = 0;
    const write = (parts: readonly AtomicPart[]) => {
      begin.run();
      for (const { writes, removals } of parts) {
        for (const { key, value } of writes) put.run(key, value);
        for (const { key } of removals) removed += Number(remove.run(key).changes); // each one exists
      }
      commit.run();
    };
    for (const parts of before) write(parts);
    removed = 0;
    const startMicros = processorMicros();
    const startMs = performance.now();
    for (const parts of recorded) write(parts);
    const elapsedMs = performance.now() - startMs;
    const processorMicrosPerTurn = (processorMicros() - startMicros) / count;
    database.close();
    return Promise.resolve({
      elapsedMs,
      check: removed === ended ? count : NaN,
      also: { ...shapeOf(recorded), processorMicrosPerTurn },
    });
  });
}

/**
 * The same for Deno KV: the mutations that Posthorn committed, in sequential atomic operations of 25 turns
 * each. Nothing is checked.
 */
export async function bareKv(kind: StoreKind, size: Size): Promise<Outcome> {
  const { before, recorded, turns: count } = await record(kind, size);
  return await inFolder(async (folder) => {
    using kv = await Deno.openKv(kind.id === "kvFile" ? `${folder}/bare.kv` : ":memory:");
    const write = async (parts: readonly AtomicPart[]) => {
      const atomic = kv.atomic();
      for (const { writes, removals } of parts) {
        for (const { key, value } of writes) atomic.set(["bare", key], value);
        for (const { key } of removals) atomic.delete(["bare", key]);
      }
      await atomic.commit();
    };
    for (const parts of before) await write(parts);
    const groups = regrouped(recorded.flat(), Math.ceil(size.count / turnsAtOnce));
    const startMs = performance.now();
    for (const parts of groups) await write(parts);
    const elapsedMs = performance.now() - startMs;
    return { elapsedMs, check: count, also: shapeOf(groups) };
  });
}

/** The maximum number of mutations in one atomic operation. */
const mutationsMax = 1_000;

/**
 * Divides parts into about `groups` groups, none of which is too large. An index entry that a group has
 * already written is left out, as in Posthorn's store.
 */
function regrouped(parts: readonly AtomicPart[], groups: number): (readonly AtomicPart[])[] {
  const each = parts.length / groups;
  const made: AtomicPart[][] = [[]];
  let entries = new Set<string>();
  let mutations = 0;
  let until = each;
  for (const [index, part] of parts.entries()) {
    const size = part.writes.length + part.removals.length;
    if (index >= until || mutations + size > mutationsMax) {
      made.push([]);
      entries = new Set();
      mutations = 0;
      until = index + each;
    }
    const writes = part.writes.filter(({ key, value }) => value.length > 0 || !entries.has(key));
    for (const { key, value } of writes) if (value.length === 0) entries.add(key);
    made.at(-1)!.push({ ...part, writes });
    mutations += writes.length + part.removals.length;
  }
  return made;
}

function shapeOf(groups: readonly (readonly AtomicPart[])[]) {
  const parts = groups.flat();
  const rows = parts.reduce((sum, { writes, removals }) => sum + writes.length + removals.length, 0);
  return { partsPerCommit: parts.length / groups.length, rowsPerCommit: rows / groups.length };
}
