import { DatabaseSync } from "node:sqlite";
import { memoryStore, System } from "@posthorn/posthorn";
import type { Outcome } from "../contender.ts";
import { percentilesOf } from "./percentiles.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { Carts, stepper } from "./turns.ts";
import { Following, Recording, watched } from "./watched_store.ts";

/** One message at a time, to one actor: how long from sending until it is accepted, and until it is done. */
export async function lone(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    await using carts = new Carts(kind.make(folder), new Following(), 1);
    const warming = Math.ceil(count / 5);
    for (let index = 0; index < warming; index++) await carts.alone(0);
    const toDone: number[] = [];
    const toAccepted: number[] = [];
    const startMs = performance.now();
    for (let index = 0; index < count; index++) {
      const { sentMs, acceptedMs, doneMs } = await carts.alone(0);
      toAccepted.push(acceptedMs - sentMs);
      toDone.push(doneMs - sentMs);
    }
    const elapsedMs = performance.now() - startMs;
    const also = { ...percentilesOf(toDone), acceptedP50: percentilesOf(toAccepted).p50 };
    return { elapsedMs, check: await carts.total(0) - warming, also };
  });
}

/** How many of one kind are measured before the other has its turn. */
const blockLength = 50;

/**
 * Asks, one after another, each of which changes the state; and as many bare commits of the same row with one check
 * (Deno KV) or in a transaction of its own (SQLite), block by block in turn. The check is the last answer.
 */
export async function askBesideBare(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const value = await rowOfStep();
    const bare = kind.id.startsWith("kv") ? await bareKvCommit(kind, folder) : bareSqliteCommit(kind, folder);
    const system = new System({ actors: [stepper.actor], store: kind.make(folder) });
    const ref = system.ref(stepper.protocol, "0");
    const asks: number[] = [];
    const commits: number[] = [];
    let x = 0;
    const startMs = performance.now();
    const block = async (length: number, keep: boolean) => {
      for (let index = 0; index < length; index++) {
        const beganMs = performance.now();
        x = await ref.ask(stepper.protocol.next, x);
        if (keep) asks.push(performance.now() - beganMs);
      }
      for (let index = 0; index < length; index++) {
        value[value.length - 1] = index % 10 + 48; // what does not change is not written
        const beganMs = performance.now();
        await bare.commit(value);
        if (keep) commits.push(performance.now() - beganMs);
      }
    };
    for (let done = 0; done < count / 5; done += blockLength) await block(blockLength, false);
    const warming = x;
    for (let done = 0; done < count; done += blockLength) {
      await block(Math.min(blockLength, count - done), true);
    }
    const elapsedMs = performance.now() - startMs;
    await system.stop({ drainMs: 0 });
    bare.close();
    const also = { askP50: percentilesOf(asks).p50, commitP50: percentilesOf(commits).p50 };
    return { elapsedMs, check: x - warming, also };
  });
}

/** The row that such an ask writes. */
async function rowOfStep(): Promise<Uint8Array> {
  const recording = new Recording();
  await using system = new System({ actors: [stepper.actor], store: watched(memoryStore(), recording) });
  await system.ref(stepper.protocol, "0").ask(stepper.protocol.next, 0);
  const rows = recording.recorded.flat().flatMap(({ writes }) => writes);
  return rows.find(({ key }) => key.startsWith("actor"))!.value;
}

interface BareCommit {
  commit(value: Uint8Array): unknown;
  close(): void;
}

function bareSqliteCommit({ id }: StoreKind, folder: string): BareCommit {
  const database = new DatabaseSync(id === "memory" ? ":memory:" : `${folder}/bare.db`);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${id === "sqliteFull" ? "FULL" : "NORMAL"};
    CREATE TABLE bare (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);`);
  const [begin, put, commit] = [
    "BEGIN IMMEDIATE",
    "INSERT INTO bare VALUES ('actor', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    "COMMIT",
  ].map((sql) => database.prepare(sql));
  return {
    commit(value) {
      begin.run();
      put.run(value);
      commit.run();
    },
    close: () => database.close(),
  };
}

async function bareKvCommit({ id }: StoreKind, folder: string): Promise<BareCommit> {
  const kv = await Deno.openKv(id === "kvFile" ? `${folder}/bare.kv` : ":memory:");
  const key = ["bare", "actor"];
  let versionstamp: string | null = null;
  return {
    async commit(value) {
      const result = await kv.atomic().check({ key, versionstamp }).set(key, value).commit();
      if (!result.ok) throw new Error("a bare commit failed");
      versionstamp = result.versionstamp;
    },
    close: () => kv.close(),
  };
}
